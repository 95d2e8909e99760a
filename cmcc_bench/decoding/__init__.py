"""Decoding: what a trained model writes for each exchange, fast on a CPU; all of it needs torch.

from cmcc_bench.decoding import decode, predict
"""

from .decoder import BATCH_SIZE, DecodingCounts, decode, decode_one, generate
from .dialogues import DialogueInput, response_dialogues, track2_dialogue, track2_kb
from .exchange import MODES
from .packing import pack_linear_layers
from .run import TrainedModel, open_model, predict
from .run_files import PredictionRun
from .source import FORMATS

__all__ = [
    "BATCH_SIZE",
    "FORMATS",
    "MODES",
    "DecodingCounts",
    "DialogueInput",
    "PredictionRun",
    "TrainedModel",
    "decode",
    "decode_one",
    "generate",
    "open_model",
    "pack_linear_layers",
    "predict",
    "response_dialogues",
    "track2_dialogue",
    "track2_kb",
]

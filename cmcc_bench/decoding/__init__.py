"""Decoding: generates the predictions of a trained model for each exchange, fast on a CPU. It needs torch.

    from cmcc_bench.decoding import decode, predict

The names are imported when they are used, so that modules without torch (run_files, source) can be imported without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cmcc_bench.decoding.decoder import BATCH_SIZE, DecodingCounts, decode, decode_one, generate
    from cmcc_bench.decoding.dialogues import DialogueInput, response_dialogues, track2_dialogue, track2_kb
    from cmcc_bench.decoding.exchange import MODES
    from cmcc_bench.decoding.packing import pack_linear_layers
    from cmcc_bench.decoding.run import TrainedModel, open_model, predict
    from cmcc_bench.decoding.run_files import PredictionRun
    from cmcc_bench.decoding.source import FORMATS

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

_MODULES = ("run_files", "dialogues", "source", "exchange", "decoder", "packing", "run")


def __getattr__(name: str) -> Any:  # noqa: ANN401  # the type of each name is above
    if name in __all__:
        for module in _MODULES:
            found = vars(import_module(f"{__name__}.{module}"))
            if name in found:
                return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

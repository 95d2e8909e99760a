"""Decoding speed as a ratio to plain `generate`, on the same model and dialogues, with the same text asserted.

    python benchmarks/decode.py                                 # two to three minutes on two cores
    python benchmarks/decode.py --dialogues 8 --exchanges 20   # whole dialogues

The model is a GPT-2 base (12 layers, 768 wide) with random weights and a Chinese-size vocabulary. It never ends a
segment by itself, so that the segments' limits say how long the texts are: the published baseline's, for both sides.
The reference, `decode_one`, takes one dialogue at a time and calls `generate` for each segment, on the whole context.
Both decode the first exchanges of several dialogues: of a few whole ones the rows of our batch would be empty for most
of the time, as they are not in a run over a split.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

import cmcc
from cmcc_bench.decoding import (
    BATCH_SIZE,
    DecodingCounts,
    DialogueInput,
    decode,
    decode_one,
    generate,
    pack_linear_layers,
    response_dialogues,
)
from cmcc_bench.models.tokenizer import Tokenizer, character_tokenizer
from cmcc_bench.simulate import write_corpus
from cmcc_bench.tasks import Prediction
from cmcc_bench.textform import FORMS, Segment, TextForm
from cmcc_bench.views import response_rows

CHINESE = "".join(map(chr, range(0x4E00, 0xA000)))  # 20,992 characters: with BERT's marks and the form's about 21,128


@dataclass(frozen=True)
class LimitedForm(TextForm):
    """A text form with other limits for its generated segments, in order."""

    limits: tuple[int, ...] = ()

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The segments in order."""
        limits = iter(self.limits)
        return tuple(replace(s, longest=next(limits)) if s.source == "generated" else s for s in super().segments)


def random_model(tokenizer: Tokenizer) -> PreTrainedModel:
    """GPT-2 base with random weights, seed 0."""
    torch.manual_seed(0)
    special = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": tokenizer.pad_token_id}
    model: PreTrainedModel = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **special))
    model.train(False)
    return model


def simulated_dialogues(count: int, exchanges: int) -> list[DialogueInput]:
    """The first exchanges of the first dialogues of the simulator, seed 0."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), count, 0, seed=0)
        rows = [row for dialogue in cmcc.read_dialogues(folder) for row in response_rows(dialogue.row)]
    return [replace(dialogue, rows=dialogue.rows[:exchanges]) for dialogue in response_dialogues(rows)]


def in_order(predictions: Iterator[Prediction]) -> list[Prediction]:
    """The predictions by dialogue and exchange."""
    return sorted(predictions, key=lambda prediction: (prediction.dialogue_id, prediction.exchange))


def compare(dialogues: list[DialogueInput], form: TextForm, batch_size: int) -> None:
    """Times and prints both sides and asserts that their texts are the same."""
    tokenizer = character_tokenizer([CHINESE, *(row["user"] for dialogue in dialogues for row in dialogue.rows)])
    model = random_model(tokenizer)
    exchanges = sum(len(dialogue.rows) for dialogue in dialogues)
    print(f"GPT-2 base, random weights, {len(tokenizer)} tokens; {len(dialogues)} dialogues, {exchanges} exchanges")
    with torch.inference_mode():
        generate(model, [1, 2, 3], 2, 0)  # warms up
        start = time.perf_counter()
        plain = in_order(p for dialogue in dialogues for p in decode_one(model, tokenizer, form, dialogue))
        plain_seconds = time.perf_counter() - start
    print(f"row by row: {exchanges / plain_seconds:.2f} exchanges/s")
    start = time.perf_counter()
    print(f"packing {pack_linear_layers(model)} linear layers: {time.perf_counter() - start:.1f} s, once a run")
    counts = DecodingCounts()
    list(decode(model, tokenizer, form, dialogues[:1], batch_size=batch_size))  # warms up
    start = time.perf_counter()
    ours = in_order(decode(model, tokenizer, form, dialogues, batch_size=batch_size, counts=counts))
    seconds = time.perf_counter() - start
    different = sum(a != b for a, b in zip(plain, ours, strict=True))
    print(f"cmcc_bench.decoding, {batch_size} rows: {exchanges / seconds:.2f} exchanges/s in {counts.steps} steps")
    print(f"forward tokens an exchange: {counts.fed_tokens / exchanges:.0f}")
    print(f"exchanges whose text differs: {different}; expected: 0")
    print(f"ours / row by row: {plain_seconds / seconds:.1f}; goal: at least 10")
    if different:
        raise SystemExit("the texts differ: rounding decided a tie, or the decoder is wrong")


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=14, help="number of dialogues (default: %(default)s)")
    parser.add_argument(
        "--exchanges", type=int, default=2, help="maximum number of exchanges per dialogue (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-size", type=int, default=BATCH_SIZE, help="dialogues decoded together (default: %(default)s)"
    )
    parser.add_argument(
        "--limits",
        default="15,25,10,10,65",
        help="maximum number of tokens of entities, user intent, emotions, acts and response (default: %(default)s)",
    )
    options = parser.parse_args()
    limits = tuple(map(int, options.limits.split(",")))
    variant = FORMS["variant"]
    print(f"torch {torch.__version__}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    form = LimitedForm("variant", variant.emotions, variant.caring, limits)
    compare(simulated_dialogues(options.dialogues, options.exchanges), form, options.batch_size)


if __name__ == "__main__":
    main()

"""Decoding speed as a ratio to plain `generate`, on the same model and whole dialogues, with the same text asserted.

    python benchmarks/decode.py                                  # about ten minutes on two cores
    python benchmarks/decode.py --dialogues 8 --plain 1 --repeats 1 --layers 2

The model is a GPT-2 base (12 layers, 768 wide) with random weights and a Chinese-size vocabulary. It never ends a
segment by itself, so that the segments' limits say how long the texts are: the published baseline's, for both sides.
Both sides decode whole dialogues only, from the first exchange to the last. The reference, `decode_one`, takes one
dialogue at a time and calls `generate` for each segment, on the whole context; its speed does not depend on the number
of dialogues, so it decodes a few of them in each turn. Ours decodes all of them in each turn, with the slow start and
end of its batch. The sides take turns; what is quoted is the median of the turns' ratios, with the lowest and highest.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
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


def random_model(tokenizer: Tokenizer, layers: int) -> PreTrainedModel:
    """GPT-2 base with random weights, seed 0. layers: 12 in GPT-2 base."""
    torch.manual_seed(0)
    special = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": tokenizer.pad_token_id}
    model: PreTrainedModel = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_layer=layers, **special))
    model.train(False)
    return model


def simulated_dialogues(count: int) -> list[DialogueInput]:
    """The first dialogues of the simulator that have exchanges, seed 0, whole."""
    with tempfile.TemporaryDirectory() as folder:
        write_corpus(Path(folder), count, 0, seed=0)
        rows = [row for dialogue in cmcc.read_dialogues(folder) for row in response_rows(dialogue.row)]
    return list(response_dialogues(rows))


@dataclass(frozen=True)
class Run:
    """Exchanges a second, and the predictions by dialogue and exchange."""

    speed: float
    predictions: dict[tuple[str, int], Prediction]


def timed(decoded: Callable[[], Iterable[Prediction]]) -> Run:
    """Runs a decoding to its end."""
    start = time.perf_counter()
    predictions = {(prediction.dialogue_id, prediction.exchange): prediction for prediction in decoded()}
    return Run(len(predictions) / (time.perf_counter() - start), predictions)


def processor() -> str:
    """The model of the processor and the flags of it that torch uses."""
    model = platform.processor() or platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def compare(dialogues: list[DialogueInput], form: TextForm, options: argparse.Namespace) -> None:
    """Times and prints both sides in turns and asserts that their texts are the same."""
    tokenizer = character_tokenizer([CHINESE, *(row["user"] for dialogue in dialogues for row in dialogue.rows)])
    plain_model, model = (random_model(tokenizer, options.layers) for _ in range(2))
    exchanges = sum(len(dialogue.rows) for dialogue in dialogues)
    print(f"GPT-2, {options.layers} layers, random weights, {len(tokenizer)} tokens")
    print(f"{len(dialogues)} whole dialogues, {exchanges} exchanges; row by row: {options.plain} of them in each turn")
    start = time.perf_counter()
    print(f"packing {pack_linear_layers(model)} linear layers: {time.perf_counter() - start:.1f} s, once a run")
    with torch.inference_mode():
        generate(plain_model, [1, 2, 3], 2, 0)  # warms up
    ratios, different = list[float](), 0
    for turn in range(options.repeats):
        few = [dialogues[(turn * options.plain + number) % len(dialogues)] for number in range(options.plain)]
        plain = timed(lambda: (p for one in few for p in decode_one(plain_model, tokenizer, form, one)))  # noqa: B023
        counts = DecodingCounts()
        ours = timed(
            lambda: decode(model, tokenizer, form, dialogues, batch_size=options.batch_size, counts=counts)  # noqa: B023
        )
        ratios.append(ours.speed / plain.speed)
        different += sum(ours.predictions[key] != text for key, text in plain.predictions.items())
        rows = counts.fed_tokens / exchanges
        print(
            f"turn {turn + 1}: row by row {plain.speed:.2f} exchanges/s, {options.batch_size} rows {ours.speed:.2f} in"
            f" {counts.steps} steps, {rows:.0f} tokens an exchange; ratio {ratios[-1]:.1f}",
            flush=True,
        )
    print(f"exchanges whose text differs: {different}; expected: 0")
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    print(f"ours / row by row: {statistics.median(ratios):.1f} ({spread} in {len(ratios)} turns); goal: at least 10")
    if different:
        raise SystemExit("the texts differ: rounding decided a tie, or the decoder is wrong")


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=32, help="whole dialogues of ours (default: %(default)s)")
    parser.add_argument(
        "--plain", type=int, default=2, help="whole dialogues of the reference in each turn (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=3, help="number of turns (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=12, help="layers of the model (default: %(default)s)")
    parser.add_argument(
        "--batch-size", type=int, default=BATCH_SIZE, help="exchanges decoded together (default: %(default)s)"
    )
    parser.add_argument(
        "--limits",
        default="15,25,10,10,65",
        help="maximum number of tokens of entities, user intent, emotions, acts and response (default: %(default)s)",
    )
    options = parser.parse_args()
    limits = tuple(map(int, options.limits.split(",")))
    variant = FORMS["variant"]
    print(f"torch {torch.__version__}, {processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    form = LimitedForm("variant", variant.emotions, variant.caring, limits)
    compare(simulated_dialogues(options.dialogues), form, options)


if __name__ == "__main__":
    main()

"""Speed of training as a ratio measured in one run: tokens without padding a second, ours and a plain loop's.

    python benchmarks/train.py                        # on the sample, about ten minutes
    python benchmarks/train.py --layers 2 --width 128 # the tiny recipes' model

The reference is a plain loop as the published baseline has it: batches in random order, 8 examples each, padded on the
right, GPT-2 as transformers configures it, float32. All start from the same weights, see the same exchanges equally
often, 32 a step, and end with their dev losses, which have to be alike for the ratio to mean anything. Ours runs twice:
padded, and packed without padding. Only whole trainings are measured, in turns, so that other work on the machine slows
all alike; what is quoted is the median of their ratios, with the lowest and the highest. The ratio of short trainings
is another one. Beside it stands the ratio of the processor's time for the whole trainings, with validation and saving:
it says what to expect where other work comes and goes during the measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch.nn import Module
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import PreTrainedModel
from transformers.utils.logging import disable_progress_bar

import cmcc
from cmcc_bench.corpus import open_dataset
from cmcc_bench.models.causal_lm import load_model, scratch_model
from cmcc_bench.models.encoding import IGNORED, encode_rows
from cmcc_bench.models.tokenizer import character_tokenizer
from cmcc_bench.textform import FORMS
from cmcc_bench.training.batching import cut
from cmcc_bench.training.dialogue import collator, examples
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit, learning_rate
from cmcc_bench.training.loss import Batch, token_loss
from cmcc_bench.training.packing import packed, use_packing
from cmcc_bench.training.recipe import Recipe

STEP = 32  # exchanges that a step learns from, in both; as published
RATE, WARMUP, CLIP = 2e-3, 0.1, 1.0


@dataclass(frozen=True)
class Trained:
    """A whole training.

    speed: tokens a second of the steps, without padding. padding: its share. dev_loss: at the end, in nats a token.
    processor: seconds of all threads, for everything.
    """

    speed: float
    padding: float
    dev_loss: float
    processor: float
    precision: str = "float32"

    def __str__(self) -> str:
        numbers = f"{self.padding:.1%} padding, dev loss {self.dev_loss:.4f}, {self.processor:.1f} s of the processor"
        return f"{self.speed:,.0f} tokens/s in {self.precision}, {numbers}"

    def ratios(self, reference: Trained) -> tuple[float, float]:
        """How many times as fast as the reference: by the time of the steps, and by the processor's."""
        return self.speed / reference.speed, reference.processor / self.processor


def plain(model: Module, train: EncodedExamples, validation: EncodedExamples, epochs: int, seed: int) -> Trained:
    """The reference. Each forward pass's loss is its own mean, as published."""
    order = torch.Generator().manual_seed(seed)
    exchanges: Any = train.items  # a list is a data set for torch, but not for its types
    loader: DataLoader[Any] = DataLoader(exchanges, 8, shuffle=True, collate_fn=collator(0, "all"), generator=order)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    started, passes, steps = time.process_time(), STEP // 8, epochs * -(-len(train.items) // STEP)
    step, seconds, seen, padded = 0, 0.0, 0, 0
    model.train()
    for _ in range(epochs):
        began = time.perf_counter()
        for number, batch in enumerate(loader, 1):
            logits, labels = model(batch["input_ids"]).logits[:, :-1], batch["labels"][:, 1:]
            loss = cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1), ignore_index=IGNORED)
            torch.autograd.backward(loss / passes)
            seen, padded = seen + int((batch["labels"] != IGNORED).sum()), padded + batch["labels"].numel()
            if number % passes == 0 or number == len(loader):
                torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
                optimizer.param_groups[0]["lr"] = learning_rate(step, steps, WARMUP, RATE)
                optimizer.step()
                optimizer.zero_grad()
                step += 1
        seconds += time.perf_counter() - began
        loss_of_epoch = dev_loss(model, validation)
        model.train()
    return Trained(seen / seconds, 1 - seen / padded, loss_of_epoch, time.process_time() - started)


@torch.no_grad()
def dev_loss(model: Module, validation: EncodedExamples) -> float:
    """Nats a token."""
    model.eval()
    collate = collator(0, "all")
    sums = [token_loss(model, collate(part)) for part in cut(validation.items, 32)]
    return float(sum(loss for loss, _ in sums) / sum(tokens for _, tokens in sums))


def ours(
    model: PreTrainedModel,
    train: EncodedExamples,
    validation: EncodedExamples,
    epochs: int,
    seed: int,
    packing: bool = False,
) -> Trained:
    """The loop of cmcc train, whole: with its states, checkpoints and logs, which are not part of a step's time."""
    started = time.process_time()
    with tempfile.TemporaryDirectory() as out:
        recipe = Recipe(
            out=out,
            epochs=epochs,
            batch_size=8,
            accumulation=STEP // 8,
            learning_rate=RATE,
            warmup=WARMUP,
            clip=CLIP,
            seed=seed,
        )
        collate: Callable[[list[Any]], Batch] = partial(packed, loss_on="all") if packing else collator(0, "all")
        if packing:
            use_packing(model, 512)
        task = TrainingTask(
            train, validation, collate, token_loss, model.save_pretrained, "benchmark", is_packed=packing
        )
        done = fit(Accelerator(cpu=True), recipe, model, task)
        record = json.loads((Path(out) / "run.json").read_text("utf-8"))
    precision = "bfloat16" if record["bfloat16"] else "float32"
    return Trained(
        done.speed, 1 - done.tokens / done.padded, done.dev_losses[-1], time.process_time() - started, precision
    )


def compare(folder: Path, options: argparse.Namespace) -> None:
    """Trains with all loops, in turns, and prints every run and the median ratios."""
    splits, form = open_dataset(options.dataset, "response"), FORMS["variant"]
    rows = {name: list(splits[name])[: options.exchanges] for name in ("train", "validation")}
    tokenizer = character_tokenizer(text for row in rows["train"] for text in form.write(row))
    train, validation = (examples(encode_rows(form, tokenizer, rows[name], 512)) for name in rows)
    torch.manual_seed(0)
    model = scratch_model(tokenizer, layers=options.layers, width=options.width, heads=4, positions=512, dropout=0.0)
    model.config.activation_function = "gelu_new"  # GPT-2's own, which backbone_model replaces by a faster one
    model.save_pretrained(folder)
    print(
        f"{sum(train.lengths)} tokens in {len(train.items)} exchanges, {options.epochs} epochs; "
        f"{sum(parameter.numel() for parameter in model.parameters())} parameters"
    )
    ratios: dict[str, list[tuple[float, float]]] = {"padded": [], "packed": []}
    for repeat in range(options.repeats):
        reference = plain(load_model(folder), train, validation, options.epochs, repeat)
        print(f"run {repeat + 1}, plain: {reference}", flush=True)
        for name, found in ratios.items():
            model = load_model(folder, fused=True)
            faster = ours(model, train, validation, options.epochs, repeat, packing=name == "packed")
            found.append(faster.ratios(reference))
            print(f"run {repeat + 1}, {name}: {faster}; ratios {found[-1][0]:.2f}, {found[-1][1]:.2f}", flush=True)
    for name, found in ratios.items():
        for kind, values in zip(("tokens a second", "processor time"), zip(*found, strict=True), strict=True):
            print(
                f"{name} / plain, {kind}: {statistics.median(values):.2f}, from {min(values):.2f} to {max(values):.2f} "
                f"in {len(values)} whole trainings; goal: at least 1.8"
            )


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="sample", help="a built folder, a Hub id, or sample (synthetic)")
    parser.add_argument(
        "--exchanges", type=int, default=1_600, help="maximum number of exchanges per split (default: %(default)s)"
    )
    parser.add_argument("--layers", type=int, default=4, help="number of layers (default: %(default)s)")
    parser.add_argument("--width", type=int, default=192, help="hidden size (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=2, help="number of epochs (default: %(default)s)")
    parser.add_argument(
        "--repeats", type=int, default=3, help="number of complete trainings of each loop (default: %(default)s)"
    )
    options = parser.parse_args()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    print(f"cmcc {cmcc.VERSION}, torch {torch.__version__}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options)


if __name__ == "__main__":
    main()

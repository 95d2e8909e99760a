"""Training and decoding on one GPU, as ratios measured in one run; at most six minutes, with GPT-2 base's size.

    python benchmarks/gpu.py                # on a GPU; without one the short form, on the CPU
    python benchmarks/gpu.py --size cpu     # a small model and some dozen calls: ratios on a CPU, two minutes
    python benchmarks/gpu.py --size short   # a tiny model and a few calls: that everything runs

Training: a plain loop (random batches of 8, padded, float32) and ours: padded, packed with attention side by side,
packed with flash attention, and that compiled; tokens without padding a second. Each loop trains two epochs and the
second one counts; the first one compiles and warms up, and what it takes longer is printed. Utilization is 6 operations
a parameter and token, as a share of what a large matrix product in the same precision reaches on the same device.

Decoding: the responses to the same contexts by row-by-row `generate`, by transformers' continuous batching and by ours.
Last, a baseline and a variant are trained and scored on simulated calls (synthetic). A part that has no time left is
skipped, and this is said.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import ContinuousBatchingConfig, GenerationConfig, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

import cmcc
from cmcc_bench.corpus import open_dataset
from cmcc_bench.dataset import build
from cmcc_bench.decoding import DialogueInput, decode, generate, response_dialogues
from cmcc_bench.models.causal_lm import load_model, scratch_model
from cmcc_bench.models.encoding import IGNORED, encode_rows, end_id, segment_ids, start_ids
from cmcc_bench.models.tokenizer import Tokenizer, character_tokenizer, load_tokenizer, text_of
from cmcc_bench.scoring import Bootstrap, score
from cmcc_bench.simulate import write_corpus
from cmcc_bench.textform import FORMS
from cmcc_bench.training import dialogue
from cmcc_bench.training.dialogue import DialogueRecipe, collator, examples
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit, start
from cmcc_bench.training.loss import Batch, token_loss
from cmcc_bench.training.packing import packed, use_causal_attention, use_packing
from cmcc_bench.training.recipe import read_recipe

FORM = FORMS["variant"]
RATE = 5e-4


@dataclass(frozen=True)
class Size:
    """Sizes of the model and the data. steps: of each training loop. rows: contexts decoded. seconds: of all parts."""

    layers: int
    width: int
    heads: int
    calls: int
    steps: int
    rows: int
    plain_rows: int
    table_seconds: float
    seconds: float


SIZES = {
    "gpu": Size(12, 768, 12, calls=2_500, steps=120, rows=512, plain_rows=12, table_seconds=60, seconds=360),
    "cpu": Size(4, 256, 4, calls=100, steps=8, rows=96, plain_rows=8, table_seconds=20, seconds=240),
    "short": Size(1, 32, 2, calls=24, steps=3, rows=6, plain_rows=2, table_seconds=1, seconds=120),
}


class Benchmark:
    """The device, the simulated data and the parts of the benchmark."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size, self.folder, self.began = size, folder, time.perf_counter()
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        write_corpus(folder / "raw", size.calls, 0, seed=0)
        build(folder / "raw", folder / "cmcc")
        splits = open_dataset(str(folder / "cmcc"), "response")
        self.rows: dict[str, list[Any]] = {name: list(splits[name]) for name in ("train", "validation", "test")}
        self.tokenizer: Tokenizer = character_tokenizer(text for row in self.rows["train"] for text in FORM.write(row))
        self.train = examples(encode_rows(FORM, self.tokenizer, self.rows["train"][: 32 * size.steps], 512))
        self.validation = examples(encode_rows(FORM, self.tokenizer, self.rows["validation"][:64], 512))
        self.tokens = sum(self.train.lengths)

    def has_time(self, part: str) -> bool:
        """Whether less than two thirds of the time is used; if not, says that the part is skipped."""
        left = time.perf_counter() - self.began < self.size.seconds * 2 / 3
        if not left:
            print(f"{part}: skipped, no time left")
        return left

    def recipe(self, name: str, **settings: Any) -> DialogueRecipe:  # noqa: ANN401  # values of any setting
        """The settings of ours: steps of 32 exchanges in one forward pass."""
        sizes = {"layers": self.size.layers, "width": self.size.width, "heads": self.size.heads, "max_length": 512}
        common = {"form": "variant", "backbone": "scratch", "dataset": str(self.folder / "cmcc"), "learning_rate": RATE}
        loop = {"epochs": 1, "batch_size": 32, "group": 32, "out": str(self.folder / name)}
        return read_recipe(DialogueRecipe, None, {**sizes, **common, **loop, **settings})

    def model(self) -> PreTrainedModel:
        """The same random weights each time."""
        torch.manual_seed(0)
        sizes = {"layers": self.size.layers, "width": self.size.width, "heads": self.size.heads}
        model: Any = scratch_model(self.tokenizer, **sizes, positions=512, dropout=0.0)
        return model.to(self.device)  # type: ignore[no-any-return]


def wait(device: torch.device) -> None:
    """Waits until the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak(device: torch.device) -> str:
    """The largest memory since the last call: of the GPU, or of this process."""
    if device.type != "cuda":
        return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB of the process so far"
    size = torch.cuda.max_memory_allocated() / 2**30
    torch.cuda.reset_peak_memory_stats()
    return f"{size:.2f} GiB of the GPU"


def operations_a_second(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a large matrix product: what this device can reach."""
    edge, repeats = (8192, 20) if device.type == "cuda" else (512, 5)
    matrix = torch.randn(edge, edge, device=device, dtype=dtype)
    for count in (2, repeats):  # the first ones warm up
        wait(device)
        began = time.perf_counter()
        for _ in range(count):
            matrix @ matrix
        wait(device)
    return repeats * 2 * edge**3 / (time.perf_counter() - began)


@dataclass(frozen=True)
class Speed:
    """Tokens a second of a loop's second epoch, and the seconds that the first one took longer."""

    tokens: float
    start: float

    @staticmethod
    def of(bench: Benchmark, began: list[float]) -> Speed:
        """began: the times at which the steps of two epochs began. Of each epoch, all steps but the last count."""
        steps = len(began) // 2
        first, second = began[steps - 1] - began[0], began[-1] - began[steps]
        return Speed(bench.tokens * (steps - 1) / steps / second, first - second)


def plain(bench: Benchmark) -> Speed:
    """The reference: batches of 8 in random order, 4 in a step, float32, padded."""
    model, items = bench.model(), bench.train.items
    loader: DataLoader[Any] = DataLoader(items, 8, shuffle=True, collate_fn=collator(0, "all"))  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    began = list[float]()
    for _ in range(2):
        for number, batch in enumerate(loader):
            if number % 4 == 0:
                if number in (0, (len(loader) - 1) // 4 * 4):  # the steps whose times count
                    wait(bench.device)
                began.append(time.perf_counter())
            ids, labels = batch["input_ids"].to(bench.device), batch["labels"].to(bench.device)[:, 1:]
            logits = model(ids).logits[:, :-1]
            loss = cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
            torch.autograd.backward(loss / 4)
            if number % 4 == 3 or number == len(loader) - 1:
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
    return Speed.of(bench, began)


def ours(bench: Benchmark, name: str, *, packing: bool = False, flash: bool = False, compiled: bool = False) -> Speed:
    """The loop of cmcc train, with one forward pass a step. It starts a step while the device works on the last one."""
    model, recipe = bench.model(), bench.recipe(name, epochs=2, packing=packing, torch_compile=compiled)
    attention = use_packing(model.cpu(), 512, bench.device, flash) if packing else ""
    if not packing:
        use_causal_attention(model, 512)
    if flash and not attention.startswith("flash"):
        print(f"{name}: {attention}")
    began = list[float]()

    def loss(network: Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of a step, or of an evaluation."""
        if torch.is_grad_enabled():
            began.append(time.perf_counter())
        return token_loss(network, batch)

    collate: Callable[[list[Any]], Any] = partial(packed, loss_on="all") if packing else collator(0, "all")
    train: EncodedExamples = bench.train
    task = TrainingTask(train, bench.validation, collate, loss, model.save_pretrained, name, is_packed=packing)
    with redirect_stdout(StringIO()):  # the recipe, and what to do next
        fit(start(recipe), recipe, model, task)
    return Speed.of(bench, began)


def compare_training(bench: Benchmark) -> float:
    """Prints every loop's speed and ratio to the plain loop; returns the packed one's in tokens a second."""
    parameters = sum(parameter.numel() for parameter in bench.model().parameters())
    print(f"training: {parameters:,} parameters, {bench.tokens:,} tokens in {len(bench.train.items)} exchanges")
    highest = {dtype: operations_a_second(bench.device, dtype) for dtype in (torch.float32, torch.bfloat16)}
    fast = torch.bfloat16 if bench.device.type == "cuda" else torch.float32  # what precision: auto chooses
    loops: dict[str, tuple[torch.dtype, Callable[[], Speed]]] = {
        "plain": (torch.float32, lambda: plain(bench)),
        "padded": (fast, lambda: ours(bench, "padded")),
        "packed": (fast, lambda: ours(bench, "packed", packing=True)),
    }
    if bench.device.type == "cuda" and bench.size is not SIZES["short"]:  # a compilation takes longest of all
        loops["packed + flash"] = fast, lambda: ours(bench, "flash", packing=True, flash=True)
        compiled = partial(ours, bench, "compiled", packing=True, flash=True, compiled=True)
        loops["packed + flash, compiled"] = fast, compiled
    speeds = dict[str, float]()
    for name, (dtype, loop) in loops.items():
        if name.endswith("compiled") and not bench.has_time(name):
            continue
        speed = loop()
        speeds[name] = speed.tokens
        used = 6 * parameters * speed.tokens / highest[dtype]
        print(
            f"{name}: {speed.tokens:,.0f} tokens/s in {str(dtype).removeprefix('torch.')},"
            f" ratio {speed.tokens / speeds['plain']:.2f}, utilization {used:.1%}, {peak(bench.device)},"
            f" start {speed.start:.1f} s",
            flush=True,
        )
    return speeds.get("packed + flash") or speeds["packed"]


def compare_decoding(bench: Benchmark) -> None:
    """Prints the speeds of responses to given contexts, and how many differ from those of row-by-row `generate`."""
    model, response, has_gpu = bench.model().train(False), FORM.segments[-1], bench.device.type == "cuda"
    chosen = some(bench.rows["train"], bench.size.rows)
    contexts = [context(bench.tokenizer, row) for one in chosen for row in one.rows]
    end, longest = end_id(bench.tokenizer, response), response.longest - 1
    settings: Any = GenerationConfig(max_new_tokens=longest, do_sample=False, eos_token_id=end, pad_token_id=end)  # type: ignore[no-untyped-call]

    def row_by_row() -> list[str]:
        """The first responses, one after the other."""
        few = contexts[: bench.size.plain_rows]
        return [text_of(bench.tokenizer, generate(model, ids, longest, end)) for ids in few]

    def continuous() -> list[str]:
        """All responses, by transformers."""
        # Without a GPU, transformers would reserve a cache of the machine's memory, which takes half a minute.
        few = ContinuousBatchingConfig(num_blocks=128, max_batch_tokens=512)
        cache = ContinuousBatchingConfig() if has_gpu else few
        done: Any = model.generate_batch(contexts, settings, cache)  # type: ignore[operator]
        tokens = [output.generated_tokens for output in done.values()]
        return [text_of(bench.tokenizer, ids[: ids.index(end)] if end in ids else ids) for ids in tokens]

    def together(rows: int) -> list[str]:
        """All responses, by ours."""
        found = decode(model, bench.tokenizer, FORM, chosen, "oracle", rows)
        places = {one.dialogue_id: number for number, one in enumerate(chosen)}
        in_order = sorted(found, key=lambda prediction: (places[prediction.dialogue_id], prediction.exchange))
        return [prediction.response for prediction in in_order]

    with torch.inference_mode():
        speed, alone = timed(bench.device, row_by_row)
    print(f"decoding: {len(contexts)} responses\nrow by row: {speed:.1f} a second", flush=True)
    others: dict[str, Callable[[], list[str]]] = {f"ours, {rows} rows": partial(together, rows) for rows in (32, 256)}
    others["continuous batching of transformers"] = continuous
    for name, decoded in others.items():
        try:
            faster, texts = timed(bench.device, decoded)
        except (ImportError, RuntimeError, ValueError) as error:
            print(f"{name}: not possible here ({type(error).__name__}: {error})")
            continue
        different = sum(a != b for a, b in zip(alone, texts, strict=False))
        print(f"{name}: {faster:.1f}, ratio {faster / speed:.1f}, {different} of {len(alone)} texts differ", flush=True)
    print(f"memory: {peak(bench.device)}", flush=True)


def timed(device: torch.device, decoded: Callable[[], list[str]]) -> tuple[float, list[str]]:
    """Texts a second, and the texts."""
    wait(device)
    began = time.perf_counter()
    texts = decoded()
    wait(device)
    return len(texts) / (time.perf_counter() - began), texts


def some(rows: list[Any], exchanges: int) -> list[DialogueInput]:
    """The first whole dialogues, with at least so many exchanges together."""
    chosen, count = list[DialogueInput](), 0
    for one in response_dialogues(rows):
        if count >= exchanges:
            break
        chosen.append(one)
        count += len(one.rows)
    return chosen


def context(tokenizer: Tokenizer, row: Any) -> list[int]:  # noqa: ANN401  # a row of the response view
    """All tokens before the response."""
    ids = start_ids(tokenizer)
    for segment in FORM.segments[:-1]:
        ids += segment_ids(tokenizer, FORM.write_segment(segment, row[segment.column]), segment)
    return ids


def table(bench: Benchmark, speed: float) -> None:
    """Trains a baseline and a variant for about `table_seconds` each, and prints their scores on test dialogues."""
    per_epoch = len(bench.rows["train"]) * bench.tokens / len(bench.train.items) / speed
    epochs = max(1, min(8, int(bench.size.table_seconds / per_epoch)))
    chosen = some(bench.rows["test"], bench.size.rows)
    gold: list[Any] = [row for one in chosen for row in one.rows]
    lines = ["| system | epochs | training, s | success | BLEU-4 |", "| --- | --- | --- | --- | --- |"]
    for name in ("baseline", "variant"):
        if not bench.has_time(f"table, {name}"):
            continue
        began = time.perf_counter()
        with redirect_stdout(StringIO()):
            dialogue.train(bench.recipe(f"table-{name}", form=name, epochs=epochs, packing=True))
        seconds = time.perf_counter() - began
        best = bench.folder / f"table-{name}" / "best"
        model: Any = load_model(best)
        predictions = list(decode(model.to(bench.device), load_tokenizer(best), FORMS[name], chosen))
        scores = score("response", predictions, gold, Bootstrap(resamples=0)).scores
        points = " | ".join(f"{scores[measure].point:.3f}" for measure in ("success", "bleu"))
        lines.append(f"| {name} | {epochs} | {seconds:.0f} | {points} |")
    print(f"simulated calls (synthetic), {len(gold)} exchanges of the test split:", *lines, sep="\n", flush=True)


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, help="default: gpu where there is one, else short")
    options = parser.parse_args()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    has_gpu = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if has_gpu else f"no GPU, {os.cpu_count()} cores"
    print(f"cmcc {cmcc.VERSION}, torch {torch.__version__}, {name}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Benchmark(SIZES[options.size or ("gpu" if has_gpu else "short")], Path(folder))
        speed = compare_training(bench)
        if bench.has_time("decoding"):
            compare_decoding(bench)
        table(bench, speed)
        print(f"{time.perf_counter() - bench.began:.0f} s in all")


if __name__ == "__main__":
    main()

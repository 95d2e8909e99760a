"""Time of a step and memory of the optimizer when an adapter is trained, as ratios to training all weights.

    python benchmarks/adapter.py                # about ten minutes

Both train the same small Llama, made on the spot, on the same exchanges in the same batches, through the loop of
`cmcc train dialogue`, in float32. Only whole trainings are measured, in turns, so that other work on the machine slows
both alike; what is quoted is the median of their ratios, with the lowest and the highest. The memory is that of the
optimizer's saved state.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils.logging import disable_progress_bar

import cmcc
from cmcc_bench.corpus import open_dataset
from cmcc_bench.models.adapter import AdapterSettings, add_adapter
from cmcc_bench.models.base import BaseModel
from cmcc_bench.models.causal_lm import load_model
from cmcc_bench.models.encoding import encode_rows
from cmcc_bench.models.tokenizer import Tokenizer, character_tokenizer
from cmcc_bench.textform import FORMS, SPECIAL_TOKENS
from cmcc_bench.training.dialogue import collator, examples
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit
from cmcc_bench.training.loss import token_loss
from cmcc_bench.training.recipe import Recipe

MOST_TIME, MOST_MEMORY = 1.15, 0.1  # the goals, as shares of training all weights


@dataclass(frozen=True)
class Measured:
    """Milliseconds of a step, bytes of the optimizer's state, and the dev loss at the end, in nats a token."""

    step: float
    optimizer: int
    dev_loss: float

    def __str__(self) -> str:
        return f"{self.step:,.0f} ms a step, optimizer {self.optimizer / 1e6:.2f} MB, dev loss {self.dev_loss:.4f}"


def measured(
    base: Path, tokenizer: Tokenizer, rank: int, train: EncodedExamples, validation: EncodedExamples
) -> Measured:
    """One whole training of the model in the folder. rank: of the adapter; 0 trains all weights."""
    torch.manual_seed(0)
    base_model = load_model(base)
    model: torch.nn.Module = base_model
    if rank:
        tokens: list[int] = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))  # type: ignore[assignment]
        model = add_adapter(base_model, tokens, AdapterSettings(rank, 2 * rank, 0.0), BaseModel("base", None))
    with tempfile.TemporaryDirectory() as out:
        recipe = Recipe(out=out, epochs=1, batch_size=8, accumulation=2, learning_rate=1e-3, precision="float32")
        task = TrainingTask(train, validation, collator(0, "all"), token_loss, lambda _: None, "benchmark")
        done = fit(Accelerator(cpu=True), recipe, model, task)
        (moments,) = Path(out).glob("state-*/optimizer.safetensors")
        return Measured(1000 * done.learning / done.step, moments.stat().st_size, done.dev_losses[-1])


def compare(base: Path, options: argparse.Namespace) -> None:
    """Trains all weights and an adapter, in turns, and prints every run and the median ratios."""
    splits, form = open_dataset(options.dataset, "response"), FORMS["variant"]
    rows = {name: list(splits[name])[: options.exchanges] for name in ("train", "validation")}
    rows["validation"] = rows["validation"][:64]
    tokenizer = character_tokenizer(text for row in rows["train"] for text in form.write(row))
    train, validation = (examples(encode_rows(form, tokenizer, rows[name], 512)) for name in rows)
    write_base(base, tokenizer, options)
    times, memories = [], []
    for repeat in range(options.repeats):
        full = measured(base, tokenizer, 0, train, validation)
        adapter = measured(base, tokenizer, options.rank, train, validation)
        times.append(adapter.step / full.step)
        memories.append(adapter.optimizer / full.optimizer)
        print(f"run {repeat + 1}, all weights: {full}\nrun {repeat + 1}, adapter:     {adapter}", flush=True)
    print(
        f"time of a step, adapter / all weights: {statistics.median(times):.2f}, from {min(times):.2f} to "
        f"{max(times):.2f} in {len(times)} whole trainings; goal: at most {MOST_TIME}\n"
        f"memory of the optimizer: {statistics.median(memories):.1%}; goal: below {MOST_MEMORY:.0%}"
    )


def write_base(folder: Path, tokenizer: Tokenizer, options: argparse.Namespace) -> None:
    """Writes a Llama with random weights."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=options.layers,
        hidden_size=options.width,
        intermediate_size=3 * options.width,
        num_attention_heads=options.width // 64,
        max_position_embeddings=512,
        tie_word_embeddings=not options.untied,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    print(f"{sum(parameter.numel() for parameter in model.parameters()):,} parameters, rank {options.rank}")


def main() -> None:
    """Parses the arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="sample", help="a built folder, a Hub id, or sample (synthetic)")
    parser.add_argument("--exchanges", type=int, default=320, help="exchanges to train on (default: %(default)s)")
    parser.add_argument("--layers", type=int, default=6, help="number of layers (default: %(default)s)")
    parser.add_argument("--width", type=int, default=384, help="hidden size (default: %(default)s)")
    parser.add_argument("--rank", type=int, default=16, help="rank of the adapter (default: %(default)s)")
    parser.add_argument("--untied", action="store_true", help="give the output layer weights of its own")
    parser.add_argument("--repeats", type=int, default=3, help="number of trainings of each (default: %(default)s)")
    options = parser.parse_args()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    print(f"cmcc {cmcc.VERSION}, torch {torch.__version__}, {os.cpu_count()} cores, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options)


if __name__ == "__main__":
    main()

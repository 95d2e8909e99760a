"""A toy training in memory: a 1-layer GPT-2 learns to count; also a script, to be killed and to be run twice at once.

python tests/training/toy.py OUT [--key value ...] [--kill-at N]
"""

import os
import random
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.models.encoding import Encoded
from cmcc_bench.training.dialogue import collator
from cmcc_bench.training.loop import EncodedExamples, TrainingTask, fit, start
from cmcc_bench.training.loss import token_loss
from cmcc_bench.training.packing import packed, use_causal_attention, use_packing
from cmcc_bench.training.recipe import Recipe, read_recipe
from cmcc_bench.training.run_folder import TrainingProgress

DEFAULTS = {
    "epochs": 2,
    "batch_size": 8,
    "learning_rate": 1e-2,
    "warmup": 0.2,
    "clip": 0.5,
    "seed": 3,
    "precision": "float32",
}


def recipe(out: Path | str, **settings: object) -> Recipe:
    return read_recipe(Recipe, None, DEFAULTS | {"out": str(out)} | settings)


def counting(number: int, seed: int) -> list[Encoded]:
    """Sequences that count up by one, of 2 to 24 tokens."""
    chance = random.Random(seed)
    return [
        Encoded(tuple((start + i) % 30 for i in range(length)), (False,) + (True,) * (length - 1))
        for start, length in ((chance.randrange(30), chance.randint(2, 24)) for _ in range(number))
    ]


def examples(number: int, seed: int) -> EncodedExamples:
    items = counting(number, seed)
    return EncodedExamples(items, [len(item.ids) for item in items])


def model(dropout: float = 0.0) -> GPT2LMHeadModel:
    sizes = {"vocab_size": 30, "n_layer": 1, "n_embd": 32, "n_head": 2, "n_positions": 32}
    drops = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), dropout)
    return GPT2LMHeadModel(GPT2Config(**sizes, **drops, bos_token_id=None, eos_token_id=None))


def train(
    settings: Recipe,
    dropout: float = 0.0,
    number: int = 45,
    kill_at: int = 0,
    score: Callable[[], float] | None = None,
    packing: bool | None = None,
) -> tuple[TrainingProgress, GPT2LMHeadModel]:
    """kill_at: the forward pass before which the process kills itself, as a machine does; 0 for none."""
    torch.set_num_threads(1)
    accelerator = start(settings)
    counter = model(dropout)
    passes = 0
    if packing is not None:  # as the dialogue task does
        use_packing(counter, 32) if packing else use_causal_attention(counter, 32)

    def loss(network, batch):
        nonlocal passes
        passes += 1
        if passes == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return token_loss(network, batch)

    task = TrainingTask(
        train=examples(number, seed=0),
        validation=examples(10, seed=1),
        collate=partial(packed, loss_on="all") if packing else collator(29, "all"),
        loss=loss,
        save=counter.save_pretrained,
        fingerprint=fingerprint_of([number]),
        score=score,
    )
    return fit(accelerator, settings, counter, task), counter


if __name__ == "__main__":
    values = dict(zip([key.removeprefix("--") for key in sys.argv[2::2]], sys.argv[3::2], strict=True))
    kill_at, dropout = int(values.pop("kill-at", 0)), float(values.pop("dropout", 0))
    train(recipe(sys.argv[1], **values), dropout, kill_at=kill_at)

"""Packages the best checkpoint of a run for the wheel: weights in float16, run.json and a card.

    python -m cmcc_bench.training.ship runs/backbone cmcc_bench/backbones/tiny
    python -m cmcc_bench.training.ship runs/tiny-variant cmcc_bench/backbones/tiny/variant
    python -m cmcc_bench.training.ship runs/tiny-emotion cmcc_bench/backbones/tiny-emotion

`make backbone` calls it. Only models trained on simulated calls are packaged; a run on other data is an error.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cmcc_bench.errors import DataError
from cmcc_bench.files import new_folder, write_json, write_text
from cmcc_bench.models.causal_lm import load_model
from cmcc_bench.models.classifier import load_classifier
from cmcc_bench.models.record import BEST, TRAINING_FILE
from cmcc_bench.models.tokenizer import load_tokenizer
from cmcc_bench.terminal import make_streams_tolerant
from cmcc_bench.textform import FORM_FILE
from cmcc_bench.vocabulary import EMOTIONS

_COPIED = (FORM_FILE, TRAINING_FILE, "generation_config.json")  # copied as they are

CARD = """---
language: zh
library_name: transformers
pipeline_tag: {pipeline}
tags: [cmcc, synthetic]
license: apache-2.0
---
# A small {what}: SYNTHETIC

{use}
It was trained on {learned}.
No recorded call was used. Its texts say nothing about any company, product or price, and its scores say nothing about
models of real calls.

- Shape: {parameters:,} parameters, one token per character, stored in float16.
- Training: {tokens:,} tokens in {minutes:.1f} minutes on {cores} cores; validation loss {loss:.4f} nats per {unit}.
- All settings, seeds and versions are in run.json. `make backbone` writes this folder.
"""


def main() -> int:
    """Packages the run that the command line names."""
    make_streams_tolerant()
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("folder", type=Path, help="the folder to write")
    options = parser.parse_args()
    try:
        ship(options.run, options.folder)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def ship(run: Path, folder: Path) -> None:
    """Replaces the folder. Raises cmcc.DataError for a run on data that are not simulated, or without a model."""
    try:
        facts = json.loads((run / "run.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError("cannot read its run.json", "", "Pass the folder of a finished run.", run=str(run)) from error
    if facts.get("synthetic") is not True or facts.get("licensed", False) is not False:
        hint = "Only models trained on simulated calls can be packaged. Train one: make backbone."
        raise DataError("the run used data that may be licensed", "", hint, run=str(run))
    facts["hardware"] = {key: facts["hardware"][key] for key in ("cores", "threads", "gpus")}
    tokenizer = load_tokenizer(run / BEST)
    model: Any = load_classifier(run / BEST, EMOTIONS) if _is_classifier(facts) else load_model(run / BEST)
    model.to(torch.float16)
    with new_folder(folder) as part:
        model.save_pretrained(part)
        tokenizer.save_pretrained(part)
        for name in _COPIED:
            if (run / BEST / name).exists():
                shutil.copyfile(run / BEST / name, part / name)
        for path in part.iterdir():
            path.chmod(0o644)  # safetensors lets only the owner read it, also once installed
        write_json(part / "run.json", facts)
        write_text(part / "README.md", _card(facts))


def _is_classifier(facts: Mapping[str, Any]) -> bool:
    return "probe" in facts["recipe"]  # a setting of classifiers only


def _card(facts: Mapping[str, Any]) -> str:
    recipe, pipeline = facts["recipe"], "text-generation"
    if "data_seed" in recipe:
        learned = f"{recipe['dialogues']:,} simulated calls of seed {recipe['data_seed']}, which are used nowhere else"
    if facts["task"] == "backbone":
        what, use = "backbone", "`backbone: tiny` in a recipe of `cmcc train dialogue` fine-tunes it."
    elif _is_classifier(facts):
        what, pipeline = "emotion classifier", "text-classification"
        use = "`cmcc predict tiny-emotion DATASET` uses it; `backbone: tiny-emotion` in a recipe fine-tunes it."
        calls = f"{facts['simulated_calls']:,} simulated calls in all"
        learned = f"the emotions of {learned}.\nIt began from the backbone `{recipe['backbone']}`: it has seen {calls}"
    else:
        what, use = f"dialogue model, {recipe['form']}", "`cmcc chat tiny` uses it."
        learned = f"the training split of `{facts['dataset']}`, from the backbone `{recipe['backbone']}`"
    numbers = {name: facts[name] for name in ("parameters", "tokens")}
    minutes, cores = facts["seconds"] / 60, facts["hardware"]["cores"]
    return CARD.format(
        what=what,
        use=use,
        learned=learned,
        pipeline=pipeline,
        minutes=minutes,
        cores=cores,
        loss=facts["best_dev_loss"],
        unit="label" if _is_classifier(facts) else "token",
        **numbers,
    )


if __name__ == "__main__":
    raise SystemExit(main())

"""Small runs with predictions, as cmcc train and cmcc predict leave them, but made without any training."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

import cmcc
from cmcc_bench.corpus import fingerprint_of
from cmcc_bench.dataset import build
from cmcc_bench.decoding.run_files import PredictionRun
from cmcc_bench.models.classifier import MULTI_LABEL, SINGLE_LABEL, scratch_classifier
from cmcc_bench.models.digest import digest_of_model
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.models.stack_propagation import StackPropagation, StackPropagationConfig
from cmcc_bench.models.tokenizer import character_tokenizer
from cmcc_bench.scoring import write_prediction
from cmcc_bench.scoring.predictions import facts_path
from cmcc_bench.tasks import EmotionAnswer, EntityAnswer, SatisfactionAnswer, answer_line, task_of
from cmcc_bench.textform import FORMS
from tests import raw
from tests.scoring.rows import gold_predictions
from tests.tiny_model import write_model

DATE = "2022-12-07T09:30:00Z"

_RECIPE = {"out": "/home/somebody/runs/x", "dataset": "cmcc", "seed": 6, "epochs": 3, "learning_rate": 2e-05}
_FACTS = {
    "finished": True,
    "commit": "0123456789abcdef0123456789abcdef01234567",
    "versions": {"python": "3.11.7", "torch": "2.13.0+cpu"},
    "seed": 6,
    "fingerprint": "abc123",
    "examples": {"train": 1200, "validation": 150},
    "hardware": {"processor": "Example CPU @ 2.00GHz", "cores": 8, "threads": 8, "gpus": ["Example GPU"]},
    "processes": 1,
    "device": "cuda",
    "bfloat16": True,
    "parameters": 102068736,
    "steps": 450,
    "seconds": 1234.5,
    "tokens": 7654321,
    "tokens_per_second": 6200.1,
    "dev_losses": [2.5, 2.1, 2.2],
    "best_epoch": 2,
    "best_dev_loss": 2.1,
}
_TASKS = {"emotion": "emotion", "joint": "entities", "satisfaction": "satisfaction"}


def task_named(kind: str) -> str:
    """The task of a kind of model: a text form's name, emotion, joint or satisfaction."""
    return _TASKS.get(kind, "response")


def write_data(folder: Path, ids: Iterable[str]) -> Path:
    """A built folder whose test split has these dialogues."""
    names = list(ids)
    raw.write(folder.with_name(f"{folder.name}-raw"), "train.json", [raw.dialogue(f"{names[0]}-train")])
    raw.write(folder.with_name(f"{folder.name}-raw"), "test.json", [raw.dialogue(name) for name in names])
    build(folder.with_name(f"{folder.name}-raw"), folder)
    return folder


def write_facts(
    run: Path, kind: str, synthetic: bool, options: tuple[str, ...] = (), **changes: Any
) -> tuple[Path, TrainingRecord]:
    """RUN/run.json and a RUN/best that has all but weights and a tokenizer. changes: of run.json."""
    best, task = run / "best", task_named(kind)
    best.mkdir(parents=True)
    training = TrainingRecord(task, "cmcc", synthetic, not synthetic, options=options)
    training.save(best)
    config: dict[str, Any] = {"model_type": "example"}
    if kind in FORMS:
        FORMS[kind].save(best)
    if kind == "emotion":
        config |= {"context": "with context" in options, "thresholds": [0.3] * len(cmcc.EMOTIONS)}
    if kind == "joint":
        config |= {"emotions": "w/o user emotion" not in options}
    (best / "config.json").write_text(json.dumps(config))
    facts = {**_FACTS, "recipe": dict(_RECIPE), **training.as_dict(), **changes}
    (run / "run.json").write_text(json.dumps(facts))
    return best, training


def write_weights(best: Path, kind: str) -> None:
    """A tiny random model of the kind and its tokenizer beside what write_facts left."""
    if kind in FORMS:
        write_model(best, FORMS[kind])
        return
    torch.manual_seed(0)
    tokenizer = character_tokenizer(
        ["您好我网络老是断怎么回事客服用户改个密码一下午都不了已经帮重置的谢想流量套餐："], ()
    )
    settings = json.loads((best / "config.json").read_text())
    if kind == "joint":
        model = StackPropagation(
            StackPropagationConfig(
                vocab_size=len(tokenizer), width=32, heads=2, dropout=0.0, emotions=settings["emotions"],
                longest_text=64, pad_token_id=tokenizer.pad_token_id,
            )
        )  # fmt: skip
    else:
        labels, problem = (cmcc.EMOTIONS, MULTI_LABEL) if kind == "emotion" else (cmcc.SATISFACTION, SINGLE_LABEL)
        sizes = {"layers": 1, "width": 32, "heads": 2, "positions": 128, "dropout": 0.0}
        model = scratch_classifier(tokenizer, list(labels), problem, **sizes)
        tokenizer.model_max_length = 128
        for key in settings.keys() & {"context", "thresholds"}:
            setattr(model.config, key, settings[key])
    model.save_pretrained(best)
    tokenizer.save_pretrained(best)


def write_predictions(
    best: Path, kind: str, data: Path, training: TrainingRecord, mode: str = "end2end", named: str | None = None
) -> Path:
    """RUN/test*.jsonl of a model that is right about most and wrong about some, with the facts beside it.

    named: the name of the data set in the facts; by default the folder.
    """
    task = task_named(kind)
    out = best.parent / (f"test.{mode}.jsonl" if task == "response" else "test.jsonl")
    rows = task_of(task).rows(str(data), ("test",))["test"]
    with out.open("wb") as stream:
        if task == "response":
            for number, prediction in enumerate(gold_predictions(rows)):
                made = prediction if FORMS[kind].emotions else replace(prediction, emotions=None)
                write_prediction(stream, made if number % 3 else replace(made, response="您好", acts="问候"))
        else:
            stream.writelines(answer_line(_answer(task, row)) for row in rows)
    run = PredictionRun(
        model="best", model_digest=digest_of_model(best), form=kind if kind in FORMS else "",
        mode=mode if task == "response" else "", dataset=named or str(data), dataset_version=None,
        fingerprint=fingerprint_of(rows), split="test", format="jsonl", synthetic=bool(training.synthetic),
        batch_size=1, versions={}, finished=True, exchanges=len(rows), task=task,
        training=training.as_dict(), date=DATE,
    )  # fmt: skip
    facts_path(out).write_text(json.dumps(asdict(run)))
    return out


def _answer(task: str, row: Any) -> EmotionAnswer | EntityAnswer | SatisfactionAnswer:
    if task == "emotion":
        return EmotionAnswer(row["dialogue_id"], row["utterance"], ("neutral",))
    if task == "entities":
        return EntityAnswer(row["dialogue_id"], row["utterance"], (), ("neutral",))
    return SatisfactionAnswer(row["dialogue_id"], "satisfied")

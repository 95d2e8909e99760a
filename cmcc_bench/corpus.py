"""What a DATASET argument means: a built folder, a Hub id, or `sample`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import datasets
import orjson

import cmcc


def open_dataset(name: str, config: str = "labeled") -> datasets.DatasetDict:
    """The splits of a config.

    name: a folder that `cmcc build` made, the id of a repository on the Hub, or `sample` (synthetic).
    Raises cmcc.DataError when there is no such data set or it lacks the config.
    """
    if name == "sample":
        return cmcc.load("sample") if config == "labeled" else cmcc.load(config, data_dir=cmcc.SAMPLE_DIR)
    if Path(name).is_dir() and not (Path(name) / "README.md").exists():
        hint = f"Build it first: cmcc build --data-dir {name} --out cmcc"
        raise cmcc.DataError("no README.md", "a folder that cmcc build made", hint, folder=name)
    try:
        return datasets.load_dataset(name, config)
    except (FileNotFoundError, ConnectionError, ValueError) as error:
        expected = "a built folder, a Hub id that you may read, or `sample`"
        hint = _hint(config) if Path(name).is_dir() and not (Path(name) / config).exists() else ""
        raise cmcc.DataError(str(error), expected, hint, dataset=name, config=config) from error


def _hint(config: str) -> str:
    if config == "unlabeled":
        return "Nothing unlabelled was built: put files without labels among the raw ones, and build again."
    return f"Nothing with {config} was built: add the labels, in the raw files or a care file, and build again."


def open_split(name: str, config: str, split: str) -> datasets.Dataset:
    """One split of a config. Raises cmcc.DataError when there is no such data set, config or split."""
    splits = open_dataset(name, config)
    if split not in splits:
        raise cmcc.DataError(f"the splits {', '.join(splits)}", f"a split {split!r}", dataset=name, config=config)
    return splits[split]


def labeled_rows(name: str) -> Iterable[cmcc.Row]:
    """Every row of `labeled` in all splits, one at a time."""
    for split in open_dataset(name).values():
        yield from split


def fingerprint_of(rows: Iterable[Any]) -> str:
    """A digest of data that JSON can hold: equal for equal rows in equal order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n")
    return digest.hexdigest()


def is_synthetic(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a simulator made any of the dialogues that the rows are of."""
    return any(row["dialogue_id"].startswith(cmcc.SYNTHETIC_ID) for row in rows)


def is_licensed(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of the dialogues that the rows are of is a real call: data may be both, synthetic and licensed."""
    return not all(row["dialogue_id"].startswith(cmcc.SYNTHETIC_ID) for row in rows)

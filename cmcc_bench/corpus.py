"""What a DATASET argument means: a built folder, a Hub id, or `sample`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
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
    with _explained(name, config=config):
        return datasets.load_dataset(name, config)


def has_config(name: str, config: str) -> bool:
    """Whether a data set has a config; the sample has all but `unlabeled`. Raises cmcc.DataError as `open_dataset`."""
    if name == "sample":
        return config != "unlabeled"
    with _explained(name):
        return config in datasets.get_dataset_config_names(name)


@contextmanager
def _explained(name: str, **place: str) -> Iterator[None]:
    """Raises cmcc.DataError instead of what `datasets` raises where there is no such data set."""
    if Path(name).exists() and not (Path(name) / "README.md").exists():
        hint = f"Build it first: cmcc build --data-dir {name} --out cmcc"
        found = "no README.md" if Path(name).is_dir() else "a file"
        raise cmcc.DataError(found, "a folder that cmcc build made", hint, dataset=name)
    try:
        yield
    except (FileNotFoundError, ConnectionError, ValueError) as error:
        expected = "a built folder, a Hub id that you may read, or `sample`"
        hint = _hint(name, place.get("config"))
        raise cmcc.DataError(str(error), expected, hint, dataset=name, **place) from error


def _hint(name: str, config: str | None) -> str:
    """What to do where a data set, or a config of a built folder, is not there."""
    if config is None or not Path(name).is_dir() or (Path(name) / config).exists():
        return "See that the name is right; cmcc build makes such a folder of raw files."
    if config == "unlabeled":
        return "Nothing unlabelled was built: put files without labels among the raw ones, and build again."
    return f"Nothing with {config} was built: add the labels, in the raw files or a care file, and build again."


def open_split(name: str, config: str, split: str) -> datasets.Dataset:
    """One split of a config. Raises cmcc.DataError when there is no such data set, config or split."""
    splits = open_dataset(name, config)
    if split not in splits:
        raise cmcc.DataError(f"the splits {', '.join(splits)}", f"a split {split!r}", dataset=name, config=config)
    return splits[split]


def label_of(name: str) -> str:
    """A data set's name without its place, which says nothing about the data: of a folder the last part."""
    return Path(name).resolve().name if Path(name).is_dir() else name


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

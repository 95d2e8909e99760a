"""What a DATASET argument means: a built folder, a Hub id, or `sample`."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePath
from typing import Any

import datasets
import orjson
from datasets.config import REPOCARD_FILENAME as CARD_NAME
from datasets.data_files import DataFilesDict, DataFilesList
from datasets.exceptions import DatasetGenerationError, DatasetsError
from datasets.info import DatasetInfosDict
from datasets.packaged_modules.parquet.parquet import Parquet
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData
from yaml import YAMLError

from cmcc_bench.errors import DataError, printable
from cmcc_bench.features import FEATURES, VERSION, table_of
from cmcc_bench.files import is_system_file
from cmcc_bench.reader.files import SAMPLE_DIR
from cmcc_bench.reader.folder import read_dialogues
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.types import Row
from cmcc_bench.views.configs import view
from cmcc_bench.vocabulary import SYNTHETIC_ID

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)  # ORGANIZATION/NAME
# What `datasets` raises where there is no such data set, and what a card that was edited leads to.
_ERRORS = (
    OSError, LookupError, TypeError, AttributeError, ValueError, NotImplementedError, YAMLError, DatasetsError,
)  # fmt: skip
_MAKE = "Check the path. cmcc build makes such a folder of raw files."
_AGAIN = "Build the folder again with cmcc build, or download it again."
SAMPLE = "sample"  # the name of the synthetic sample; a folder of that name is ./sample


def open_dataset(name: str, config: str = "labeled") -> datasets.DatasetDict:
    """The splits of a config.

    name: a folder that `cmcc build` made, the id of a repository on the Hub, or `sample` (synthetic).
    Raises cmcc.DataError when there is no such data set or it lacks the config.
    """
    if name == SAMPLE:
        return _open_sample(config)
    with _explained(name, config=config):
        return _open_folder(Path(name), config) if Path(name).is_dir() else datasets.load_dataset(name, config)


@cache
def _open_sample(config: str) -> datasets.DatasetDict:
    rows: dict[str, list[Row]] = {}
    for dialogue in read_dialogues(SAMPLE_DIR):
        rows.setdefault(dialogue.split, []).extend(view(config)(dialogue.row))
    info = datasets.DatasetInfo(features=FEATURES[config](), version=VERSION)
    return datasets.DatasetDict(
        {split: datasets.Dataset(table_of(rows[split], config), info) for split in SPLITS if rows.get(split)}
    )


def has_config(name: str, config: str) -> bool:
    """Whether a data set has a config; the sample has all but `unlabeled`. Raises cmcc.DataError as `open_dataset`."""
    if name == SAMPLE:
        return config != "unlabeled"
    with _explained(name):
        if Path(name).is_dir():
            return config in MetadataConfigs.from_dataset_card_data(_card_data(Path(name)))
        return config in datasets.get_dataset_config_names(name)


def _card_data(folder: Path) -> DatasetCardData:
    """The head of a folder's card. Raises ValueError where it cannot be read."""
    data: DatasetCardData = DatasetCard.load(folder / CARD_NAME).data
    return data


def _open_folder(folder: Path, config: str) -> datasets.DatasetDict:
    """A config of a built folder, as load_dataset(folder, config) opens it.

    load_dataset takes the folder's own path for a pattern or an address: [, ], *, ? and :: in it mean something else
    there. So the card is read here, and only the patterns that it lists are looked up, below the folder.
    """
    path = str(folder.resolve())
    if "::" in path or os.path.expandvars(path) != path:
        expected = "a path that the library `datasets` does not take for an address, or for a variable"
        raise DataError("`::` or `$` in the path", expected, "Rename that folder.", dataset=str(folder))
    data = _card_data(folder)
    configs = MetadataConfigs.from_dataset_card_data(data)
    if config not in configs:
        raise ValueError(f"no config {config!r} in {CARD_NAME}; there are: {', '.join(configs) or 'none'}")
    files = {}
    for entry in configs[config]["data_files"]:
        found = folder.resolve().glob(entry["path"])
        paths = sorted(path for path in found if not is_system_file(path.name))
        if not paths:
            raise FileNotFoundError(f"no {entry['path']}, which {CARD_NAME} lists")
        # With times and sizes, so that the cache never gives rows of a file that was replaced.
        stats = [path.stat() for path in paths]
        origins = [(str(path), f"{stat.st_mtime_ns}-{stat.st_size}") for path, stat in zip(paths, stats, strict=True)]
        files[entry["split"]] = DataFilesList(list(map(str, paths)), origins)
    builder = Parquet(
        config_name=config,
        dataset_name="cmcc",
        info=DatasetInfosDict.from_dataset_card_data(data).get(config),
        data_files=DataFilesDict(files),
        version=datasets.Version(configs[config].get("version", "0.0.0")),
    )
    builder.download_and_prepare()
    splits: datasets.DatasetDict = builder.as_dataset()
    return splits


@contextmanager
def _explained(name: str, **place: str) -> Iterator[None]:
    """Raises cmcc.DataError instead of what `datasets` raises where there is no such data set."""
    path = Path(name)
    if name and path.exists() and not (path / CARD_NAME).exists():
        hint = f"Build it first: cmcc build --data-dir {name} --out cmcc"
        found = f"no {CARD_NAME}" if path.is_dir() else "a file"
        raise DataError(found, "a folder that cmcc build made", hint, dataset=name)
    if not is_folder(name):
        hint = f"Did you mean {SAMPLE}?" if difflib.get_close_matches(name.casefold(), [SAMPLE], cutoff=0.8) else _MAKE
        check_name(name, f"a built folder, a Hub id such as ORGANIZATION/NAME, or `{SAMPLE}`", hint, dataset=name)
    try:
        yield
    except DataError:
        raise
    except DatasetGenerationError as error:  # a Parquet file that is cut short, or not one
        found = printable(f"{type(error.__cause__).__name__}: {error.__cause__}".split("\n")[0])
        raise DataError(found, "whole Parquet files", _AGAIN, dataset=name, **place) from error
    except _ERRORS as error:
        expected = f"a built folder, a Hub id that you may read, or `{SAMPLE}`"
        hint = _hint(name, place.get("config"))
        raise DataError(str(error), expected, hint, dataset=name, **place) from error


def is_folder(name: str | Path) -> bool:
    """Whether there is a folder of this name; "" is none, though Path("") is the working directory."""
    return bool(str(name)) and Path(name).is_dir()


def check_name(name: str | Path, expected: str, hint: str, **place: str) -> None:
    """Raises cmcc.DataError for what is no folder and cannot be a repository's id, without asking the Hub."""
    if not HUB_ID.fullmatch(str(name)):
        raise DataError("no such folder, and not a Hub id", expected, near_name(name) or hint, **place)


def near_name(path: str | Path) -> str:
    """A hint that names the folder which `path` may mean: one with a similar name in the same place; "" without one."""
    wanted, parent = Path(path), Path(path).parent
    try:
        names = {folder.name.casefold(): folder.name for folder in sorted(parent.iterdir()) if folder.is_dir()}
    except OSError:
        return ""
    near = difflib.get_close_matches(wanted.name.casefold(), names, n=1)
    if not near:
        return ""
    found = str(wanted.with_name(names[near[0]]))
    return f"Did you mean {'./' if found == SAMPLE else ''}{found}?"


def _hint(name: str, config: str | None) -> str:
    """What to do where a data set, or a config of a built folder, is not there."""
    if not Path(name).is_dir():
        return near_name(name) or "Check the name and the network. cmcc build makes such a folder of raw files."
    if config is None or (Path(name) / config).exists():
        return _AGAIN
    if config == "unlabeled":
        return "Nothing unlabeled was built: put files without labels among the raw ones, and build again."
    return f"Nothing with {config} was built: add the labels, in the raw files or a care file, and build again."


def open_split(name: str, config: str, split: str) -> datasets.Dataset:
    """One split of a config. Raises cmcc.DataError when there is no such data set, config or split."""
    splits = open_dataset(name, config)
    if split not in splits:
        raise DataError(f"the splits {', '.join(splits)}", f"a split {split!r}", dataset=name, config=config)
    return splits[split]


def label_of(name: str) -> str:
    """A data set's name without its place, which says nothing about the data: of a folder the last part."""
    return Path(name).resolve().name if name != SAMPLE and Path(name).is_dir() else name


def place_name(name: str) -> str:
    """A data set's or model's name as given; of an absolute path its last part, as the rest is the machine's own."""
    path = PurePath(name)
    return path.name if path.is_absolute() else name


def labeled_rows(name: str) -> Iterable[Row]:
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
    return any(row["dialogue_id"].startswith(SYNTHETIC_ID) for row in rows)


def is_licensed(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of the dialogues that the rows are of is a real call: data may be both, synthetic and licensed."""
    return not all(row["dialogue_id"].startswith(SYNTHETIC_ID) for row in rows)

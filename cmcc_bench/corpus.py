"""Opens the data set that a DATASET argument names: a built folder, a Hub id, or `sample`."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path, PurePath
from typing import Any

import datasets
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from datasets.config import REPOCARD_FILENAME as CARD_NAME
from datasets.data_files import DataFilesDict, DataFilesList
from datasets.exceptions import DatasetGenerationError, DatasetsError
from datasets.info import DatasetInfosDict
from datasets.packaged_modules.parquet.parquet import Parquet
from datasets.table import table_cast
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import CardData, DatasetCard, DatasetCardData
from yaml import YAMLError

from cmcc_bench.blocks import BLOCK
from cmcc_bench.distribution import DATA_VERSION
from cmcc_bench.errors import DataError, printable
from cmcc_bench.features import FEATURES, table_of
from cmcc_bench.files import is_system_file
from cmcc_bench.reader.files import SAMPLE_DIR
from cmcc_bench.reader.folder import read_dialogues
from cmcc_bench.reader.splits import SPLITS
from cmcc_bench.types import Row
from cmcc_bench.views.configs import view
from cmcc_bench.vocabulary import SYNTHETIC_ID

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)  # ORGANIZATION/NAME
# The errors of `datasets` for a missing data set, and for a card whose YAML was edited by hand.
_OPEN_ERRORS = (
    OSError, LookupError, TypeError, AttributeError, ValueError, NotImplementedError, YAMLError, DatasetsError,
)  # fmt: skip
_MAKE = "Check the path. cmcc build makes a data set from raw files."
_AGAIN = "Build the folder again with cmcc build, or download it again."
SAMPLE = "sample"  # the name of the synthetic sample; a folder of that name is ./sample


def open_dataset(name: str, config: str = "labeled") -> datasets.DatasetDict:
    """Opens all splits of a config of a data set.

    name: a folder made by `cmcc build`, the id of a data set on the Hub, or `sample` (synthetic).
    Raises cmcc.DataError when there is no such data set or it lacks the config.
    """
    if name == SAMPLE:
        return _open_sample(config)
    with _as_data_error(name, config=config):
        return _open_folder(Path(name), config) if Path(name).is_dir() else datasets.load_dataset(name, config)


@cache
def _open_sample(config: str) -> datasets.DatasetDict:
    rows: dict[str, list[Row]] = {}
    for dialogue in read_dialogues(SAMPLE_DIR):
        rows.setdefault(dialogue.split, []).extend(view(config)(dialogue.row))
    info = datasets.DatasetInfo(features=FEATURES[config](), version=DATA_VERSION)
    return datasets.DatasetDict(
        {split: datasets.Dataset(table_of(rows[split], config), info) for split in SPLITS if rows.get(split)}
    )


def has_config(name: str, config: str) -> bool:
    """Whether a data set has a config. The sample has all but `unlabeled`. Raises cmcc.DataError as `open_dataset`."""
    if name == SAMPLE:
        return config != "unlabeled"
    with _as_data_error(name):
        if Path(name).is_dir():
            return config in MetadataConfigs.from_dataset_card_data(_card_data(Path(name)))
        return config in datasets.get_dataset_config_names(name)


def _card_data(folder: Path) -> DatasetCardData:
    """The YAML header of a folder's card. Raises ValueError when it cannot be read."""
    data = deepcopy(_parsed_card((folder / CARD_NAME).read_bytes().decode("utf-8")))
    assert isinstance(data, DatasetCardData)
    return data


@lru_cache(maxsize=4)
def _parsed_card(text: str) -> CardData:
    """The YAML header of a card. Kept, because parsing takes longer than opening the data."""
    return DatasetCard(text).data


def _open_folder(folder: Path, config: str) -> datasets.DatasetDict:
    """Opens a config of a built folder, as load_dataset(folder, config) does, from any path.

    load_dataset interprets [, ], *, ? and :: in the folder's own path as a pattern or a URL. So the card is read here,
    and only the patterns that it lists are expanded, inside the folder.
    """
    path = str(folder.resolve())
    if "::" in path or os.path.expandvars(path) != path:
        problem = "the path contains `::` or `$`, which the `datasets` library interprets"
        raise DataError(problem, "", "Rename the folder.", dataset=str(folder))
    data = _card_data(folder)
    files = {}
    for split, paths in _files_of(folder, data, config).items():
        # Times and sizes are part of the cache key, so the cache never gives rows of a file that was replaced.
        stats = [path.stat() for path in paths]
        origins = [(str(path), f"{stat.st_mtime_ns}-{stat.st_size}") for path, stat in zip(paths, stats, strict=True)]
        files[split] = DataFilesList(list(map(str, paths)), origins)
    builder = Parquet(
        config_name=config,
        dataset_name="cmcc",
        info=DatasetInfosDict.from_dataset_card_data(data).get(config),
        data_files=DataFilesDict(files),
        version=datasets.Version(MetadataConfigs.from_dataset_card_data(data)[config].get("version", "0.0.0")),
    )
    builder.download_and_prepare()
    splits: datasets.DatasetDict = builder.as_dataset()
    return splits


def _files_of(folder: Path, data: DatasetCardData, config: str) -> dict[str, list[Path]]:
    """The Parquet files of each split of a config that a folder's card lists. Raises ValueError or OSError."""
    configs = MetadataConfigs.from_dataset_card_data(data)
    if config not in configs:
        raise ValueError(f"no config {config!r} in {CARD_NAME}; it has: {', '.join(configs) or 'none'}")
    files = {}
    for entry in configs[config]["data_files"]:
        matches = folder.resolve().glob(entry["path"])
        files[entry["split"]] = sorted(path for path in matches if not is_system_file(path.name))
        if not files[entry["split"]]:
            raise FileNotFoundError(f"{CARD_NAME} lists {entry['path']}, but there is no such file")
    return files


@dataclass(frozen=True)
class SplitTables:
    """The rows of a split in order, as tables of at most BLOCK rows. Each iteration reads the files again."""

    num_rows: int
    read: Callable[[], Iterator[pa.Table]]

    def __iter__(self) -> Iterator[pa.Table]:
        return self.read()


def open_tables(name: str, config: str = "labeled") -> dict[str, SplitTables]:
    """Opens all splits of a config to be read once from beginning to end.

    The memory for a folder does not grow with the data, and nothing is written. `open_dataset` first copies the data
    into the cache as Arrow: with a million calls that takes 900 MB of memory. Raises as `open_dataset`, also later,
    while the tables are read.
    """
    if name == SAMPLE or not is_folder(name):
        splits = open_dataset(name, config).items()
        return {split: SplitTables(rows.num_rows, partial(_cached_tables, rows)) for split, rows in splits}
    with _as_data_error(name, config=config):
        data = _card_data(Path(name))
        info = DatasetInfosDict.from_dataset_card_data(data).get(config) or datasets.DatasetInfo()
        opened = {}
        for split, paths in _files_of(Path(name), data, config).items():
            rows = sum(_row_count(path, info.features) for path in paths)
            listed = (info.splits or {}).get(split)
            if listed and listed.num_examples != rows:
                raise ValueError(f"{split} has {rows} rows, but {CARD_NAME} lists {listed.num_examples}")
            opened[split] = SplitTables(rows, partial(_folder_tables, name, config, paths, info.features))
        return opened


def _cached_tables(rows: datasets.Dataset) -> Iterator[pa.Table]:
    return iter(rows.with_format("arrow").iter(batch_size=BLOCK))


def _row_count(path: Path, features: datasets.Features | None) -> int:
    """The number of rows of a Parquet file. Raises cmcc.DataError if it is damaged, or lacks a column."""
    with _as_damaged(path):
        columns, rows = pq.read_schema(path).names, int(pq.read_metadata(path).num_rows)
    if missing := sorted((features or {}).keys() - set(columns)):
        raise DataError(f"no column {', '.join(missing)} in a Parquet file", "", _AGAIN, file=str(path))
    return rows


def _folder_tables(name: str, config: str, paths: list[Path], features: datasets.Features | None) -> Iterator[pa.Table]:
    with _as_data_error(name, config=config):
        for path in paths:
            with _as_damaged(path), pq.ParquetFile(path) as file:
                # One row group at a time: over several, pyarrow keeps in memory what it has read of the file.
                for group in range(file.num_row_groups):
                    for batch in file.iter_batches(BLOCK, [group], use_threads=False):
                        table = pa.Table.from_batches([batch])
                        yield table_cast(table, features.arrow_schema) if features else table


@contextmanager
def _as_damaged(path: Path) -> Iterator[None]:
    """Raises cmcc.DataError for a damaged Parquet file instead of the errors of pyarrow."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = printable(f"{type(error).__name__}: {error}".split("\n")[0])
        raise DataError(f"a Parquet file is damaged ({reason})", "", _AGAIN, file=str(path)) from error


@contextmanager
def _as_data_error(name: str, **place: str) -> Iterator[None]:
    """Raises cmcc.DataError for a missing or damaged data set instead of the errors of `datasets`."""
    path = Path(name)
    if name and path.exists() and not (path / CARD_NAME).exists():
        hint = f"Build it first: cmcc build --data-dir {name} --out cmcc"
        problem = f"the folder has no {CARD_NAME}" if path.is_dir() else "this is a file"
        raise DataError(f"{problem}, so it is not a data set made by cmcc build", "", hint, dataset=name)
    if not is_folder(name):
        hint = f"Did you mean {SAMPLE}?" if difflib.get_close_matches(name.casefold(), [SAMPLE], cutoff=0.8) else _MAKE
        check_name(name, f"a built folder, a Hub id such as ORGANIZATION/NAME, or `{SAMPLE}`", hint, dataset=name)
    try:
        yield
    except DataError:
        raise
    except DatasetGenerationError as error:  # a truncated or damaged Parquet file
        cause = printable(f"{type(error.__cause__).__name__}: {error.__cause__}".split("\n")[0])
        raise DataError(f"a Parquet file is damaged ({cause})", "", _AGAIN, dataset=name, **place) from error
    except _OPEN_ERRORS as error:
        hint = _hint(name, place.get("config"))
        raise DataError(f"cannot open the data set: {error}", "", hint, dataset=name, **place) from error


def is_folder(name: str | Path) -> bool:
    """Whether there is a folder of this name. "" is no folder, although Path("") is the working directory."""
    return bool(str(name)) and Path(name).is_dir()


def check_name(name: str | Path, expected: str, hint: str, **place: str) -> None:
    """Raises cmcc.DataError if a name cannot be the id of a Hub repository; the Hub is not asked.

    Call it when `name` is no folder. expected: what may be named here, for the message.
    """
    if not HUB_ID.fullmatch(str(name)):
        raise DataError("no such folder, and not a Hub id", "", f"Use {expected}. {near_name(name) or hint}", **place)


def near_name(path: str | Path) -> str:
    """The hint "Did you mean X?", where X is a folder with a similar name next to `path`; "" if there is none."""
    path = Path(path)
    try:
        names = {folder.name.casefold(): folder.name for folder in sorted(path.parent.iterdir()) if folder.is_dir()}
    except OSError:
        return ""
    similar = difflib.get_close_matches(path.name.casefold(), names, n=1)
    if not similar:
        return ""
    suggestion = str(path.with_name(names[similar[0]]))
    return f"Did you mean {'./' if suggestion == SAMPLE else ''}{suggestion}?"


def _hint(name: str, config: str | None) -> str:
    """The hint for a data set, or a config of a built folder, that cannot be opened."""
    if not Path(name).is_dir():
        return near_name(name) or (
            f"Check the name and the network. Use a built folder, a Hub id that you may read, or `{SAMPLE}`."
        )
    if config is None or (Path(name) / config).exists():
        return _AGAIN
    if config == "unlabeled":
        return "The data set has no unlabeled calls. Add files without labels to the raw files and build it again."
    return f"The data set has no labels for {config}. Add them to the raw files or to a care file and build it again."


def open_split(name: str, config: str, split: str) -> datasets.Dataset:
    """Opens one split of a config. Raises cmcc.DataError when there is no such data set, config or split."""
    splits = open_dataset(name, config)
    if split not in splits:
        hint = f"Use one of its splits: {', '.join(splits)}."
        raise DataError(f"no split {split!r}", "", hint, dataset=name, config=config)
    return splits[split]


def short_name(name: str) -> str:
    """A data set's name for tables and figures: the last part of a folder's path, a Hub id as it is."""
    return Path(name).resolve().name if name != SAMPLE and Path(name).is_dir() else name


def name_without_path(name: str) -> str:
    """A data set's or model's name for files that are shared: the last part of an absolute path, others unchanged."""
    path = PurePath(name)
    return path.name if path.is_absolute() else name


def labeled_rows(name: str) -> Iterable[Row]:
    """Yields every row of the config `labeled`, split by split."""
    for split in open_dataset(name).values():
        yield from split


def fingerprint_of(rows: Iterable[Any]) -> str:
    """A SHA-256 digest of JSON values, such as rows: equal for equal rows in the same order."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n")
    return digest.hexdigest()


def is_synthetic(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of the rows is from a synthetic dialogue."""
    return any(row["dialogue_id"].startswith(SYNTHETIC_ID) for row in rows)


def is_licensed(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of the rows is from a real call, which is licensed. Mixed data is both synthetic and licensed."""
    return not all(row["dialogue_id"].startswith(SYNTHETIC_ID) for row in rows)

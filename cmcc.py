"""CMCC, China Mobile Customer Care: its label vocabularies, its features, the reader of its raw files, and load().

    import cmcc
    sample = cmcc.load("sample")                           # 400 synthetic dialogues; they ship with the package
    calls = cmcc.load("labeled", data_dir="my/licensed/MobileCS")
    cmcc.ZH["complain_about_a_problem"]                    # 抱怨某问题

The corpus is described in "CMCC: A Comprehensive and Large-Scale Human-Human Dataset for Dialogue Systems" (SereTOD
2022). It is licensed and not part of this package.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeAlias

import datasets
import orjson
import pyarrow as pa
from datasets import Features
from datasets.builder import Key

from cmcc_bench.blocks import BLOCK, blocks
from cmcc_bench.distribution import DATA_VERSION as VERSION
from cmcc_bench.errors import WHERE_TO_GET, DataError, printable
from cmcc_bench.features import (
    FEATURES,
    emotion_features,
    labeled_features,
    response_features,
    satisfaction_features,
    table_of,
    unlabeled_features,
)
from cmcc_bench.files import write_bytes
from cmcc_bench.reader.care import Care, CareLabels, read_care
from cmcc_bench.reader.dialogue import Dialogue, DialogueReader, digest_of
from cmcc_bench.reader.encoding import SUFFIXES, RawFile
from cmcc_bench.reader.files import SAMPLE_DIR, choose_care_file, find_files, skipped_files
from cmcc_bench.reader.folder import OnError, Uniqueness, Unreadable, open_folder, read_dialogues, read_files
from cmcc_bench.reader.json_stream import RawDialogue, holds_no_dialogues, raw_dialogues, read_json
from cmcc_bench.reader.report import Report
from cmcc_bench.reader.splits import SPLITS, split_in_name, split_of
from cmcc_bench.reader.track2 import Track2Dialogue, Track2Exchange, read_track2
from cmcc_bench.types import Row
from cmcc_bench.views.configs import view
from cmcc_bench.views.flat import emotion_rows, satisfaction_rows, transcript_lines
from cmcc_bench.vocabulary import (
    ACT_ALIASES,
    ACTS,
    CARING_ACTS,
    EMOTION_ALIASES,
    EMOTIONS,
    ENTITY_TYPES,
    INTENT_ALIASES,
    INTENTS,
    PERSONAL_SLOTS,
    SATISFACTION,
    SLOTS,
    SPEAKERS,
    SUBTYPES,
    SYNTHETIC_ID,
    ZH,
    find_label,
    label_names,
    satisfaction_label,
)

__all__ = [
    "ACTS",
    "ACT_ALIASES",
    "BLOCK",
    "CARING_ACTS",
    "CMCC",
    "EMOTIONS",
    "EMOTION_ALIASES",
    "ENTITY_TYPES",
    "FEATURES",
    "INTENTS",
    "INTENT_ALIASES",
    "PERSONAL_SLOTS",
    "SAMPLE_DIR",
    "SATISFACTION",
    "SLOTS",
    "SPEAKERS",
    "SPLITS",
    "SUBTYPES",
    "SUFFIXES",
    "SYNTHETIC_ID",
    "VERSION",
    "WHERE_TO_GET",
    "ZH",
    "CMCCConfig",
    "Care",
    "CareLabels",
    "DataError",
    "Dialogue",
    "DialogueReader",
    "Loaded",
    "OnError",
    "RawDialogue",
    "RawFile",
    "Report",
    "Row",
    "Track2Dialogue",
    "Track2Exchange",
    "Uniqueness",
    "blocks",
    "choose_care_file",
    "digest_of",
    "emotion_features",
    "emotion_rows",
    "find_files",
    "find_label",
    "holds_no_dialogues",
    "label_names",
    "labeled_features",
    "load",
    "printable",
    "raw_dialogues",
    "read_care",
    "read_dialogues",
    "read_json",
    "read_track2",
    "response_features",
    "satisfaction_features",
    "satisfaction_label",
    "satisfaction_rows",
    "skipped_files",
    "split_in_name",
    "split_of",
    "table_of",
    "transcript_lines",
    "unlabeled_features",
    "view",
]

_CACHED_REPORT = "reading_report.json"  # in the folder of the cached rows
_NO_DATA_DIR = "data_dir is missing. Pass the folder of raw files: data_dir=FOLDER"
_LOG = logging.getLogger("cmcc")


@dataclass
class CMCCConfig(datasets.BuilderConfig):  # type: ignore[misc]
    """A config of the data set: `name` is one of cmcc.FEATURES, `data_dir` the folder of raw files.

    on_error: "raise", or "skip" to skip dialogues that cannot be read. It is part of the cache key.
    """

    on_error: str = "raise"

    @property
    def folder(self) -> Path | None:
        """The folder of raw files; for the config "sample" a folder of this package."""
        if self.name == "sample":
            return SAMPLE_DIR
        return Path(self.data_dir) if self.data_dir else None

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: Features | None = None) -> str:
        """Returns the cache key: a digest of the files' names, sizes and times, and of the code that reads them.

        The default key of `datasets` has only the folder's name, so edited files would give the cached old rows.
        """
        digest = hashlib.sha256(repr((sorted(config_kwargs.items()), custom_features)).encode())
        files, care = find_files(self.folder) if self.folder else ([], [])
        for name, path in [((file.name, file.split), file.path) for file in files] + [("care", path) for path in care]:
            stat = path.stat()
            digest.update(repr((name, str(path.resolve()), stat.st_size, stat.st_mtime_ns)).encode())
        for path in _code_files():
            digest.update(path.read_bytes())
        return f"{self.name}-{digest.hexdigest()[:16]}"


def _code_files() -> list[Path]:
    """The source files on which the content of the rows depends."""
    library = Path(__file__).with_name("cmcc_bench")
    names = ("vocabulary.py", "features.py", "reader/*.py", "views/*.py")
    return [Path(__file__), *sorted(path for name in names for path in library.glob(name))]


# Without this, `datasets` replaces this module's `open` and `Path` by versions that read `::` in a path as a URL.
_patched_for_streaming = True


class CMCC(datasets.ArrowBasedBuilder):  # type: ignore[misc]
    """Builds a config from raw files: CMCC(config_name="labeled", data_dir="FOLDER").

    Each file is a shard. A dialogue that occurs in several files is taken from the first. All files are read once
    before the first row, also when streaming, to find the dialogues that occur twice. The counts of that first pass are
    in `report`. They are saved with the cached rows, so a data set from the cache has them, too.
    """

    VERSION = datasets.Version(VERSION)
    BUILDER_CONFIG_CLASS = CMCCConfig
    _report: Report | None = None
    BUILDER_CONFIGS = [CMCCConfig(name=name, version=datasets.Version(VERSION)) for name in FEATURES]  # noqa: RUF012

    def _info(self) -> datasets.DatasetInfo:
        description = "China Mobile Customer Care: customer-service calls with care-oriented labels."
        if self.config.name == "sample":
            description = "SYNTHETIC sample of CMCC: simulated calls with the features of `labeled`."
        return datasets.DatasetInfo(description=description, features=FEATURES[self.config.name]())

    @property
    def report(self) -> Report:
        """Counts of what was read, repaired and rejected in all files.

        Raises FileNotFoundError before `download_and_prepare` or `as_streaming_dataset` is called.
        """
        if self._report is None:
            self._report = Report.from_dict(orjson.loads(Path(self.cache_dir, _CACHED_REPORT).read_bytes()))
        return self._report

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:
        folder = self.config.folder
        if folder is None:
            raise DataError(_NO_DATA_DIR, "", WHERE_TO_GET, config=self.config.name)
        files, reader = open_folder(folder)
        indices = self._indices_by_split(files, reader)
        if not indices:
            labels = {"emotion": " with emotions", "satisfaction": " with satisfaction"}.get(self.config.name, "")
            problem = f"no {self._source} dialogues{labels} for the config {self.config.name!r}"
            if reader.report.rejected:
                problem += f" ({len(reader.report.rejected)} were skipped; the first: {reader.report.rejected[0]})"
            raise DataError(problem, "", WHERE_TO_GET, file=str(folder))
        self._report = reader.report
        if not dl_manager.is_streaming:
            write_bytes(Path(self._output_dir, _CACHED_REPORT), orjson.dumps(self._report.as_dict()))
        return [
            datasets.SplitGenerator(
                split, {"files": list(by_file), "indices": list(by_file.values()), "care": reader.care}
            )
            for split, by_file in sorted(indices.items(), key=lambda item: SPLITS.index(item[0]))
        ]

    @property
    def _source(self) -> str:
        return "unlabeled" if self.config.name == "unlabeled" else "labeled"

    def _indices_by_split(self, files: list[RawFile], reader: DialogueReader) -> dict[str, dict[RawFile, set[int]]]:
        """For each split that has rows and each file: the indices in the file of the split's dialogues."""
        with_rows = set[str]()
        indices: dict[str, dict[RawFile, set[int]]] = {}

        def reject(item: Unreadable, error: DataError) -> None:
            """Records an unreadable dialogue or line, or raises the error."""
            if self.config.on_error == "raise" or isinstance(item, RawFile):
                raise error
            reader.report.rejected.append(str(error))

        for raw, dialogue in read_files(files, reader, reject, Uniqueness()):
            if dialogue.config == self._source:
                indices.setdefault(dialogue.split, {}).setdefault(raw.file, set()).add(raw.index)
                if dialogue.split not in with_rows and view(self.config.name)(dialogue.row):
                    with_rows.add(dialogue.split)
        reader.count_unmerged()
        return {split: by_file for split, by_file in indices.items() if split in with_rows}

    def _generate_tables(
        self, files: list[RawFile], indices: list[set[int]], care: CareLabels
    ) -> Iterator[tuple[Key, pa.Table]]:
        for shard, (file, file_indices) in enumerate(zip(files, indices, strict=True)):
            rows = _rows_at(file_indices, file, care)
            for number, block in enumerate(blocks(rows, BLOCK)):
                viewed = chain.from_iterable(map(view(self.config.name), block))
                yield Key(shard, number), table_of(viewed, self.config.name)


def _rows_at(indices: set[int], file: RawFile, care: CareLabels) -> Iterator[Row]:
    """Yields the rows of the dialogues at these indices of a file. Unreadable lines are skipped: they have no index.

    The first pass over the file has already counted or raised them.
    """
    reader = DialogueReader(care)
    for raw in raw_dialogues(file, lambda *_: None):
        if raw.index in indices and (dialogue := reader.read(raw)):
            yield dialogue.row


Loaded: TypeAlias = datasets.Dataset | datasets.DatasetDict | datasets.IterableDataset | datasets.IterableDatasetDict


def load(
    config: str,
    data_dir: str | Path | None = None,
    split: str | None = None,
    streaming: bool = False,
    num_proc: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    report: Report | None = None,
) -> Loaded:
    """Loads a config of the data set from raw files: load("labeled", data_dir="FOLDER").

    config: one of cmcc.FEATURES. `sample` is synthetic, ships with the package and takes no data_dir.
    split: "train", "validation" or "test". Without it, the result is a dict of all splits that have rows.
    streaming: returns iterable data sets and writes nothing to the cache.
    num_proc: number of processes; each reads whole files. Not with streaming.
    on_error: "skip" skips what `cmcc build --on-error skip` skips, in all configs and splits: a dialogue that cannot be
    read, a different dialogue with an id that already occurred, and a line that is not JSON. The logger "cmcc" warns
    with the number of skipped dialogues.
    report: collects the counts of what was read, repaired and set aside in all files, and why each dialogue was
    skipped; also when the rows come from the cache.
    Returns the data set as `datasets` objects; cmcc.FEATURES[config]() gives the features of its rows.
    Raises DataError when there are no files, or a file has a dialogue that cannot be repaired. A file that is not JSON
    raises it with on_error="skip", too. Raises ValueError for arguments that are wrong or contradict each other.
    """
    if config not in FEATURES:
        raise ValueError(f"unknown config {config!r}. Use one of: {', '.join(FEATURES)}.")
    if streaming and num_proc:
        raise ValueError("num_proc cannot be used with streaming=True. Remove one of the two.")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"unknown on_error {on_error!r}. Use 'raise' or 'skip'.")
    if config == "sample":
        if data_dir is not None:
            raise ValueError("the config 'sample' takes no data_dir. For a folder: load('labeled', data_dir=FOLDER).")
        builder = CMCC(config_name=config)
    elif data_dir is None:
        raise DataError(_NO_DATA_DIR, "", WHERE_TO_GET, config=config)
    else:
        folder = str(Path(data_dir).resolve()) if str(data_dir) else ""
        builder = CMCC(config_name=config, data_dir=folder, on_error=on_error)
    if not streaming:
        builder.download_and_prepare(num_proc=num_proc)
    loaded: Loaded = builder.as_streaming_dataset(split) if streaming else builder.as_dataset(split)
    _log_warnings(builder.report, data_dir)
    if report is not None:
        report.add(builder.report)
    return loaded


def _log_warnings(report: Report, data_dir: str | Path | None) -> None:
    """Logs a warning for skipped dialogues, one for dropped labels, and one for dialogues in files of two splits."""
    if report.rejected:
        _LOG.warning(
            "%s: skipped %d dialogues or lines that cannot be read. The first: %s. To see all: report = cmcc.Report();"
            " cmcc.load(..., report=report); print(report.rejected)",
            *(data_dir, len(report.rejected), report.rejected[0]),
        )
    if left_out := report.left_out:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
        _LOG.warning("%s: dropped %d labels that cannot be read: %s", data_dir, left_out.total(), kinds)
    conflicts = report.split_conflicts
    if conflicts:
        _LOG.warning("%s: %s", data_dir, conflicts)

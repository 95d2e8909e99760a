"""CMCC, China Mobile Customer Care: its label vocabularies, its features, the reader of its raw files, and load().

    import cmcc
    sample = cmcc.load("sample")                           # 400 synthetic dialogues, nothing needed
    calls = cmcc.load("labeled", data_dir="my/licensed/MobileCS")
    cmcc.ZH["complain_about_a_problem"]                    # 抱怨某问题

The corpus is described in "CMCC: A Comprehensive and Large-Scale Human-Human Dataset for Dialogue Systems" (SereTOD
2022); it is licensed and not part of this package.
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

from cmcc_bench.errors import WHERE_TO_GET, DataError, printable
from cmcc_bench.features import (
    BLOCK,
    FEATURES,
    VERSION,
    blocks,
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

_CACHED_REPORT = "reading_report.json"  # beside the cached rows
_LOG = logging.getLogger("cmcc")


@dataclass
class CMCCConfig(datasets.BuilderConfig):  # type: ignore[misc]
    """A config of the data set: `name` is one of cmcc.FEATURES, `data_dir` the folder of raw files.

    on_error: "raise", or "skip" to leave out dialogues that cannot be read; it is part of the cache key.
    """

    on_error: str = "raise"

    @property
    def folder(self) -> Path | None:
        """Where the raw files are; the sample's ship with the package."""
        if self.name == "sample":
            return SAMPLE_DIR
        return Path(self.data_dir) if self.data_dir else None

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: Features | None = None) -> str:
        """The cache key: a digest of the files' names, sizes and times, and of the code that reads them.

        The library's own key holds the folder's name only, and would hand back stale rows of edited files.
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
    """The modules that decide what the rows are."""
    library = Path(__file__).with_name("cmcc_bench")
    names = ("vocabulary.py", "features.py", "reader/*.py", "views/*.py")
    return [Path(__file__), *sorted(path for name in names for path in library.glob(name))]


# `datasets` would put functions in the place of this module's open and Path that take `::` in a path for an address.
_patched_for_streaming = True


class CMCC(datasets.ArrowBasedBuilder):  # type: ignore[misc]
    """Builds a config from raw files: CMCC(config_name="labeled", data_dir="FOLDER").

    Shards are files; a dialogue that several files hold is taken from the first. All files are read once before the
    first row is given, streamed or not: only then is it known which dialogues stand twice. What that reading counted is
    in `report`; it is kept beside the cached rows, so that rows from the cache have it, too.
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
        """What the reading of all files counted. Raises FileNotFoundError before the rows were prepared or streamed."""
        if self._report is None:
            self._report = Report.from_dict(orjson.loads(Path(self.cache_dir, _CACHED_REPORT).read_bytes()))
        return self._report

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:
        folder = self.config.folder
        if folder is None:
            raise DataError("no data_dir", "a folder of raw files", WHERE_TO_GET, config=self.config.name)
        files, reader = open_folder(folder)
        wanted = self._dialogues_by_split(files, reader)
        if not wanted:
            needed = {"emotion": " with emotions", "satisfaction": " with satisfaction"}.get(self.config.name, "")
            found, expected = f"no {self._source} dialogues{needed}", f"some for the config {self.config.name!r}"
            if reader.report.rejected:
                found += f" ({len(reader.report.rejected)} were skipped; the first: {reader.report.rejected[0]})"
            raise DataError(found, expected, WHERE_TO_GET, file=str(folder))
        self._report = reader.report
        if not dl_manager.is_streaming:
            write_bytes(Path(self._output_dir, _CACHED_REPORT), orjson.dumps(self._report.as_dict()))
        return [
            datasets.SplitGenerator(
                split, {"files": list(by_file), "wanted": list(by_file.values()), "care": reader.care}
            )
            for split, by_file in sorted(wanted.items(), key=lambda item: SPLITS.index(item[0]))
        ]

    @property
    def _source(self) -> str:
        return "unlabeled" if self.config.name == "unlabeled" else "labeled"

    def _dialogues_by_split(self, files: list[RawFile], reader: DialogueReader) -> dict[str, dict[RawFile, set[int]]]:
        """Of each split that has rows: by file, the places in it of the dialogues that make them."""
        with_rows = set[str]()
        found: dict[str, dict[RawFile, set[int]]] = {}

        def reject(item: Unreadable, error: DataError) -> None:
            """Records an unreadable dialogue or line, or raises the error."""
            if self.config.on_error == "raise" or isinstance(item, RawFile):
                raise error
            reader.report.rejected.append(str(error))

        for raw, dialogue in read_files(files, reader, reject, Uniqueness()):
            if dialogue.config == self._source:
                found.setdefault(dialogue.split, {}).setdefault(raw.file, set()).add(raw.index)
                if dialogue.split not in with_rows and view(self.config.name)(dialogue.row):
                    with_rows.add(dialogue.split)
        reader.count_unmerged()
        return {split: by_file for split, by_file in found.items() if split in with_rows}

    def _generate_tables(
        self, files: list[RawFile], wanted: list[set[int]], care: CareLabels
    ) -> Iterator[tuple[Key, pa.Table]]:
        for shard, (file, indices) in enumerate(zip(files, wanted, strict=True)):
            rows = _rows_at(indices, file, care)
            for number, block in enumerate(blocks(rows, BLOCK)):
                viewed = chain.from_iterable(map(view(self.config.name), block))
                yield Key(shard, number), table_of(viewed, self.config.name)


def _rows_at(places: set[int], file: RawFile, care: CareLabels) -> Iterator[Row]:
    """The dialogues at some places of a file, which was read whole before: what could not be read is at no place."""
    reader = DialogueReader(care)
    for raw in raw_dialogues(file, lambda *_: None):
        if raw.index in places and (dialogue := reader.read(raw)):
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
    """A config of the data set made from raw files, as `datasets` objects: load("labeled", data_dir="FOLDER").

    config: one of cmcc.FEATURES; `sample` takes no data_dir, it is synthetic and ships with the package.
    split: train, validation or test; without it all that have rows, in a dict.
    streaming: gives iterable data sets; nothing is written to the cache.
    num_proc: processes, each takes whole files; not with streaming.
    on_error: "skip" leaves out what `cmcc build --on-error skip` leaves out, of all configs and splits: a dialogue that
    cannot be read or whose id another has, and a line that is not JSON. A warning of the logger "cmcc" says how many.
    report: takes the counts of what was read, repaired and set aside in all files, and why each dialogue was skipped;
    the same when the rows come from the cache.
    Raises DataError when there are no files, or when one holds what cannot be repaired or, whatever on_error says, is
    no JSON; ValueError for arguments that do not go together.
    """
    if config not in FEATURES:
        raise ValueError(f"no config {config!r}; there are {', '.join(FEATURES)}")
    if streaming and num_proc:
        raise ValueError("num_proc is of no use with streaming: leave one of them out")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"no on_error {on_error!r}; there are raise, skip")
    if config == "sample":
        if data_dir is not None:
            raise ValueError("the config 'sample' takes no data_dir: it is the sample; load 'labeled' from a folder")
        builder = CMCC(config_name=config)
    elif data_dir is None:
        raise DataError("no data_dir", "a folder of raw files", WHERE_TO_GET, config=config)
    else:
        folder = str(Path(data_dir).resolve()) if str(data_dir) else ""
        builder = CMCC(config_name=config, data_dir=folder, on_error=on_error)
    if not streaming:
        builder.download_and_prepare(num_proc=num_proc)
    loaded: Loaded = builder.as_streaming_dataset(split) if streaming else builder.as_dataset(split)
    _tell(builder.report, data_dir)
    if report is not None:
        report.add(builder.report)
    return loaded


def _tell(report: Report, data_dir: str | Path | None) -> None:
    """Warns of dialogues that were skipped, labels left out, and dialogues whose split two names fix differently."""
    if report.rejected:
        _LOG.warning(
            "%s: skipped %d dialogues or lines that cannot be read; the first: %s. To see all: report = cmcc.Report();"
            " cmcc.load(..., report=report); report.rejected",
            *(data_dir, len(report.rejected), report.rejected[0]),
        )
    if left_out := report.left_out:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
        _LOG.warning("%s: %d labels could not be read and are left out: %s", data_dir, left_out.total(), kinds)
    conflicts = report.split_conflicts
    if conflicts:
        _LOG.warning("%s: %s", data_dir, conflicts)

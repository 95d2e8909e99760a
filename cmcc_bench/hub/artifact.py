"""The files that are published for a data set, a model, a metric or the leaderboard, and whether they may be public."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, DatasetCardData, RepoCard

from cmcc_bench.dataset.folder import version_of
from cmcc_bench.dataset.place import CARD_NAME, REPORT_NAME, is_earlier_build
from cmcc_bench.distribution import NAME, VERSION, requirement
from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import is_system_file, read_facts
from cmcc_bench.hub.card import card_head
from cmcc_bench.hub.names import (
    REQUIREMENTS_NAME,
    RESULTS_NAME,
    files_of,
    is_dataset_file,
    is_model_file,
    is_space_file,
    is_stale_in_dataset,
    is_stale_in_model,
    is_weights,
)
from cmcc_bench.models.base import config_file, is_adapter, read_adapter
from cmcc_bench.models.record import BEST, TRAINING_FILE, is_licensed_run, is_synthetic_run, read_training
from cmcc_bench.vocabulary import SYNTHETIC_ID

# Takes the facts about a checkpoint's training (`run_facts`); returns README.md.
CardWriter: TypeAlias = Callable[[Mapping[str, Any]], str]
# Returns `.eval_results/cmcc.yaml`, or None, and a note for the user.
ResultsWriter: TypeAlias = Callable[[], tuple[bytes | None, str]]

RepoKind: TypeAlias = Literal["dataset", "model", "space"]
_RESULTS = "# Results of the CMCC leaderboard\n\nThe submissions that the leaderboard's page shows.\n"
_TOKEN = re.compile(rb"\bhf_[A-Za-z0-9]{20,}")


@dataclass(frozen=True)
class Artifact:
    """The content of one repository.

    files: by path in the repository; a file on disk, or its content. licensed: contains real calls, or was trained on
    them. synthetic: contains simulated calls, or was trained on them. version: the tag. replaces: whether a path in the
    repository belongs to an earlier push; such a file is deleted when it is not among `files`. sdk: of a Space. notes:
    messages for the user before the push. is_first_state: an existing repository is not changed, because others write
    to it from then on. secret: must never be public, such as the labels that a test split hides.
    """

    kind: RepoKind
    files: Mapping[str, Path | bytes]
    licensed: bool
    synthetic: bool
    version: str
    replaces: Callable[[str], bool]
    sdk: str | None = None
    notes: tuple[str, ...] = ()
    is_first_state: bool = False
    secret: bool = False


def count_dialogues(folder: Path) -> tuple[int, int]:
    """Counts the dialogues in the Parquet files of a built folder, and how many of them are simulated.

    Raises cmcc.DataError if a file cannot be read.
    """
    ids: set[str] = set()
    for path in sorted(path for path in folder.glob("*/*.parquet") if not is_system_file(path.relative_to(folder))):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=["dialogue_id"]):
                    ids.update(pc.unique(batch["dialogue_id"]).to_pylist())
        except (pa.ArrowException, KeyError) as error:
            name = path.relative_to(folder).as_posix()
            reason = printable(str(error).split("\n")[0])
            problem = f"not a Parquet file with the column dialogue_id ({reason})"
            raise DataError(problem, "", "Build the folder again.", folder=str(folder), file=name) from error
    return len(ids), sum(name.startswith(SYNTHETIC_ID) for name in ids)


def check_built(folder: Path) -> str:
    """The version of a built folder. Raises cmcc.DataError if it is no built folder, or was changed after the build."""
    if not is_earlier_build(folder):
        hint = f"Build it first: cmcc build --data-dir RAW --out {folder.name}"
        problem = f"not a built data set: {CARD_NAME} and {REPORT_NAME} of cmcc build are missing"
        raise DataError(problem, "", hint, folder=str(folder))
    configs = card_head(folder).get("configs")
    configs = configs if isinstance(configs, list) else []
    versions = {str(config.get("version")) for config in configs if isinstance(config, dict)}
    version = version_of(folder)
    if versions != {version}:
        hint = "The data were changed after the build. Build the folder again."
        expected = f"version {', '.join(sorted(versions)) or 'unknown'}, as README.md says"
        raise DataError(f"data of version {version}", expected, hint, folder=str(folder))
    return version


def dataset_artifact(folder: Path) -> Artifact:
    """The data set in a built folder.

    Raises cmcc.DataError if cmcc build did not make it, it was changed afterwards, or it contains other files than
    those of cmcc build. The ids in the data decide whether it is licensed, not the report.
    """
    files = files_of(folder, is_dataset_file, "files that cmcc build writes, and eval.yaml")
    tag = f"v{check_built(folder)}"
    dialogues, synthetic = count_dialogues(folder)
    licensed, secret = synthetic < dialogues or not dialogues, holds_hidden_labels(folder)
    return Artifact("dataset", files, licensed, synthetic > 0, tag, is_stale_in_dataset, secret=secret)


def holds_hidden_labels(folder: Path) -> bool:
    """Whether a built folder contains the labels that the public data set hides."""
    return read_facts(folder / REPORT_NAME, may_lack=True).get("test_labels") == "only"


def model_artifact(best: Path, write_card: CardWriter, write_results: ResultsWriter | None = None) -> Artifact:
    """The best checkpoint of a run.

    best: its folder (`best_folder`). write_card: makes the card if the checkpoint has none. write_results: makes
    `.eval_results/cmcc.yaml`, or None, and a note for the user.
    Raises cmcc.DataError if it is no checkpoint, or contains a file that does not belong to a checkpoint.
    """
    files = files_of(best, is_model_file, "the files of a checkpoint (safetensors, config, tokenizer, card)")
    if config_file(best) is None or not any(map(is_weights, files)):
        hint = "Name the folder of a run, RUN, or of its best checkpoint, RUN/best."
        raise DataError("not a trained model: config.json or model.safetensors is missing", "", hint, folder=str(best))
    if is_adapter(best):
        _check_base(best)
    facts = run_facts(best)
    if CARD_NAME not in files:
        files[CARD_NAME] = write_card(facts).encode()
    results, note = write_results() if write_results else (None, "")
    if results:
        files[RESULTS_NAME] = results
    elif RESULTS_NAME in files:  # of a model that was pulled
        note = f"results from {RESULTS_NAME} in the folder"
    licensed, synthetic, notes = is_licensed_run(facts), is_synthetic_run(facts), (note,) if note else ()
    return Artifact("model", files, licensed, synthetic, _tag(files), is_stale_in_model, notes=notes)


def _check_base(best: Path) -> None:
    """Raises cmcc.DataError if the base model of an adapter is a folder of this machine, which others lack."""
    base, _ = read_adapter(best)
    if base.is_folder:
        hint = f"Push the merged model: cmcc export {best} --merged FOLDER, then cmcc push model FOLDER NAME"
        problem = "others could not open the adapter: its base model is a folder of this machine"
        raise DataError(problem, "", hint, model=str(best))


def best_folder(run: Path) -> Path:
    """The best checkpoint of a run. run: RUN or RUN/best. Raises cmcc.DataError if it is no folder."""
    best = run / BEST if (run / BEST).is_dir() else run
    if not best.is_dir():
        raise DataError("no such folder", "", "Name the folder of a run, RUN or RUN/best.", folder=str(run))
    return best


def run_facts(best: Path) -> dict[str, Any]:
    """The facts about a checkpoint's training: training.json beside the weights, and run.json above RUN/best.

    The model is licensed if either file says so. run.json is read for a folder named best only: a folder of another
    name may lie beside the run.json of another run.
    Raises cmcc.DataError if one of the files was not written by cmcc train.
    """
    records = [read_training(best).as_dict()] if (best / TRAINING_FILE).exists() else []
    if best.absolute().name == BEST and (run := read_facts(best.absolute().parent / "run.json", may_lack=True)):
        records.append(run)
    if not records:
        return {}
    licensed, synthetic = any(map(is_licensed_run, records)), any(map(is_synthetic_run, records))
    return {**records[0], **records[-1], "licensed": licensed, "synthetic": synthetic}


def metric_artifact(folder: Path) -> Artifact:
    """A metric as a Space: evaluate.load("ORG/NAME") loads NAME.py, which imports this package.

    Raises cmcc.DataError if NAME.py or README.md is missing.
    """
    files = files_of(folder, is_space_file, "a metric's module and page")
    module = f"{folder.name}.py"
    if not files.keys() >= {module, CARD_NAME}:
        hint = "Name the folder of a metric, for instance metrics/cmcc."
        raise DataError(f"{module} or {CARD_NAME} is missing", "", hint, folder=str(folder))
    _require_package(files, "train")
    return Artifact("space", files, False, False, _tag(files), is_space_file, _sdk(folder, "static"))


def leaderboard_artifact(folder: Path, results: str) -> Artifact:
    """The leaderboard's page as a Space. results: id of the data set that it shows; it is written into the card.

    Raises cmcc.DataError for an id without an organization: the Space would not find the data set.
    """
    if "/" not in results:
        hint = "Give the full id: the Space reads the results by it."
        raise DataError(results, "ORGANIZATION/NAME", hint, repository=results)
    files = files_of(folder, is_space_file, "the leaderboard's code and pages")
    if not files.keys() >= {"app.py", CARD_NAME}:
        hint = "Name the folder leaderboard/ of this package's source."
        raise DataError(f"app.py or {CARD_NAME} is missing", "", hint, folder=str(folder))
    _require_package(files, "leaderboard")
    files[CARD_NAME] = _card_with_datasets(folder, [results])
    return Artifact("space", files, False, False, _tag(files), is_space_file, _sdk(folder, "gradio"))


def _card_with_datasets(folder: Path, datasets: list[str]) -> bytes:
    """The card of a folder with `datasets` replaced in its metadata."""
    card_head(folder)  # raises a clear error if the card cannot be read
    card = RepoCard.load(folder / CARD_NAME, ignore_metadata_errors=True)
    card.data["datasets"] = datasets
    return str(card).encode()


def results_artifact() -> Artifact:
    """The data set of the leaderboard's results in its first state: a card alone. An existing one is not changed."""
    card = DatasetCard(
        f"---\n{DatasetCardData(language='zh', tags=['cmcc', 'leaderboard']).to_yaml()}\n---\n{_RESULTS}"
    )
    files: dict[str, Path | bytes] = {CARD_NAME: str(card).encode()}
    return Artifact("dataset", files, False, False, _tag(files), lambda _: False, is_first_state=True)


def _require_package(files: dict[str, Path | bytes], extra: str) -> None:
    """Adds requirements.txt with this package if there is none; raises cmcc.DataError if it lacks this package."""
    content = read_file(files[REQUIREMENTS_NAME]) if REQUIREMENTS_NAME in files else None
    if content is None:
        files[REQUIREMENTS_NAME] = f"{requirement(extra)}=={VERSION}\n".encode()
    elif not re.search(rb"^%b(?![\w.-])" % NAME.encode(), content, re.MULTILINE):
        hint = f"Add the line {requirement(extra)}."
        raise DataError(f"{NAME} is missing, which the code imports", "", hint, file=REQUIREMENTS_NAME)


def _sdk(folder: Path, default: str) -> str:
    return str(card_head(folder).get("sdk", default))


def read_file(source: Path | bytes) -> bytes:
    """The content of one of an artifact's files."""
    return source if isinstance(source, bytes) else source.read_bytes()


def size_of(source: Path | bytes) -> int:
    """The size of one of an artifact's files in bytes."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def sha256(source: Path | bytes) -> str:
    """The SHA-256 of the content, by which the Hub identifies a large file."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _tag(files: Mapping[str, Path | bytes]) -> str:
    """A tag made of the package's version and a digest of all files; the same files get the same tag."""
    digest = hashlib.sha256()
    for name, source in sorted(files.items()):
        digest.update(name.encode() + b"\0" + sha256(source).encode())
    return f"v{VERSION}-{digest.hexdigest()[:8]}"


def check_no_token(artifact: Artifact) -> None:
    """Raises cmcc.DataError if a text file contains what looks like an access token of the Hub."""
    for name, source in artifact.files.items():
        if not name.endswith((".parquet", ".safetensors")) and _TOKEN.search(read_file(source)):
            hint = "Remove it from the file and revoke it: https://huggingface.co/settings/tokens"
            raise DataError("the file contains what looks like an access token", "", hint, file=name)

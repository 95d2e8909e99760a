"""What is published: the files of a data set, a model, a metric or the leaderboard, and whether they may be public."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, DatasetCardData, RepoCard

from cmcc_bench.dataset.folder import version_of
from cmcc_bench.dataset.place import CARD_NAME, REPORT_NAME, is_earlier_build
from cmcc_bench.distribution import NAME, VERSION, requirement
from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import is_system_file
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
from cmcc_bench.models.record import BEST, TRAINING_FILE, is_licensed_run, is_synthetic_run, read_training
from cmcc_bench.vocabulary import SYNTHETIC_ID

# Takes what is known of a checkpoint's training (`run_facts`); returns README.md.
CardWriter: TypeAlias = Callable[[Mapping[str, Any]], str]
# Returns `.eval_results/cmcc.yaml`, or None, and a note for the user.
ResultsWriter: TypeAlias = Callable[[], tuple[bytes | None, str]]

RepoKind: TypeAlias = Literal["dataset", "model", "space"]
_RESULTS = "# Results of the CMCC leaderboard\n\nWhat was submitted, as the leaderboard's page shows it.\n"
_TOKEN = re.compile(rb"\bhf_[A-Za-z0-9]{20,}")


@dataclass(frozen=True)
class Artifact:
    """What one repository is to hold.

    files: by path in the repository; on the disk, or made here. licensed: real calls are in it, or it was trained on
    them. synthetic: simulated ones are. version: the tag of this state. replaces: tells, by its path, a file of the
    repository that an earlier push put there and that goes when it is not among `files`. sdk: of a Space. notes: what a
    person should know of it before it is pushed. is_first_state: a repository that is there already is left alone, as
    others write it from then on. secret: never public, whoever holds the rights: labels that a test split hides.
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
    """Dialogues in the Parquet files of a built folder, and those of them that the simulator made.

    Raises cmcc.DataError where a file cannot be read.
    """
    ids: set[str] = set()
    for path in sorted(path for path in folder.glob("*/*.parquet") if not is_system_file(path.relative_to(folder))):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=["dialogue_id"]):
                    ids.update(pc.unique(batch["dialogue_id"]).to_pylist())
        except (pa.ArrowException, KeyError) as error:
            name = path.relative_to(folder).as_posix()
            found = printable(str(error).split("\n")[0])
            raise DataError(found, "Parquet with dialogue_id", folder=str(folder), file=name) from error
    return len(ids), sum(name.startswith(SYNTHETIC_ID) for name in ids)


def check_built(folder: Path) -> str:
    """The version of a built folder. Raises cmcc.DataError when it is none, or not as the build left it."""
    if not is_earlier_build(folder):
        hint = f"Build it first: cmcc build --data-dir RAW --out {folder.name}"
        raise DataError("a folder without a build's card and report", "a built folder", hint, folder=str(folder))
    configs = card_head(folder).get("configs")
    listed = configs if isinstance(configs, list) else []
    versions = {str(config.get("version")) for config in listed if isinstance(config, dict)}
    found = version_of(folder)
    if versions != {found}:
        hint = "Build it again: a loader would give rows of another version."
        expected = f"version {', '.join(sorted(versions)) or 'unknown'}, as README.md says"
        raise DataError(f"data of version {found}", expected, hint, folder=str(folder))
    return found


def dataset_artifact(folder: Path) -> Artifact:
    """The data set in a built folder.

    Raises cmcc.DataError when no build made it, it was changed since, or holds a file that no build writes. Whether it
    is licensed is told by the ids in the data, not by the report.
    """
    files = files_of(folder, is_dataset_file, "files that cmcc build writes, and eval.yaml")
    tag = f"v{check_built(folder)}"
    dialogues, synthetic = count_dialogues(folder)
    licensed, secret = synthetic < dialogues or not dialogues, holds_hidden_labels(folder)
    return Artifact("dataset", files, licensed, synthetic > 0, tag, is_stale_in_dataset, secret=secret)


def holds_hidden_labels(folder: Path) -> bool:
    """Whether a built folder is the one with the labels that the public one hides."""
    return read_facts(folder / REPORT_NAME).get("test_labels") == "only"


def model_artifact(best: Path, write_card: CardWriter, write_results: ResultsWriter | None = None) -> Artifact:
    """The best checkpoint of a run.

    best: its folder (`best_folder`). write_card: makes the card where the checkpoint has none. write_results: makes
    `.eval_results/cmcc.yaml`, or None, and says what the user should know of it.
    Raises cmcc.DataError when it is no checkpoint, or holds a file that is none of a checkpoint's.
    """
    files = files_of(best, is_model_file, "the files of a checkpoint (safetensors, config, tokenizer, card)")
    if "config.json" not in files or not any(map(is_weights, files)):
        hint = "Name the folder of a run, or of its best checkpoint, RUN/best."
        raise DataError("no config.json, or no model.safetensors", "a trained model", hint, folder=str(best))
    facts = run_facts(best)
    if CARD_NAME not in files:
        files[CARD_NAME] = write_card(facts).encode()
    results, note = write_results() if write_results else (None, "")
    if results:
        files[RESULTS_NAME] = results
    elif RESULTS_NAME in files:  # of a model that was pulled
        note = f"results as {RESULTS_NAME} in the folder says"
    licensed, synthetic, notes = is_licensed_run(facts), is_synthetic_run(facts), (note,) if note else ()
    return Artifact("model", files, licensed, synthetic, _tag(files), is_stale_in_model, notes=notes)


def best_folder(run: Path) -> Path:
    """The checkpoint of a run. run: RUN or RUN/best. Raises cmcc.DataError when it is no folder."""
    best = run / BEST if (run / BEST).is_dir() else run
    if not best.is_dir():
        raise DataError("no such folder", "the folder of a run", "Name RUN or RUN/best.", folder=str(run))
    return best


def run_facts(best: Path) -> dict[str, Any]:
    """What is known of a checkpoint's training: training.json beside the weights, and run.json above RUN/best.

    It is licensed if either says so: a folder of another name may lie beside the run.json of something else.
    Raises cmcc.DataError where one of them is not what cmcc train writes.
    """
    told = [read_training(best).as_dict()] if (best / TRAINING_FILE).exists() else []
    if best.absolute().name == BEST and (run := read_facts(best.absolute().parent / "run.json")):
        told.append(run)
    if not told:
        return {}
    licensed, synthetic = any(map(is_licensed_run, told)), any(map(is_synthetic_run, told))
    return {**told[0], **told[-1], "licensed": licensed, "synthetic": synthetic}


def read_facts(path: Path) -> dict[str, Any]:
    """What run.json says; empty where there is none. Raises cmcc.DataError when it is no JSON object."""
    if not path.exists():
        return {}
    try:
        facts = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise DataError(str(error), "what cmcc train writes", file=str(path)) from error
    if not isinstance(facts, dict):
        raise DataError(type(facts).__name__, "a JSON object", file=str(path))
    return facts


def metric_artifact(folder: Path) -> Artifact:
    """A metric as a Space, from which evaluate.load("ORG/NAME") takes NAME.py; it needs this package installed."""
    files = files_of(folder, is_space_file, "a metric's module and page")
    module = f"{folder.name}.py"
    if not files.keys() >= {module, CARD_NAME}:
        raise DataError("no such files", f"{module} and {CARD_NAME}", folder=str(folder))
    _require_package(files, "train")
    return Artifact("space", files, False, False, _tag(files), is_space_file, _sdk(folder, "static"))


def leaderboard_artifact(folder: Path, results: str) -> Artifact:
    """The leaderboard's page as a Space; results: the id of the data set that it shows, which its card then names.

    Raises cmcc.DataError for an id without an organization: the Space would not find it.
    """
    if "/" not in results:
        hint = "The Space reads the results by this id, whoever opens it."
        raise DataError(results, "ORGANIZATION/NAME", hint, repository=results)
    files = files_of(folder, is_space_file, "the leaderboard's code and pages")
    if not files.keys() >= {"app.py", CARD_NAME}:
        raise DataError("no such files", f"app.py and {CARD_NAME}", folder=str(folder))
    _require_package(files, "leaderboard")
    files[CARD_NAME] = _card_with_datasets(folder, [results])
    return Artifact("space", files, False, False, _tag(files), is_space_file, _sdk(folder, "gradio"))


def _card_with_datasets(folder: Path, datasets: list[str]) -> bytes:
    """A folder's card whose head names these data sets, and is as it was otherwise."""
    card_head(folder)  # says so where it cannot be read
    card = RepoCard.load(folder / CARD_NAME, ignore_metadata_errors=True)
    card.data["datasets"] = datasets
    return str(card).encode()


def results_artifact() -> Artifact:
    """The data set of the leaderboard's results as it begins: a card. What is in it already stays."""
    card = DatasetCard(
        f"---\n{DatasetCardData(language='zh', tags=['cmcc', 'leaderboard']).to_yaml()}\n---\n{_RESULTS}"
    )
    files: dict[str, Path | bytes] = {CARD_NAME: str(card).encode()}
    return Artifact("dataset", files, False, False, _tag(files), lambda _: False, is_first_state=True)


def _require_package(files: dict[str, Path | bytes], extra: str) -> None:
    """Adds requirements.txt with this package where there is none."""
    content = read_file(files[REQUIREMENTS_NAME]) if REQUIREMENTS_NAME in files else None
    if content is None:
        files[REQUIREMENTS_NAME] = f"{requirement(extra)}=={VERSION}\n".encode()
    elif not re.search(rb"^%b(?![\w.-])" % NAME.encode(), content, re.MULTILINE):
        hint = f"Add the line {requirement(extra)}."
        raise DataError(f"no line for {NAME}", "the package that the code imports", hint, file=REQUIREMENTS_NAME)


def _sdk(folder: Path, otherwise: str) -> str:
    return str(card_head(folder).get("sdk", otherwise))


def read_file(source: Path | bytes) -> bytes:
    """The content of one of an artifact's files."""
    return source if isinstance(source, bytes) else source.read_bytes()


def size_of(source: Path | bytes) -> int:
    """Its bytes."""
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def sha256(source: Path | bytes) -> str:
    """The content's SHA-256, by which the Hub knows a large file."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _tag(files: Mapping[str, Path | bytes]) -> str:
    """A tag that the same files always get: the package's version and a digest of all of them."""
    digest = hashlib.sha256()
    for name, source in sorted(files.items()):
        digest.update(name.encode() + b"\0" + sha256(source).encode())
    return f"v{VERSION}-{digest.hexdigest()[:8]}"


def check_no_token(artifact: Artifact) -> None:
    """Raises cmcc.DataError where a text file holds what looks like an access token of the Hub."""
    for name, source in artifact.files.items():
        if not name.endswith((".parquet", ".safetensors")) and _TOKEN.search(read_file(source)):
            hint = "Take it out, and make it invalid: https://huggingface.co/settings/tokens"
            raise DataError("what looks like an access token", "none", hint, file=name)

"""`cmcc pull`: a data set or a model from the Hub into a folder, without anything that could run code when opened."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import OfflineModeIsEnabled

from cmcc_bench.backbones import shipped_model
from cmcc_bench.corpus import check_name, is_folder
from cmcc_bench.dataset.card import SYNTHETIC_TAG
from cmcc_bench.dataset.place import CARD_NAME
from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import recover_folder, replace_folder
from cmcc_bench.hub.artifact import Kind, check_built, count_dialogues
from cmcc_bench.hub.card import card_head
from cmcc_bench.hub.errors import hub_errors
from cmcc_bench.hub.names import MODEL_PATTERNS, files_of, is_dataset_file, is_model_file, is_pickle, is_weights
from cmcc_bench.textform import FORM_FILE, load_form


@dataclass(frozen=True)
class Pulled:
    """What was downloaded.

    synthetic: it holds simulated dialogues, or was trained on them. about: what it is, for a person. left_out: files
    that were not taken.
    """

    kind: Kind
    folder: Path
    commit: str
    synthetic: bool
    about: str
    left_out: tuple[str, ...]

    def lines(self) -> list[str]:
        """For a person, safe to print."""
        lines = [f"{self.folder}: {self.about}, commit {self.commit}"]
        if self.left_out:
            names = ", ".join(map(printable, self.left_out[:5])) + (", ..." if len(self.left_out) > 5 else "")
            lines.append(f"  not taken, as none of a {self.kind}'s files: {names}")
        return lines


def pull_dataset(name: str, out: Path, revision: str | None = None) -> Pulled:
    """Downloads a data set that `cmcc push` published, into `out`.

    Raises cmcc.DataError when there is none that the user may read, it is not what a build made, or `out` holds
    anything but a built folder.
    """
    out = out.resolve()
    _check_free(out, is_dataset_file, "files of a built folder")
    commit, part, left_out = _download(name, "dataset", out, revision, _dataset_files)
    with _gone_when_refused(part):
        check_built(part)
        dialogues, synthetic = count_dialogues(part)
    replace_folder(part, out)
    about = f"{dialogues} dialogues" + (f", {synthetic} of them SYNTHETIC" if synthetic else "")
    return Pulled("dataset", out, commit, synthetic > 0, about, left_out)


def pull_model(name: str, out: Path, revision: str | None = None) -> Pulled:
    """Downloads a trained model into `out`: safetensors only.

    Raises cmcc.DataError when there is none that the user may read, it has no safetensors, it is no model, or `out`
    holds anything but a model.
    """
    out = out.resolve()
    _check_free(out, is_model_file, "the files of a checkpoint")
    commit, part, left_out = _download(name, "model", out, revision, _model_files)
    with _gone_when_refused(part):
        form, synthetic = check_model(part), is_synthetic_model(part)
    replace_folder(part, out)
    about = (f"a dialogue model ({form})" if form else "a model") + (" trained on SYNTHETIC data" if synthetic else "")
    return Pulled("model", out, commit, synthetic, about, left_out)


def model_folder(name: str | Path, revision: str | None = None) -> Path:
    """A model's folder on this machine: `name` itself, or the download of what it names on the Hub, cached.

    name: a folder, one that ships (tiny), or an id such as ORGANIZATION/NAME. Raises cmcc.DataError when it is none of
    them, or no model.
    """
    shipped = shipped_model(str(name))
    if shipped and not (Path(name) / "config.json").exists():  # a path has lost the ./ that would tell its own folder
        return shipped
    if is_folder(name):
        return Path(name)
    hint = "Name the folder of a run's best checkpoint, for instance RUN/best."
    expected = "a folder of a trained model, or a Hub id such as ORGANIZATION/NAME"
    check_name(name, expected, hint, model=str(name))
    with hub_errors(repository=f"{name} (and no such folder)"):
        with suppress(OfflineModeIsEnabled):  # then what an earlier call downloaded is taken
            _choose(str(name), "model", revision, _model_files)
        # By the revision, not the commit: only so does the cache know, without a network, what it names.
        folder = Path(snapshot_download(str(name), revision=revision, allow_patterns=list(MODEL_PATTERNS)))
    check_model(folder)
    return folder


def check_model(folder: Path) -> str | None:
    """The name of a dialogue model's text form; None of another model. Raises cmcc.DataError when it is no model."""
    if not (folder / "config.json").exists():
        raise DataError("no config.json", "a model", model=str(folder))
    return load_form(folder).name if (folder / FORM_FILE).exists() else None


def is_synthetic_model(folder: Path) -> bool:
    """Whether a model's card says that it was trained on synthetic data."""
    return SYNTHETIC_TAG in (card_head(folder).get("tags") or [])


def _dataset_files(name: str, there: list[str]) -> list[str]:
    wanted = [path for path in there if is_dataset_file(path)]
    if CARD_NAME not in wanted or not any(path.endswith(".parquet") for path in wanted):
        raise DataError("no card, or no Parquet under its names", "what cmcc push published", repository=name)
    return wanted


def _model_files(name: str, there: list[str]) -> list[str]:
    wanted = [path for path in there if is_model_file(path)]
    if not any(map(is_weights, wanted)):
        pickles = sorted(path for path in there if is_pickle(path))
        found = f"pickles only ({', '.join(map(printable, pickles[:3]))})" if pickles else "no weights"
        hint = "A pickle can run any code when it is opened, so none is downloaded." if pickles else ""
        raise DataError(found, "weights in safetensors", hint, repository=name)
    if "config.json" not in wanted:
        raise DataError("no config.json", "a model", repository=name)
    return wanted


_Choice = Callable[[str, list[str]], list[str]]


def _choose(name: str, kind: Kind, revision: str | None, choice: _Choice) -> tuple[str, list[str], tuple[str, ...]]:
    """The commit that a revision names, the files to take of it, and those left."""
    info: Any = HfApi().repo_info(name, repo_type=kind, revision=revision)
    there = [sibling.rfilename for sibling in info.siblings or []]
    wanted = choice(name, there)
    return info.sha, wanted, tuple(sorted(set(there) - set(wanted) - {".gitattributes"}))


def _download(
    name: str, kind: Kind, out: Path, revision: str | None, choice: _Choice
) -> tuple[str, Path, tuple[str, ...]]:
    """Downloads into a folder beside `out`; after an error it stays and the next start goes on with it."""
    recover_folder(out)
    with hub_errors(repository=name):
        commit, wanted, left_out = _choose(name, kind, revision, choice)
        part = out.with_name(f".{out.name}.pulling")
        snapshot_download(name, repo_type=kind, revision=commit, local_dir=part, allow_patterns=wanted)
    shutil.rmtree(part / ".cache")
    for path in sorted(part.rglob("*"), reverse=True):  # what an earlier start took of another state
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path.relative_to(part).as_posix() not in wanted:
            path.unlink()
    return commit, part, left_out


def _check_free(out: Path, is_ours: Callable[[str], bool], what: str) -> None:
    """Raises cmcc.DataError unless `out` is free, or holds nothing but what an earlier pull may have put there."""
    if Path.cwd().is_relative_to(out):
        found, expected = "the working directory, or a folder above it", "a folder of its own"
        raise DataError(found, expected, "Name another --out.", folder=str(out))
    if out.exists():
        files_of(out, is_ours, what)


@contextmanager
def _gone_when_refused(part: Path) -> Iterator[None]:
    """Removes a download that is not what it should be; to go on with it would be of no use."""
    try:
        yield
    except DataError:
        shutil.rmtree(part)
        raise

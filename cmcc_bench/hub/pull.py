"""`cmcc pull`: downloads a data set or a model into a folder, without files that could run code when opened."""

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
from cmcc_bench.hub.artifact import RepoKind, check_built, count_dialogues
from cmcc_bench.hub.card import card_head
from cmcc_bench.hub.errors import hub_errors
from cmcc_bench.hub.names import MODEL_PATTERNS, files_of, is_dataset_file, is_model_file, is_pickle, is_weights
from cmcc_bench.models.base import ADAPTER_FILE, config_file
from cmcc_bench.textform import FORM_FILE, load_form


@dataclass(frozen=True)
class Pulled:
    """A finished download.

    synthetic: it contains simulated dialogues, or was trained on them. about: a short description. left_out: files
    of the repository that were not downloaded.
    """

    kind: RepoKind
    folder: Path
    commit: str
    synthetic: bool
    about: str
    left_out: tuple[str, ...]

    def lines(self) -> list[str]:
        """The lines to show to the user, safe to print."""
        lines = [f"{self.folder}: {self.about}, commit {self.commit}"]
        if self.left_out:
            names = ", ".join(map(printable, self.left_out[:5])) + (", ..." if len(self.left_out) > 5 else "")
            lines.append(f"  skipped, as they are not files of a {self.kind}: {names}")
        return lines


def pull_dataset(name: str, out: Path, revision: str | None = None) -> Pulled:
    """Downloads a data set that `cmcc push` published into `out`.

    Raises cmcc.DataError if the user cannot read it, cmcc build did not make it, or `out` contains anything but a
    built data set.
    """
    out = out.resolve()
    _check_out(out, is_dataset_file, "files of a built data set")
    commit, part, left_out = _download(name, "dataset", out, revision, _dataset_files)
    with _delete_on_error(part):
        check_built(part)
        dialogues, synthetic = count_dialogues(part)
    replace_folder(part, out)
    about = f"{dialogues} dialogues" + (f", {synthetic} of them SYNTHETIC" if synthetic else "")
    return Pulled("dataset", out, commit, synthetic > 0, about, left_out)


def pull_model(name: str, out: Path, revision: str | None = None) -> Pulled:
    """Downloads a trained model into `out`; weights only as safetensors.

    Raises cmcc.DataError if the user cannot read it, it is no model with safetensors, or `out` contains anything but a
    model.
    """
    out = out.resolve()
    _check_out(out, is_model_file, "the files of a checkpoint")
    commit, part, left_out = _download(name, "model", out, revision, _model_files)
    with _delete_on_error(part):
        form, synthetic = check_model(part), is_synthetic_model(part)
    replace_folder(part, out)
    about = (f"a dialogue model ({form})" if form else "a model") + (" trained on SYNTHETIC data" if synthetic else "")
    return Pulled("model", out, commit, synthetic, about, left_out)


def model_folder(name: str | Path, revision: str | None = None) -> Path:
    """The local folder of a model: `name` itself, or the cached download of a model on the Hub.

    name: a folder, a model that ships (tiny, tiny-emotion), or an id such as ORGANIZATION/NAME. Raises cmcc.DataError
    if it is none of them, or no model.
    """
    shipped = shipped_model(str(name))
    if shipped and not config_file(name):  # a path has lost the ./ that would tell its own folder
        return shipped
    if is_folder(name):
        return Path(name)
    hint = "Name the folder of a run's best checkpoint, for instance RUN/best."
    expected = "a folder of a trained model, a Hub id such as ORGANIZATION/NAME, or tiny or tiny-emotion, which ship"
    check_name(name, expected, hint, model=str(name))
    with hub_errors(repository=f"{name} (and no such folder)"):
        with suppress(OfflineModeIsEnabled):  # offline, the earlier download is used
            _choose(str(name), "model", revision, _model_files)
        # By the revision, not the commit: without a network, the cache can resolve only a revision that it has seen.
        folder = Path(snapshot_download(str(name), revision=revision, allow_patterns=list(MODEL_PATTERNS)))
    check_model(folder)
    return folder


def check_model(folder: Path) -> str | None:
    """The name of a dialogue model's text form; None for another model. Raises cmcc.DataError if it is no model."""
    if not config_file(folder):
        hint = "Name the folder of a run's best checkpoint, for instance RUN/best."
        raise DataError("not a model: config.json is missing", "", hint, model=str(folder))
    return load_form(folder).name if (folder / FORM_FILE).exists() else None


def is_synthetic_model(folder: Path) -> bool:
    """Whether a model's card says that it was trained on synthetic data."""
    return SYNTHETIC_TAG in (card_head(folder).get("tags") or [])


def _dataset_files(name: str, paths: list[str]) -> list[str]:
    selected = [path for path in paths if is_dataset_file(path)]
    if CARD_NAME not in selected or not any(path.endswith(".parquet") for path in selected):
        problem, hint = "not a data set that cmcc push published", "Check the name, or use datasets.load_dataset."
        raise DataError(problem, "", hint, repository=name)
    return selected


def _model_files(name: str, paths: list[str]) -> list[str]:
    selected = [path for path in paths if is_model_file(path)]
    if not any(map(is_weights, selected)):
        pickles = sorted(path for path in paths if is_pickle(path))
        found = f"pickles only ({', '.join(map(printable, pickles[:3]))})" if pickles else "no weights"
        hint = "Choose a model with safetensors."
        if pickles:
            hint = f"A pickle can run any code when it is opened, so none is downloaded. {hint}"
        raise DataError(found, "weights as safetensors", hint, repository=name)
    if not {"config.json", ADAPTER_FILE} & set(selected):
        raise DataError("not a model: config.json is missing", "", "Choose another model.", repository=name)
    return selected


_FileFilter = Callable[[str, list[str]], list[str]]


def _choose(
    name: str, kind: RepoKind, revision: str | None, file_filter: _FileFilter
) -> tuple[str, list[str], tuple[str, ...]]:
    """The commit of a revision, the files to download, and the files to skip."""
    info: Any = HfApi().repo_info(name, repo_type=kind, revision=revision)
    paths = [sibling.rfilename for sibling in info.siblings or []]
    selected = file_filter(name, paths)
    return info.sha, selected, tuple(sorted(set(paths) - set(selected) - {".gitattributes"}))


def _download(
    name: str, kind: RepoKind, out: Path, revision: str | None, file_filter: _FileFilter
) -> tuple[str, Path, tuple[str, ...]]:
    """Downloads into a folder beside `out`. After an error the folder stays, and the next call continues in it."""
    recover_folder(out)
    with hub_errors(repository=name):
        commit, selected, left_out = _choose(name, kind, revision, file_filter)
        part = out.with_name(f".{out.name}.pulling")
        snapshot_download(name, repo_type=kind, revision=commit, local_dir=part, allow_patterns=selected)
    shutil.rmtree(part / ".cache")
    for path in sorted(part.rglob("*"), reverse=True):  # what an earlier call downloaded from another commit
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.is_file() and path.relative_to(part).as_posix() not in selected:
            path.unlink()
    return commit, part, left_out


def _check_out(out: Path, is_allowed: Callable[[str], bool], what: str) -> None:
    """Raises cmcc.DataError if `out` contains files that a pull does not write, or the working directory."""
    if Path.cwd().is_relative_to(out):
        problem = "this folder is, or contains, the working directory, and a pull replaces the whole folder"
        raise DataError(problem, "", "Choose another --out.", folder=str(out))
    if out.exists():
        files_of(out, is_allowed, what)


@contextmanager
def _delete_on_error(part: Path) -> Iterator[None]:
    """Deletes a download that fails its check, so that the next call starts from the beginning."""
    try:
        yield
    except DataError:
        shutil.rmtree(part)
        raise

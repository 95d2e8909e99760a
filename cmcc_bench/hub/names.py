"""The files that each kind of repository may contain. Nothing else is uploaded or downloaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeAlias

from cmcc_bench.dataset.parquet import parquet_name
from cmcc_bench.dataset.place import CARD_NAME, EVAL_NAME, REPORT_NAME, SPLIT_IDS_NAME, is_figure
from cmcc_bench.dataset.spool import CONFIGS
from cmcc_bench.errors import DataError, printable
from cmcc_bench.files import is_system_file
from cmcc_bench.models.base import ADAPTER_FILE, ADAPTER_WEIGHTS
from cmcc_bench.reader.splits import SPLITS

REQUIREMENTS_NAME = "requirements.txt"
RESULTS_NAME = ".eval_results/cmcc.yaml"  # of a model; other files in this folder come from other people

_Rule: TypeAlias = Callable[[str], bool]

_PARQUET = {parquet_name(config, split) for source in CONFIGS.values() for config in source for split in SPLITS}
_DATASET = _PARQUET | {CARD_NAME, REPORT_NAME, SPLIT_IDS_NAME, EVAL_NAME}

# Globs of what save_pretrained writes for a model, a tokenizer and a text form. Weights are safetensors under these
# names only, so that neither a pickle nor an optimizer's state (optimizer.safetensors) matches.
_NUMBER = "[0-9]" * 5
_WEIGHTS = ("model.safetensors", f"model-{_NUMBER}-of-{_NUMBER}.safetensors", ADAPTER_WEIGHTS)
MODEL_PATTERNS = (
    *_WEIGHTS,
    "model.safetensors.index.json",
    "README.md",
    "config.json",
    ADAPTER_FILE,
    "generation_config.json",
    "text_form.json",
    "training.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    ".eval_results/*.yaml",
)
_SPACE = re.compile(r"README\.md|requirements\.txt|([\w-]+/)*[\w-]+\.(py|css|md|html)")

_PICKLE = re.compile(r".*\.(bin|pt|pth|pkl|pickle|ckpt|h5|joblib|npy|npz)")
_SHOWN = 20  # names that a message lists


def is_dataset_file(path: str) -> bool:
    """Whether cmcc build writes a file of this path, or it is eval.yaml."""
    return path in _DATASET or is_figure(path)


def is_stale_in_dataset(path: str) -> bool:
    """Whether a file in the repository comes from a build, also Parquet under a name that an older version used."""
    return is_dataset_file(path) or path.endswith(".parquet")


def is_model_file(path: str) -> bool:
    """Whether a file of this path belongs to a model's checkpoint."""
    return any(fnmatchcase(path, pattern) for pattern in MODEL_PATTERNS)


def is_stale_in_model(path: str) -> bool:
    """Whether a file in the repository comes from cmcc push; results that other people added are not replaced."""
    return is_model_file(path) and (path == RESULTS_NAME or not path.startswith(".eval_results/"))


def is_weights(path: str) -> bool:
    """Whether a file of this path contains a model's weights as safetensors."""
    return any(fnmatchcase(path, pattern) for pattern in _WEIGHTS)


def is_space_file(path: str) -> bool:
    """Whether a file of this path may be in a Space: code, pages and requirements.txt."""
    return _SPACE.fullmatch(path) is not None


def is_pickle(path: str) -> bool:
    """Whether a file of this path has a format that can run code when it is opened."""
    return _PICKLE.fullmatch(path.lower()) is not None


def files_of(folder: Path, is_allowed: _Rule, what: str) -> dict[str, Path | bytes]:
    """All files below a folder, by their path in it. Files that a system or an editor left there are skipped.

    what: what the folder may contain, for the message.
    Raises cmcc.DataError that lists what is not allowed: files of other names, and symbolic links.
    """
    if not folder.is_dir():
        raise DataError("no such folder", "", f"Name a folder with {what}.", folder=str(folder))
    paths = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if not is_system_file(path.relative_to(folder)) and (path.is_symlink() or not path.is_dir())
    }
    if unexpected := [name for name, path in paths.items() if path.is_symlink() or not is_allowed(name)]:
        hint = "Move the other files away and run the command again."
        raise DataError(listed(unexpected), f"only {what}", hint, folder=str(folder))
    return dict(paths)


def listed(names: Iterable[str]) -> str:
    """Names in one line for a message, sorted; at most _SHOWN of them."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _SHOWN} more" if len(ordered) > _SHOWN else ""
    return ", ".join(map(printable, ordered[:_SHOWN])) + more

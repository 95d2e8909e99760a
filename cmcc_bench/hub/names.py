"""Which files each kind of repository may hold: all that is uploaded or downloaded is in these lists, nothing else."""

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
from cmcc_bench.reader.splits import SPLITS

REQUIREMENTS_NAME = "requirements.txt"
RESULTS_NAME = ".eval_results/cmcc.yaml"  # of a model; others there are by others

_Rule: TypeAlias = Callable[[str], bool]

_PARQUET = {parquet_name(config, split) for source in CONFIGS.values() for config in source for split in SPLITS}
_DATASET = _PARQUET | {CARD_NAME, REPORT_NAME, SPLIT_IDS_NAME, EVAL_NAME}

# What save_pretrained writes of a model, a tokenizer and a text form, as globs; of weights safetensors alone, so that
# neither a pickle nor an optimizer's state (optimizer.safetensors) is one of them.
_NUMBER = "[0-9]" * 5
_WEIGHTS = ("model.safetensors", f"model-{_NUMBER}-of-{_NUMBER}.safetensors")
MODEL_PATTERNS = (
    *_WEIGHTS,
    "model.safetensors.index.json",
    "README.md",
    "config.json",
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
    """Whether a build writes it, or it is eval.yaml."""
    return path in _DATASET or is_figure(path)


def is_stale_in_dataset(path: str) -> bool:
    """Whether a file in the repository is of a build: one of its names, or Parquet under a name of an older version."""
    return is_dataset_file(path) or path.endswith(".parquet")


def is_model_file(path: str) -> bool:
    """Whether it belongs to a trained model's checkpoint."""
    return any(fnmatchcase(path, pattern) for pattern in MODEL_PATTERNS)


def is_stale_in_model(path: str) -> bool:
    """Whether a file in the repository is of a checkpoint, or results of ours: those that others sent in stay."""
    return is_model_file(path) and (path == RESULTS_NAME or not path.startswith(".eval_results/"))


def is_weights(path: str) -> bool:
    """Whether it holds a model's weights, as safetensors."""
    return any(fnmatchcase(path, pattern) for pattern in _WEIGHTS)


def is_space_file(path: str) -> bool:
    """Whether it may be in a Space: code, pages and what it requires."""
    return _SPACE.fullmatch(path) is not None


def is_pickle(path: str) -> bool:
    """Whether its name is of a format that may run code when it is opened."""
    return _PICKLE.fullmatch(path.lower()) is not None


def files_of(folder: Path, is_allowed: _Rule, what: str) -> dict[str, Path | bytes]:
    """All files below a folder, by their path in it; those that a system or an editor left there are left out.

    Raises cmcc.DataError that lists what is not allowed: files of other names, and links, as they lead elsewhere.
    """
    if not folder.is_dir():
        raise DataError("no such folder", f"a folder of {what}", folder=str(folder))
    found = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if not is_system_file(path.relative_to(folder)) and (path.is_symlink() or not path.is_dir())
    }
    if strange := [name for name, path in found.items() if path.is_symlink() or not is_allowed(name)]:
        hint = "Move them away, then run it again."
        raise DataError(listed(strange), f"nothing but {what}", hint, folder=str(folder))
    return dict(found)


def listed(names: Iterable[str]) -> str:
    """Names as a message shows them."""
    every = sorted(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(map(printable, every[:_SHOWN])) + more

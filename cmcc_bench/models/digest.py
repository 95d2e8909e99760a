"""The digest of a trained model's folder, which ties predictions to their model. It does not import torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cmcc_bench.files import is_system_file

_CARD = "README.md"


def digest_of_model(folder: str | Path) -> str:
    """The SHA-256 digest of all file names and contents: equal for a copy of a model, different for a retrained one.

    The model card is skipped, since it is written after the predictions. So are files of the operating system.
    """
    digest = hashlib.sha256()
    left_out = {path for path in Path(folder).iterdir() if path.name == _CARD or is_system_file(path.name)}
    for path in sorted(path for path in Path(folder).iterdir() if path.is_file() and path not in left_out):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

"""The digest of a trained model's folder, by which predictions know the model that made them; needs no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cmcc_bench.files import is_system_file

_CARD = "README.md"


def digest_of_model(folder: str | Path) -> str:
    """Of names and contents, so that a copy of a model is the same model and a retrained one is not.

    The card is left out: it is written after the predictions, and decodes nothing. So are files that a system left.
    """
    digest = hashlib.sha256()
    left_out = {path for path in Path(folder).iterdir() if path.name == _CARD or is_system_file(path.name)}
    for path in sorted(path for path in Path(folder).iterdir() if path.is_file() and path not in left_out):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

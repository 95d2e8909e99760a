"""The digest of a trained model's folder, by which predictions know the model that made them; needs no torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

_CARD = "README.md"


def digest_of_model(folder: str | Path) -> str:
    """Of names and contents, so that a copy of a model is the same model and a retrained one is not.

    The card is left out: it is written after the predictions, and decodes nothing.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(folder).iterdir() if path.is_file() and path.name != _CARD):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

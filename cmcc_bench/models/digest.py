"""The digest of a trained model's folder, which ties predictions to their model, and its size, both without torch."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

from cmcc_bench.files import is_system_file

_CARD = "README.md"
_LONGEST_HEADER = 100_000_000  # bytes of a header, as safetensors itself limits it


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


def parameters_of_model(folder: str | Path) -> int | None:
    """The number of parameters in a model's safetensors files, from their headers; None for files of another form.

    A tied weight is stored, and counted, once. Tensors of integers are no parameters.
    """
    sizes = []
    for path in sorted(Path(folder).glob("model*.safetensors")):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            try:
                header = json.loads(file.read(min(length, _LONGEST_HEADER)))
                tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
                sizes += [math.prod(tensor["shape"]) for tensor in tensors if "F" in tensor["dtype"]]
            except (ValueError, LookupError, TypeError, AttributeError):
                return None
    return sum(sizes) if sizes else None

"""The base model of an adapter: its name and its revision, as adapter_config.json has them. It does not import torch.

An adapter is a few changes to a base model, which stays where it is: a folder, a model that ships, or a model on the
Hub. The revision makes sure that it is the same base: the commit on the Hub, or a digest of a folder's weights.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cmcc_bench.backbones import backbone_folder
from cmcc_bench.errors import DataError

ADAPTER_FILE, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"  # the names that peft gives
_CONFIG_FILE = "config.json"
_DIGEST = "sha256-"  # begins the revision of a folder


@dataclass(frozen=True)
class BaseModel:
    """A base model. name: as a recipe names a backbone. revision: a commit on the Hub, or the digest of a folder."""

    name: str
    revision: str | None

    @property
    def path(self) -> str:
        """The folder, or the Hub id."""
        return backbone_folder(self.name)

    @property
    def is_folder(self) -> bool:
        """Whether it is, or was when the adapter was trained, a folder that does not ship."""
        is_digest = (self.revision or "").startswith(_DIGEST)
        return self.path == self.name and (is_digest or Path(self.name).is_dir())

    @property
    def commit(self) -> str | None:
        """The revision for the Hub; None for a folder."""
        return None if Path(self.path).is_dir() else self.revision

    def check(self, folder: str | Path) -> None:
        """Raises cmcc.DataError if the base is a folder that is missing or has changed. folder: of the adapter."""
        if not (self.is_folder or Path(self.path).is_dir()):
            return  # on the Hub, where a commit does not change
        if not Path(self.path).is_dir():
            raise DataError(f"its base model {self.name} is missing", "", self.hint(folder), model=str(folder))
        if self.revision != (revision := folder_revision(self.path)):
            problem = f"its base model {self.name} has changed: {revision}"
            raise DataError(problem, str(self.revision), self.hint(folder), model=str(folder))

    def hint(self, folder: str | Path) -> str:
        """What to do if the base cannot be opened. folder: of the adapter."""
        if self.path != self.name:
            return "Install the version of cmcc that trained the adapter, or train it again."
        if self.is_folder:
            file = Path(folder) / ADAPTER_FILE
            return f"Restore the folder, or set base_model_name_or_path in {file} to its new path."
        revision = f" --revision {self.revision}" if self.revision else ""
        return f"Download it: hf download {self.name}{revision}"


def folder_revision(folder: str | Path) -> str:
    """The revision of a base model in a folder: the SHA-256 of its configuration and its weights."""
    digest = hashlib.sha256()
    for path in sorted([Path(folder) / _CONFIG_FILE, *Path(folder).glob("*.safetensors")]):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return f"{_DIGEST}{digest.hexdigest()}"


def is_adapter(folder: str | Path) -> bool:
    """Whether a folder contains an adapter."""
    return (Path(folder) / ADAPTER_FILE).is_file()


def config_file(folder: str | Path) -> Path | None:
    """The configuration of the model or adapter in a folder; None if it contains neither."""
    paths = (Path(folder) / ADAPTER_FILE, Path(folder) / _CONFIG_FILE)
    return next((path for path in paths if path.is_file()), None)


def read_adapter(folder: str | Path) -> tuple[BaseModel, dict[str, Any]]:
    """The base and the settings of an adapter. Raises cmcc.DataError if its adapter_config.json is not usable."""
    path = Path(folder) / ADAPTER_FILE
    try:
        settings = json.loads(path.read_text("utf-8"))
        base = BaseModel(settings["base_model_name_or_path"], settings.get("revision"))
        if not isinstance(base.name, str) or not base.name:
            raise TypeError("base_model_name_or_path is no text")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "Copy the file from the run that trained the adapter."
        raise DataError(f"cannot read it ({error})", "the file of an adapter", hint, file=str(path)) from error
    return base, settings

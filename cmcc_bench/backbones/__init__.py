"""The small models that ship: the backbone of the tiny recipes, and the variant that was fine-tuned from it.

`make backbone` writes them; NAME/run.json says how. All of them learned from SYNTHETIC calls only.
A folder that is called like a backbone is ./NAME in a recipe, as with the data set `sample`; one that holds a model
goes before the dialogue model that ships.
"""

from __future__ import annotations

from pathlib import Path

_SHIPPED = Path(__file__).parent
VARIANT = "variant"  # the folder of the fine-tuned model below its backbone's


def backbone_folder(name: str) -> str:
    """The folder of a backbone that ships, or `name` itself, which is then a folder or an id on the Hub."""
    return str(_SHIPPED / name) if name in _names("") else name


def shipped_model(name: str) -> Path | None:
    """The folder of the dialogue model that ships under the name, ready to talk to; None where there is none."""
    return _SHIPPED / name / VARIANT if name in _names(VARIANT) else None


def _names(part: str) -> list[str]:
    return sorted(path.name for path in _SHIPPED.iterdir() if (path / part / "config.json").is_file())

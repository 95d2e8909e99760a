"""The small models that ship: tiny, the backbone of the tiny recipes; the variant and tiny-emotion, trained from it.

`make backbone` writes them; NAME/run.json records how. All were trained on SYNTHETIC calls only.
If the working folder has a folder of the same name, write ./NAME in a recipe (as with the data set `sample`);
`cmcc chat` and `cmcc predict` prefer a folder of that name if it holds a model.
"""

from __future__ import annotations

from pathlib import Path

_SHIPPED = Path(__file__).parent
VARIANT = "variant"  # the folder of the fine-tuned model below its backbone's


def backbone_folder(name: str) -> str:
    """Returns the folder of a backbone that ships, or `name` itself: a folder or an id on the Hub."""
    return str(_SHIPPED / name) if name in _names("") else name


def shipped_model(name: str) -> Path | None:
    """Returns the folder of the trained model that ships under this name, or None.

    tiny: the dialogue model. tiny-emotion: the emotion classifier, which is a backbone, too.
    """
    return _SHIPPED / name / (VARIANT if name in _names(VARIANT) else "") if name in _names("") else None


def _names(part: str) -> list[str]:
    return sorted(path.name for path in _SHIPPED.iterdir() if (path / part / "config.json").is_file())

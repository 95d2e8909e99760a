"""Reads the YAML metadata of a card, README.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import RepoCard
from yaml import YAMLError

from cmcc_bench.dataset.place import CARD_NAME
from cmcc_bench.errors import DataError


def card_head(folder: Path) -> dict[str, Any]:
    """The YAML metadata of a folder's card; empty without a card. Raises cmcc.DataError if it cannot be read."""
    path = folder / CARD_NAME
    if not path.exists():
        return {}
    try:
        head: dict[str, Any] = RepoCard.load(path, ignore_metadata_errors=True).data.to_dict()
    except (ValueError, TypeError, AttributeError, YAMLError) as error:
        problem, hint = str(error).split("\n")[0], "Fix the YAML between the two lines `---` at its top."
        problem = f"the YAML metadata cannot be read ({problem})"
        raise DataError(problem, "", hint, folder=str(folder), file=CARD_NAME) from error
    return head

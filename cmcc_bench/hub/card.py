"""The head of the card of what is pushed and pulled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import RepoCard
from yaml import YAMLError

from cmcc_bench.dataset.place import CARD_NAME
from cmcc_bench.errors import DataError


def card_head(folder: Path) -> dict[str, Any]:
    """The YAML head of a folder's card; empty without a card. Raises cmcc.DataError when it cannot be read."""
    path = folder / CARD_NAME
    if not path.exists():
        return {}
    try:
        head: dict[str, Any] = RepoCard.load(path, ignore_metadata_errors=True).data.to_dict()
    except (ValueError, TypeError, AttributeError, YAMLError) as error:
        found = str(error).split("\n")[0]
        raise DataError(found, "a card with a head in YAML", folder=str(folder), file=CARD_NAME) from error
    return head

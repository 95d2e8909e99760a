"""The cards of what is pushed and pulled: who writes a model's, and what the head of one says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from huggingface_hub import RepoCard
from yaml import YAMLError

from cmcc_bench.dataset.place import CARD_NAME
from cmcc_bench.errors import DataError

# Takes the folder of a checkpoint, RUN/best, and what RUN/run.json says (empty without one); returns README.md.
CardWriter: TypeAlias = Callable[[Path, Mapping[str, Any]], str]


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

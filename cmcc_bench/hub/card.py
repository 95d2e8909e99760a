"""What a card and a run say of the data behind a model: whether they are synthetic, and whether they are licensed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from huggingface_hub import RepoCard
from yaml import YAMLError

import cmcc
from cmcc_bench.build.place import CARD_NAME

# Takes the folder of a checkpoint, RUN/best, and what RUN/run.json says (empty without one); returns README.md.
CardWriter: TypeAlias = Callable[[Path, Mapping[str, Any]], str]

SYNTHETIC_TAG = "synthetic"


def is_licensed_run(facts: Mapping[str, Any]) -> bool:
    """Whether a run's data held, or may have held, real calls; facts: what run.json says.

    Data may be synthetic in part, so that `synthetic` alone does not do, except for the sample.
    """
    if "licensed" in facts:
        return facts["licensed"] is not False
    return not (facts.get("synthetic") is True and facts.get("dataset") == "sample")


def is_synthetic_run(facts: Mapping[str, Any]) -> bool:
    """Whether a run's data were simulated, in part or all; facts: what run.json says."""
    return facts.get("synthetic") is True


def card_head(folder: Path) -> dict[str, Any]:
    """The YAML head of a folder's card; empty without a card. Raises cmcc.DataError when it cannot be read."""
    path = folder / CARD_NAME
    if not path.exists():
        return {}
    try:
        head: dict[str, Any] = RepoCard.load(path, ignore_metadata_errors=True).data.to_dict()
    except (ValueError, TypeError, AttributeError, YAMLError) as error:
        found = str(error).split("\n")[0]
        raise cmcc.DataError(found, "a card with a head in YAML", folder=str(folder), file=CARD_NAME) from error
    return head

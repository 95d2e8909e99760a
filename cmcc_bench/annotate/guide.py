"""The guideline as the page shows it beside the labels: definition, limits, cues and examples, Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cmcc_bench.quality.guideline import label_guides
from cmcc_bench.types import Json


def guide(offered: Mapping[str, Sequence[int]]) -> Json:
    """The sections of the offered labels: field -> class index -> what the page shows."""
    guides = label_guides()
    return {
        name: {
            label: {
                "definition": {"en": one.definition, "zh": one.definition_zh},
                "not": {"en": one.unlike, "zh": one.unlike_zh},
                "cues": one.cues,
                "examples": [
                    {"zh": zh, "en": en} for zh, en in (*one.examples, *([one.paper[:2]] if one.paper else []))
                ],
            }
            for label, one in enumerate(guides[name])
            if label in labels
        }
        for name, labels in offered.items()
    }

"""Trains the small emotion classifier that ships: the tiny recipe for emotions fine-tunes it.

    make backbone                                                         # also packages it
    python -m cmcc_bench.training.emotion_backbone --out runs/tiny-emotion

The backbone `tiny` writes emotions as text, and has hardly learned the rare ones: they are a few of its millions of
tokens. So it is trained further as a classifier, on the emotions of SYNTHETIC calls with a seed used nowhere else. A
rare emotion is worded in a dozen ways; only many calls have each of them often enough.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cmcc_bench.errors import DataError
from cmcc_bench.terminal import make_streams_tolerant
from cmcc_bench.training.backbone import simulated_dialogues
from cmcc_bench.training.emotion import EmotionRecipe, train_on
from cmcc_bench.training.loop import start
from cmcc_bench.training.recipe import parse_recipe, setting
from cmcc_bench.types import Row
from cmcc_bench.views.flat import emotion_rows


@dataclass(frozen=True, kw_only=True)
class EmotionBackboneRecipe(EmotionRecipe):
    """The settings of the emotion classifier. The defaults are those of the one that ships."""

    out: str = setting("folder of the run", "runs/tiny-emotion")
    dataset: str = setting("name of the data in the training record", "simulated calls")
    dialogues: int = setting("number of simulated training dialogues", 20_000)
    validation: int = setting("number of simulated validation dialogues, with the next seed", 300)
    data_seed: int = setting("seed of the simulator", 1_000_103)
    backbone: str = setting("backbone to begin from", "tiny")
    probe: bool = setting("first fit the classification layer alone", True)
    neutral_share: float = setting("share of the training utterances that are only neutral to use; random", 0.25)
    max_length: int = setting("maximum length of a text, in tokens", 96)
    epochs: int = setting("number of epochs", 2)
    batch_size: int = setting("utterances in one forward pass", 64)
    group: int = setting("utterances of similar length that stay together in a step", 64)
    learning_rate: float = setting("peak learning rate, after the warm-up", 6e-4)
    keep: Literal["loss", "score", "last"] = setting("checkpoint to keep", "last")
    weight_decay: float = setting("of AdamW", 0.01)
    precision: Literal["auto", "float32", "bfloat16"] = setting("number format of the computation", "float32")

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_least({"dialogues": 1, "validation": 1, "data_seed": 0})


def main() -> int:
    """Trains the classifier that the command line describes."""
    make_streams_tolerant()
    prog = "python -m cmcc_bench.training.emotion_backbone"
    try:
        recipe = parse_recipe(EmotionBackboneRecipe, str(__doc__), sys.argv[1:], prog)
        rows = {
            "train": list(_rows(recipe.dialogues, recipe.data_seed)),
            "validation": list(_rows(recipe.validation, recipe.data_seed + 1)),
        }
        train_on(start(recipe), recipe, rows, simulated_calls=recipe.dialogues)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _rows(dialogues: int, seed: int) -> Iterator[Row]:
    for dialogue in simulated_dialogues(dialogues, seed):
        yield from emotion_rows(dialogue.row)


if __name__ == "__main__":
    raise SystemExit(main())

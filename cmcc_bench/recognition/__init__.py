"""Recognition: what trained models say of emotions, entities and satisfaction, and labels for unlabeled dialogues."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from cmcc_bench.types import Row

Recognizer: TypeAlias = Callable[[Sequence[Row]], list[Any]]  # rows of a task -> an answer for each, in order

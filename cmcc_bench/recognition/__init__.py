"""Recognition: predictions of emotions, entities and satisfaction, and pseudo-labels for unlabeled dialogues."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from cmcc_bench.types import Row

Recognizer: TypeAlias = Callable[[Sequence[Row]], list[Any]]  # rows of a task -> one answer for each row, in order

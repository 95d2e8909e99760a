"""The error about data, which says where, what was found and what to do; and text made safe to print."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

WHERE_TO_GET = """\
MobileCS comes from the SereTOD challenge (http://seretod.org/Challenge.html) and CMCC's care labels from its authors at
China Mobile; both are licensed and not part of this package. With the files in a folder of yours:

    cmcc.load("labeled", data_dir="FOLDER")

Without them, the synthetic sample has the same features and works now:

    cmcc.load("sample")                                   # or cmcc.load("response", data_dir=cmcc.SAMPLE_DIR)"""


class DataError(ValueError):
    """Something in the user's files or arguments is wrong. The message says the place, the problem and the fix.

    Where a value is wrong the message reads `place: found X; expected Y. Hint`. Without `expected`, `found` is the
    whole problem: `place: problem. Hint`.
    """

    def __init__(self, found: str, expected: str = "", hint: str = "", /, **place: str | int | None) -> None:
        self.found, self.expected, self.hint, self.place = found, expected, hint, place
        where = ", ".join(f"{key} {printable(str(value))}" for key, value in place.items() if value is not None)
        problem = f"found {found}; expected {expected}" if expected else found
        super().__init__((f"{where}: " if where else "") + problem + (f". {hint}" if hint else ""))

    def __reduce__(self) -> tuple[Callable[..., DataError], tuple[Any, ...]]:
        return partial(DataError, **self.place), (self.found, self.expected, self.hint)  # it crosses process borders

    def at(self, **place: str | int | None) -> DataError:
        """The same error with more of its place known."""
        return DataError(self.found, self.expected, self.hint, **(place | self.place))


def printable(text: str, longest: int = 200) -> str:
    """Text from a file as it may be shown in a terminal: control characters escaped, cut where it is too long."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text[:longest]
    )
    return shown + ("..." if len(text) > longest else "")

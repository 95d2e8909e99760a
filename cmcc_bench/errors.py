"""DataError, which names the problem, the place and the fix; and `printable`, which makes text safe to print."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

WHERE_TO_GET = """\
MobileCS comes from the SereTOD challenge (http://seretod.org/Challenge.html) and CMCC's care labels from its authors at
China Mobile. Both are licensed and not part of this package. If you have the files in a folder:

    cmcc.load("labeled", data_dir="FOLDER")

Without them, use the synthetic sample, which has the same features:

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
        return partial(DataError, **self.place), (self.found, self.expected, self.hint)  # worker processes pickle it

    def at(self, **place: str | int | None) -> DataError:
        """Returns the same error with more fields of the place, such as file, dialogue, turn or field."""
        return DataError(self.found, self.expected, self.hint, **(place | self.place))


def printable(text: str, longest: int = 200) -> str:
    """Text from a file, safe for a terminal: control characters are escaped, and it is cut to `longest` characters."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text[:longest]
    )
    return shown + ("..." if len(text) > longest else "")

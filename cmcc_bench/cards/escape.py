"""Text from outside, made safe for a card in Markdown: it can be read, and is never taken for a part of the card."""

from __future__ import annotations

import re
from pathlib import PurePath

import cmcc

# Named by number: a number is never a part of Markdown's or HTML's structure, wherever it stands, tables included.
_STRUCTURE = re.compile(r"[&<>|`*\[\]\\#!~$@{}]|(?<=:)//|(?<=www)\.|(?<![^\W_])_|_(?![^\W_])", re.IGNORECASE)
_LONGEST = 200


def shown(text: object) -> str:
    """A value as one line of Markdown that says just that: control characters escaped, cut where it is too long."""
    return _STRUCTURE.sub(lambda found: "".join(f"&#{ord(c)};" for c in found[0]), cmcc.printable(str(text), _LONGEST))


def place_name(name: str) -> str:
    """A data set's or model's name as given; of an absolute path its last part, as the rest is the machine's own."""
    path = PurePath(name)
    return path.name if path.is_absolute() else name

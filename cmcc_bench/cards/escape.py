"""Text from outside, made safe for a card in Markdown: it can be read, and is never taken for a part of the card."""

from __future__ import annotations

import re

from cmcc_bench.errors import printable

# Named by number: a number is never a part of Markdown's or HTML's structure, wherever it stands, tables included.
_STRUCTURE = re.compile(r"[&<>|`*\[\]\\#!~$@{}]|(?<=:)//|(?<=www)\.|(?<![^\W_])_|_(?![^\W_])", re.IGNORECASE)
_LONGEST = 200


def shown(text: object) -> str:
    """A value as one line of Markdown that says just that: control characters escaped, cut where it is too long."""
    return _STRUCTURE.sub(lambda found: "".join(f"&#{ord(c)};" for c in found[0]), printable(str(text), _LONGEST))

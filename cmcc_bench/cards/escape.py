"""Escapes untrusted text for Markdown cards, so that it is readable and cannot become markup."""

from __future__ import annotations

import re

from cmcc_bench.errors import printable

# Escaped as numeric HTML entities: these are never markup, in tables neither.
_STRUCTURE = re.compile(r"[&<>|`*\[\]\\#!~$@{}]|(?<=:)//|(?<=www)\.|(?<![^\W_])_|_(?![^\W_])", re.IGNORECASE)
_LONGEST = 200


def shown(text: object) -> str:
    """A value as one line of literal Markdown: markup and control characters escaped, cut if it is too long."""
    return _STRUCTURE.sub(lambda match: "".join(f"&#{ord(c)};" for c in match[0]), printable(str(text), _LONGEST))

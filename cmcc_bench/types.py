"""The two types of data that cross modules: a decoded JSON value, and a row."""

from __future__ import annotations

from typing import Any

Json = Any  # a decoded JSON value of a raw file, not yet checked
Row = dict[str, Any]  # a plain dict that fits one of the features below

"""HTML made of the templates of a folder: every text in it is escaped, and no unprintable character gets through."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from cmcc_bench.errors import printable


def html_environment(folder: Path, **options: Any) -> jinja2.Environment:  # noqa: ANN401  # those of jinja2.Environment
    """The templates of a folder. options: further ones of jinja2.Environment, or in place of these."""
    defaults = {"finalize": escape_unprintable, "undefined": jinja2.StrictUndefined}
    loader = jinja2.FileSystemLoader(folder)
    settings: dict[str, Any] = defaults | options
    return jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, **settings)


def escape_unprintable(value: Any) -> Any:  # noqa: ANN401  # any value in a template
    """A text with unprintable characters escaped, such as those that turn the direction of a text; else the value."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return printable(value.replace("\u3000", " ").replace("\n", " "), len(value))

"""The pages of the documentation as blocks of code, with what stands before and after each of them.

A comment before a block says how the tests treat it:

    <!-- not run: REASON -->               it needs what tests have not got; test_docs.py counts these
    <!-- output not compared: REASON -->   before a `text` block: real output that differs from run to run
    <!-- exit status: N -->                how the last command of a `sh` block ends, if not with 0
    <!-- input: LINE -->                   what is typed into its last command; several comments are several lines

A `text` block behind a code block is the output of that block; a line `...` in it stands for any lines. A `yaml` or
`json` block with a title is a file of that name.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = ("sh", "python", "py")
WIDTH = 80

_FENCE = re.compile(r'```(\w*)(?: title="([^"]+)")?')
_NOTE = re.compile(r"<!-- ([\w ]+): (.+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block. page: its path in the repository; line: of its first line of text, from 1; notes: before it."""

    page: str
    line: int
    language: str
    title: str
    text: str
    notes: tuple[tuple[str, str], ...]
    follows_code: bool

    @property
    def place(self) -> str:
        """How tests name it."""
        return f"{self.page}:{self.line}"

    def note(self, name: str) -> str:
        """What a comment before the block says, "" where there is none."""
        return "\n".join(text for key, text in self.notes if key == name)


def page_paths() -> list[str]:
    """The pages in the order in which their blocks are run: that of the site, then the pages at the root."""
    nav = re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text("utf-8"))
    return [f"docs/{name}" for name in nav] + ["README.md", "CONTRIBUTING.md"]


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page."""
    return list(_blocks(page, (ROOT / page).read_text("utf-8").split("\n")))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    notes: list[tuple[str, str]] = []
    after_code, number = False, 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if fence := _FENCE.fullmatch(line):
            end = lines.index("```", number)
            text = "\n".join(lines[number:end])
            is_output = after_code and fence[1] == "text"
            yield Block(page, number + 1, fence[1], fence[2] or "", text, tuple(notes), is_output)
            after_code, notes, number = fence[1] in CODE, [], end + 1
        elif note := _NOTE.fullmatch(line):
            notes.append((note[1], note[2]))
        elif line.strip():
            after_code, notes = False, []


def folded(text: str, folder: str = "") -> str:
    """Output as pages show it: paths from the working folder, no blanks at the ends, no line over 80 columns."""
    if folder:
        text = text.replace(f"{folder}/", "").replace(folder, ".")
    lines = [line.rstrip() for line in text.split("\n")]
    return "\n".join(part for line in lines for part in _folded_line(line)).strip("\n")


def _folded_line(line: str) -> list[str]:
    if len(line) <= WIDTH:
        return [line]
    return textwrap.wrap(line, WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def matches(expected: str, output: str) -> bool:
    """Whether output is what a page shows, in which a line `...` stands for any lines."""
    parts = [part.strip("\n") for part in re.split(r"^\.\.\.$", expected, flags=re.MULTILINE)]
    if len(parts) == 1:
        return parts[0] == output
    if not output.startswith(parts[0]) or not output.endswith(parts[-1]):
        return False
    place = len(parts[0])
    for part in parts[1:]:
        place = output.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True

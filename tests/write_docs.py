"""Updates the generated parts of the documentation: python -m tests.write_docs [--outputs]

Writes the tables between `<!-- table: NAME -->` and `<!-- end of table -->`. With --outputs it also runs the code of
all pages and writes the output into the `text` block after each code block. In a block with lines `...`, the parts
between them keep their number of lines.
"""

from __future__ import annotations

import argparse
import difflib
import re
import tempfile
from pathlib import Path

import datasets

from tests.docs.pages import ROOT, blocks, matches, page_paths
from tests.docs.run import run_pages
from tests.docs.tables import with_tables


def write_tables() -> None:
    """Updates the tables of all pages."""
    for page in page_paths():
        path = ROOT / page
        path.write_text(with_tables(path.read_text("utf-8")), encoding="utf-8")


def write_outputs() -> None:
    """Runs the code of all pages and updates the outputs; prints the blocks that fail."""
    with tempfile.TemporaryDirectory() as folder:
        results, _ = run_pages(Path(folder))
    for page in page_paths():
        lines = (ROOT / page).read_text("utf-8").split("\n")
        code, changes = "", []
        for block in blocks(page):
            if not block.follows_code:
                code = block.place
            elif not block.note("output not compared") and code in results:
                output = results[code]["output"]
                if not matches(block.text, output):
                    changes.append((block, _updated(block.text, output)))
        for block, text in reversed(changes):
            end = lines.index("```", block.line - 1)
            lines[block.line - 1 : end] = text.split("\n")
        (ROOT / page).write_text("\n".join(lines), encoding="utf-8")
    for place, result in results.items():
        if isinstance(result["status"], str):
            print(f"{place}: {result['status']}")


def _updated(expected: str, output: str) -> str:
    """The new output, cut to the parts that the page shows: the beginning, the end, and parts from a similar line."""
    parts, lines = re.split(r"^\.\.\.$", expected, flags=re.MULTILINE), output.split("\n")
    if len(parts) == 1:
        return output
    shown = [part.strip("\n").split("\n") if part.strip("\n") else [] for part in parts]
    parts = ["\n".join(lines[: len(shown[0])])]
    for part in shown[1:-1]:
        nearest = difflib.get_close_matches(part[0], lines, n=1, cutoff=0)
        start = lines.index(nearest[0])
        parts.append("\n".join(lines[start : start + len(part)]))
    parts.append("\n".join(lines[len(lines) - len(shown[-1]) :]) if shown[-1] else "")
    return "\n...\n".join(parts).strip("\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outputs", action="store_true", help="also run the code and write its output")
    options = parser.parse_args()
    datasets.disable_progress_bars()
    write_tables()
    if options.outputs:
        write_outputs()

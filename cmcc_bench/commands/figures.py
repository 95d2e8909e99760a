"""The command that draws the paper's figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from cmcc_bench.commands.console import Commands, add_command, console, errors
from cmcc_bench.distribution import requirement
from cmcc_bench.terminal import progress_bar

_FIGURES = """\
figures:
  1  dialogues by their number of turns
  2  negative emotions
  3  acts of the service
  4  from a negative emotion to the act of the reply
  5  emotions and acts in the first four turns
  7  from any emotion, neutral included, to the act of the reply
The paper's figure 6 shows no data.

example:
  cmcc figures cmcc --out figures --lang zh --figures 4 5 --formats svg html"""


def add(commands: Commands) -> None:
    """Adds the parser of this command."""
    figures = add_command(commands, "figures", "draw the paper's figures, for print and as a page", _FIGURES)
    figures.add_argument(
        "dataset", nargs="?", default="sample", help="a built folder, a Hub id, or `sample` (the default)"
    )
    figures.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder for the files")
    figures.add_argument(
        "--lang",
        choices=("en", "zh"),
        default="en",
        help="language of the printed figures; the page has both (default: en)",
    )
    figures.add_argument(
        "--figures", type=int, nargs="+", choices=(1, 2, 3, 4, 5, 7), metavar="N", help="which figures (default: all)"
    )
    figures.add_argument(
        "--formats", nargs="+", choices=("svg", "png", "html"), metavar="FORMAT", help="svg, png, html (default: all)"
    )
    figures.set_defaults(run=_figures)


def _figures(options: argparse.Namespace) -> int:
    from cmcc_bench.corpus import label_of
    from cmcc_bench.figures.write import FORMATS, NUMBERS, write_figures
    from cmcc_bench.statistics.collect import count_labels

    with progress_bar("counting dialogues") as show:
        counts = count_labels(options.dataset, show)
    with progress_bar("drawing figures") as show:
        written = write_figures(
            counts,
            label_of(options.dataset),
            options.out,
            options.lang,
            options.figures or NUMBERS,
            options.formats or FORMATS,
            show,
        )
    if written.missing:
        errors.print(f"cmcc figures: no labels for figures {', '.join(map(str, written.missing))}: not drawn")
    if written.language != options.lang:
        errors.print(
            "cmcc figures: no installed font has the Chinese characters, so the printed figures are in English. "
            f"Install one: pip install '{requirement('figures')}'",
            markup=False,
        )
    synthetic = ", SYNTHETIC data" if counts.synthetic else ""
    files = "1 file" if len(written.paths) == 1 else f"{len(written.paths)} files"
    console.print(f"{files} in {options.out}{synthetic}", markup=False, highlight=False)
    return 0

"""The command that draws the paper's figures."""

from __future__ import annotations

import argparse
from pathlib import Path

from cmcc_bench.commands.console import Commands, add_command, console, errors
from cmcc_bench.distribution import requirement
from cmcc_bench.terminal import counted, progress_bar

_FIGURES = """\
figures:
  1  dialogues by number of turns
  2  negative emotions
  3  service acts
  4  transitions from negative emotions to the acts of the reply
  5  emotions and acts in the first four turns
  7  the same from all emotions, neutral included
Figure 6 of the paper shows no data.

example:
  cmcc figures cmcc --out figures --lang zh --figures 4 5 --formats svg html"""


def add(commands: Commands) -> None:
    """Adds the parser of this command."""
    figures = add_command(commands, "figures", "draw the figures of the paper, as SVG, PNG and HTML", _FIGURES)
    figures.add_argument(
        "dataset",
        nargs="?",
        default="sample",
        metavar="DATASET",
        help="a built folder, a Hub id, or `sample` (the default)",
    )
    figures.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to write the files to")
    figures.add_argument(
        "--lang",
        choices=("en", "zh"),
        default="en",
        help="language of the SVG and PNG files; the HTML page has both (default: en)",
    )
    figures.add_argument(
        "--figures",
        type=int,
        nargs="+",
        choices=(1, 2, 3, 4, 5, 7),
        metavar="N",
        help="numbers of the figures to draw (default: all)",
    )
    figures.add_argument(
        "--formats", nargs="+", choices=("svg", "png", "html"), metavar="FORMAT", help="svg, png or html (default: all)"
    )
    figures.set_defaults(run=_figures)


def _figures(options: argparse.Namespace) -> int:
    from cmcc_bench.corpus import short_name
    from cmcc_bench.figures.write import FORMATS, NUMBERS, write_figures
    from cmcc_bench.statistics.collect import count_labels

    with progress_bar("counting dialogues") as show:
        counts = count_labels(options.dataset, show)
    with progress_bar("drawing figures") as show:
        written = write_figures(
            counts,
            short_name(options.dataset),
            options.out,
            options.lang,
            options.figures or NUMBERS,
            options.formats or FORMATS,
            show,
        )
    if written.missing:
        numbers = ", ".join(map(str, written.missing))
        errors.print(f"cmcc figures: there are no labels for figures {numbers}; they were not drawn", soft_wrap=True)
    if written.language != options.lang:
        errors.print(
            "cmcc figures: no installed font has the Chinese characters, so the SVG and PNG files are in English. "
            f"Install one: pip install '{requirement('figures')}'",
            markup=False,
        )
    synthetic = ", SYNTHETIC data" if counts.synthetic else ""
    files = counted(len(written.paths), "file")
    console.print(f"{files} in {options.out}{synthetic}", markup=False, highlight=False)
    return 0

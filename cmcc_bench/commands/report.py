"""The command report: the tables of the paper, and a page."""

from __future__ import annotations

import argparse
from pathlib import Path

from cmcc_bench.commands.console import (
    Commands,
    add_bootstrap,
    add_command,
    console,
    print_line,
    whole_number,
)
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_text
from cmcc_bench.terminal import progress_bar

_REPORT = """\
examples:
  cmcc report runs --out report.md    # writes report.html, too
  cmcc report runs/baseline runs/variant --html page.html"""


def add(commands: Commands) -> None:
    """Adds the parser of the command."""
    report = add_command(commands, "report", "print the tables of the paper from files of predictions", _REPORT)
    report.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="files that cmcc predict wrote, or folders with such files"
    )
    report.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write all tables to this file, as Markdown, and a page to the same name with .html",
    )
    report.add_argument("--html", type=Path, metavar="FILE", help="write the page to this file")
    report.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_bootstrap(report)
    report.add_argument(
        "--examples",
        type=whole_number,
        metavar="N",
        help="number of exchanges in table 4, with their texts (default: 8 of simulated dialogues, none of real calls)",
    )
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    import orjson

    from cmcc_bench.reports.headline import headline_tables
    from cmcc_bench.reports.page import page_html
    from cmcc_bench.reports.report import make_report
    from cmcc_bench.scoring import Bootstrap

    markdown, page = _report_files(options)
    with progress_bar("scoring systems") as show:
        report = make_report(options.runs, Bootstrap(options.resamples, options.seed), options.examples, show)
    if options.json:
        console.print_json(orjson.dumps(report.as_dict()).decode())
    else:
        for table in headline_tables(report):
            console.print(table.terminal(compact=True))
    if markdown:
        write_text(markdown, report.markdown())
    if page:
        write_text(page, page_html(report))
    if options.json:
        return 0
    if markdown:
        print_line(f"All tables: {markdown}")
    if page:
        print_line(f"The page with everything: {page}")
    if not (markdown or page):
        print_line("All tables, figures and examples: cmcc report ... --out report.md")
    return 0


def _report_files(options: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """The Markdown file and the page to write. Raises cmcc.DataError for a folder, or if both have the same path."""
    markdown, page = options.out, options.html
    for option, path in (("--out", markdown), ("--html", page)):
        if path and path.is_dir():
            raise DataError("this is a folder", "", f"Give {option} the path of a file.", file=str(path))
    if markdown and not page:
        page = markdown.with_suffix(".html")
    if markdown and markdown == page:
        hint = "Choose a name that ends with .md for --out; the page is written beside it."
        raise DataError("the page would overwrite the Markdown file", "", hint, file=str(markdown))
    return markdown, page

"""The documentation: every block of code runs and prints what the page shows, and every table is what the code says."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.docs.kinds import KINDS
from tests.docs.pages import CODE, ROOT, WIDTH, blocks, matches, page_paths
from tests.docs.run import run_pages

PAGES = page_paths()
BLOCKS = [block for page in PAGES for block in blocks(page)]
RUN = [block for block in BLOCKS if block.language in CODE and not block.title and not block.note("not run")]
# What cannot be run here, by page. Each block says why; think twice before a number grows.
NOT_RUN = {"CONTRIBUTING.md": 3, "README.md": 2, "docs/quickstart.md": 3, "docs/training.md": 2}
NOT_RUN |= {"docs/annotate.md": 3, "docs/language-models.md": 7, "docs/scale.md": 6}  # pages, servers, machines
NOT_RUN |= {"docs/quality.md": 1}
NOT_COMPARED = {"docs/scoring.md": 2}


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """All blocks run in order, as one reader would; one process for all, which also makes the tables."""
    return run_pages(tmp_path_factory.mktemp("docs"))


@pytest.fixture(scope="module")
def results(session):
    """What came of every block, by its place."""
    return session[0]


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.place)
def test_every_block_of_code_runs(block, results):
    found = results[block.place]
    assert str(found["status"]) == (block.note("exit status") or "0"), found["output"]


def outputs():
    code = None
    for block in BLOCKS:
        if not block.follows_code:
            code = block
        elif not block.note("output not compared") and not code.note("not run"):
            yield pytest.param(code, block, id=block.place)


@pytest.mark.parametrize(("code", "block"), list(outputs()))
def test_it_prints_what_the_page_shows(code, block, results):
    """`python -m tests.write_docs --outputs` writes what it prints now."""
    assert matches(block.text, results[code.place]["output"]), results[code.place]["output"]


@pytest.mark.parametrize(("note", "allowed"), [("not run", NOT_RUN), ("output not compared", NOT_COMPARED)])
def test_what_is_not_tested_is_counted_and_says_why(note, allowed):
    found = [block for block in BLOCKS if block.note(note)]
    assert Counter(block.page for block in found) == allowed
    assert all(len(block.note(note).split()) >= 3 for block in found)


@pytest.mark.parametrize("page", PAGES)
def test_every_table_of_a_page_is_what_the_code_says(page, session):
    """`python -m tests.write_docs` writes the tables."""
    assert session[1][page] == (ROOT / page).read_text("utf-8")


def test_every_output_fits_80_columns():
    """But for a path or a word that cannot be broken."""
    long = [line for block in BLOCKS if block.follows_code for line in block.text.split("\n") if len(line) > WIDTH]
    assert not [line for line in long if " " in line.strip()]


def test_every_page_is_on_the_site():
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} == {p for p in PAGES if p.startswith("docs/")}


def test_every_command_is_shown_in_a_block():
    from cmcc_bench.cli import _parser

    shown = set(re.findall(r"^cmcc (\w+)", "\n".join(block.text for block in BLOCKS), re.MULTILINE))
    assert shown == set(_parser()._subparsers._group_actions[0].choices)


def test_the_kinds_of_repair_are_those_that_the_reader_counts():
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "cmcc_bench" / "reader").glob("*.py")))
    counted = set(re.findall(r'(?:repairs?|repaired)(?:\[f?|\.append\(|\s\+= \[)"([a-z0-9_]+)', source))
    assert counted <= KINDS.keys(), "name them in tests/docs/kinds.py"
    assert not [kind for kind in KINDS if not re.search(rf"\b{kind}\b", source)]


def test_no_part_of_a_page_is_from_the_web():
    """Links may go there; images, styles and scripts may not, so that the site works without a network."""
    pages = "".join((ROOT / page).read_text("utf-8") for page in PAGES)
    assert not re.findall(r"!\[[^\]]*\]\(https?:|src=[\"']?https?:", pages)
    assert "http" not in (ROOT / "docs/assets/data-flow.svg").read_text("utf-8").replace(
        "http://www.w3.org/2000/svg", ""
    )


def test_a_site_that_is_built_asks_nothing_of_the_web(tmp_path):
    pytest.importorskip("zensical")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")  # it follows no link to a folder of pages
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    for name in ("cmcc.py", "cmcc_bench"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, env=os.environ | {"NO_COLOR": "1"})
    site = [path.read_text("utf-8") for path in sorted((tmp_path / "site").glob("*.html"))]
    assert len(site) >= len(PAGES) - 2
    assert not re.findall(
        r'<(?:script|img|iframe)[^>]+src="?https?:[^>]*|<link[^>]+stylesheet[^>]+https?:[^>]*', "".join(site)
    )


@pytest.mark.parametrize("name", ["bug", "data-defect"])
def test_an_issue_template_asks_for_the_version_and_warns_of_personal_data(name):
    form = yaml.safe_load((ROOT / f".github/ISSUE_TEMPLATE/{name}.yml").read_text("utf-8"))
    fields = {field.get("id"): field for field in form["body"]}
    assert "cmcc --version" in fields["version"]["attributes"]["description"]
    assert fields["version"]["validations"]["required"]
    assert all(option["required"] for option in fields["personal"]["attributes"]["options"])


def test_the_citation_file_has_what_the_format_requires():
    cff = yaml.safe_load(Path(ROOT, "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors", "version", "license", "keywords", "abstract"} <= cff.keys()
    paper = cff["preferred-citation"]
    assert {"type", "title", "authors", "year", "collection-title"} <= paper.keys()
    assert all({"family-names", "given-names"} <= author.keys() for author in paper["authors"])
    from cmcc_bench.distribution import VERSION

    assert cff["version"] == VERSION

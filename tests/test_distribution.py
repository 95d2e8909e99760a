"""The distribution is cmcc-bench: nothing says to install `cmcc`, which is another project on the index."""

import re
import subprocess
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from cmcc_bench.distribution import NAME, VERSION, requirement

ROOT = Path(__file__).parents[1]
FORBIDDEN = (
    r"(?<![\w.-])cmcc\[",  # with extras, in a command, a requirement or a format string
    r"(?<![\w.-])cmcc\s?(?:===?|>=|<=|~=|!=)\s?[\d{]",  # with a version
    r"(?:pip3?|pipx|uv|conda)\s+(?:install|add)\b[^&|;`\n]*?[\s\"']cmcc(?![-\w/.])",  # by itself or among others
    r"(?:pip3?|pipx|uv|conda)\s+(?:install|add)\s+[\"']?cmcc(?![-\w/.])",  # over the end of a line
)


def advice(text):
    return [match[0] for pattern in FORBIDDEN for match in re.finditer(pattern, text)]


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and name != "tests/test_distribution.py"]


def test_no_tracked_file_tells_anyone_to_install_the_other_package():
    files = [path for path in tracked_files() if path.is_file()]
    found = {path.relative_to(ROOT).as_posix(): advice(path.read_text("utf-8", errors="replace")) for path in files}
    assert len(files) > 300 and {name: said for name, said in found.items() if said} == {}


@pytest.mark.parametrize(
    "text",
    [
        "pip install cmcc",
        "pip install --upgrade 'cmcc'",
        "pip install torch cmcc",
        "python -m pip install\n  cmcc",
        'pip install "cmcc[train]"',
        "cmcc[{extra}]=={version}",
        "cmcc==0.1.0",
        "cmcc >= 0.1",
        "uv add cmcc",
    ],
)
def test_the_forms_that_it_looks_for_are_found(text):
    assert advice(text) and not advice(text.replace("cmcc", NAME))


@pytest.mark.parametrize(
    "text",
    [
        "pip install -e . && cmcc build",
        "pip install /somewhere/cmcc/",
        "import cmcc",
        'if name == "cmcc":',
        "pip uninstall --yes cmcc",
    ],
)
def test_the_module_and_the_command_may_be_called_cmcc(text):
    assert not advice(text)


def test_pip_knows_the_package_by_the_name_and_version_that_it_says():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["name"] == NAME and "version" in project["dynamic"] and project["scripts"].keys() == {"cmcc"}
    with suppress(PackageNotFoundError):  # an environment from before the package got this name runs the tests, too
        assert version(NAME) == VERSION


def test_a_requirement_names_the_extras_that_are_declared():
    assert (requirement(), requirement("train", "hub")) == (NAME, f"{NAME}[train,hub]")


def test_one_file_of_the_library_names_the_distribution():
    library = [
        path for path in tracked_files() if path.relative_to(ROOT).parts[0] in ("cmcc.py", "cmcc_bench", "train")
    ]
    naming = [path for path in library if path.is_file() and NAME in path.read_text("utf-8", errors="replace")]
    assert [path.relative_to(ROOT).as_posix() for path in naming] == ["cmcc_bench/distribution.py"]

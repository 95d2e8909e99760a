"""What run.json says of the machine."""

import subprocess
from pathlib import Path

from cmcc_bench.training import environment
from cmcc_bench.training.environment import commit, hardware, processor_name


def test_the_processor_is_the_model_that_linux_names(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Example CPU @ 2.00GHz\nprocessor\t: 1\n")
    assert processor_name(tmp_path / "cpuinfo") == "Example CPU @ 2.00GHz"


def test_where_nothing_names_it_its_architecture_stands(tmp_path):
    assert processor_name(tmp_path / "none")
    (tmp_path / "cpuinfo").write_text("Features : fp asimd\n")
    assert processor_name(tmp_path / "cpuinfo")


def test_it_says_nothing_that_names_the_machine():
    assert set(hardware()) == {"processor", "cores", "threads", "gpus"}


def repository(folder: Path) -> None:
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    for command in (("init", "-q"), (*author, "commit", "-q", "--allow-empty", "-m", "Begin")):
        subprocess.run(["git", *command], cwd=folder, check=True)


def test_the_commit_is_the_checkout_s_and_none_of_a_repository_around_an_installation(tmp_path, monkeypatch):
    repository(tmp_path)
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "cmcc_bench" / "training" / "environment.py"))
    assert len(commit()) == 40
    packages = tmp_path / ".venv" / "site-packages"
    monkeypatch.setattr(environment, "__file__", str(packages / "cmcc_bench" / "training" / "environment.py"))
    packages.mkdir(parents=True)
    assert commit() is None

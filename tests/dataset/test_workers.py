"""Several processes: one that dies, one that is not needed, and those whose parent dies."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cmcc_bench.dataset import build, workers
from tests import raw
from tests.dataset.folders import contents


@pytest.fixture
def source(tmp_path):
    for name in ("train.json", "dev.json"):
        raw.write(tmp_path / "raw", name, [raw.dialogue(f"{name}-{n}") for n in range(3)])
    return tmp_path / "raw"


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def running_with(word: str) -> list[int]:
    """The processes whose environment holds a word: a started process and all that it starts."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if word.encode() in path.read_bytes() and "Z" not in (path.parent / "stat").read_text().split(")")[1][:3]:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_a_killed_worker_ends_the_build_with_an_error_instead_of_hanging_it(source, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_SECONDS", 0.01)  # the workers are killed before they have read their files
    build(source, tmp_path / "cmcc")
    before = contents(tmp_path)
    others = set(multiprocessing.active_children())  # of other tests in this process, such as the clients of the Hub

    def kill_the_workers(_):
        for process in set(multiprocessing.active_children()) - others:
            os.kill(process.pid, signal.SIGKILL)

    with pytest.raises(ChildProcessError, match=r"a worker process died.*--num-proc 1") as caught:
        build(source, tmp_path / "cmcc", num_proc=2, progress=kill_the_workers)
    assert caught.value.__notes__ == ["Nothing was changed."] and contents(tmp_path) == before


def test_a_script_without_a_main_guard_gets_an_error_that_says_so(source, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"from pathlib import Path\nfrom cmcc_bench.dataset import build\n"
                      f"build(Path({str(source)!r}), Path({str(tmp_path / 'cmcc')!r}), num_proc=2)\n")  # fmt: skip
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and 'has no `if __name__ == "__main__":`' in done.stderr
    assert not (tmp_path / ".cmcc.building").exists()


def test_no_more_processes_are_started_than_there_are_files(source, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(workers, "_spool_in_workers", lambda jobs, processes, _: asked.append(processes) or iter(()))
    workers.spool_all([None, None, None], 8, print)
    assert asked == [3]
    (source / "dev.json").unlink()
    assert build(source, tmp_path / "cmcc", num_proc=8).dialogues == 3
    assert asked == [3]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(source, tmp_path, sign):
    for name in ("train.json", "dev.json"):
        raw.write(source, name, [raw.dialogue(f"{name}-{n}") for n in range(3000)])
    word = f"CMCC_TEST={tmp_path.name}-{os.getpid()}"
    arguments = ["build", "--data-dir", str(source), "--out", str(tmp_path / "new" / "cmcc"), "--num-proc", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cmcc_bench.cli", *arguments],
        env=os.environ | dict([word.split("=")]),
        stderr=subprocess.DEVNULL,
    )
    spools = tmp_path / "new" / ".cmcc.building" / "spool"
    wait_until(lambda: (spools.exists() and len(list(spools.iterdir())) == 2) or process.poll() is not None)
    process.send_signal(sign)
    assert process.wait(60) == (143 if sign == signal.SIGTERM else -sign)
    wait_until(lambda: not running_with(word))
    assert (tmp_path / "new").exists() == (sign == signal.SIGKILL)

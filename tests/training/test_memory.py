"""The memory of a process and its children."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cmcc_bench.training.memory import peak_memory, process_tree

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")


def test_the_peak_includes_the_memory_of_children():
    with peak_memory(every=0.02) as alone:
        pass
    code = "x = bytearray(b'1' * 200_000_000); print(flush=True); input()"
    with peak_memory(every=0.02) as peak:
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout.readline()  # its memory is taken
        assert child.pid in process_tree(os.getpid())
    child.communicate(b"\n", timeout=30)
    assert alone.size + 200e6 < peak.size < alone.size + 600e6
    assert child.pid not in process_tree(os.getpid())

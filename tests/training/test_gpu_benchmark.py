"""benchmarks/gpu.py runs on a CPU too, in its short form."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.mark.slow
def test_the_short_form_trains_decodes_and_prints_ratios_and_a_table(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--size", "short"])
    try:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    finally:
        AcceleratorState._reset_state(True)
    output = capsys.readouterr().out
    for name in ("plain", "padded", "packed"):
        assert re.search(rf"^{name}: [\d,]+ tokens/s in float32, ratio \d+\.\d\d, utilization", output, re.M), name
    assert re.search(r"^ours, 32 rows: .* ratio .*, 0 of 2 texts differ$", output, re.M)
    assert re.search(r"^\| variant \| \d+ \| \d+ \| [\d.]+ \| [\d.]+ \|$", output, re.M)

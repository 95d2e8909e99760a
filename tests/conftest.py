"""What every test runs under: no network, no cache but its own."""

import os
import tempfile
from pathlib import Path

# Set before any test imports the libraries, which read them once.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="cmcc-tests-hf-")
if "PYTEST_XDIST_WORKER" in os.environ:  # a process of several: the cores are theirs, one each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import datasets
import pytest
from hypothesis import HealthCheck, settings

REAL_CALLS = Path(__file__).parents[2] / "shared" / "mobilecs"  # 20 public examples of MobileCS, beside some checkouts

# The first example of a fresh checkout waits for hypothesis's table of characters: on a busy machine that is no defect.
settings.register_profile("cmcc", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cmcc")


@pytest.fixture(autouse=True, scope="session")
def quiet_libraries():
    datasets.disable_progress_bars()


@pytest.fixture(scope="session")
def real_calls() -> Path:
    if not REAL_CALLS.is_dir():
        pytest.skip("the public MobileCS examples are not beside this checkout")
    return REAL_CALLS

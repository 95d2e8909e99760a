"""Settings of all tests: no network, and a separate cache."""

import os
import tempfile
from pathlib import Path

# Set before any import of the libraries, which read these variables on import.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="cmcc-tests-hf-")
if "PYTEST_XDIST_WORKER" in os.environ:  # one of several parallel processes: one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import datasets
import pytest
from hypothesis import HealthCheck, settings

SLOW = 40  # seconds
REAL_CALLS = Path(__file__).parents[2] / "shared" / "mobilecs"  # 20 public examples of MobileCS, beside some checkouts

# In a fresh checkout the first example is slow, because hypothesis builds its table of characters.
settings.register_profile("cmcc", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cmcc")


def pytest_report_teststatus(report):
    """Names a slow test as soon as it ends: what a run that is stopped printed then says where its time went."""
    if report.when == "call" and report.duration > SLOW:
        return report.outcome, f"\n{report.nodeid} took {report.duration:.0f} s\n", report.outcome.upper()
    return None


@pytest.fixture(autouse=True, scope="session")
def quiet_libraries():
    datasets.disable_progress_bars()


@pytest.fixture(scope="session")
def real_calls() -> Path:
    if not REAL_CALLS.is_dir():
        pytest.skip("the public MobileCS examples are not beside this checkout")
    return REAL_CALLS

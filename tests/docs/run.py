"""Starts tests/docs/session.py in a folder of its own, beside a small Hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT, WIDTH
from tests.hub_server import HubServer


def run_pages(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Runs the code of all pages in an empty folder.

    Returns what came of each block, by its place, and the pages as they are with the tables that the code makes now.
    """
    work, results = folder / "work", folder / "results.json"
    work.mkdir()
    with HubServer({"alice": ["ORGANIZATION"]}) as hub:
        environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
        environment |= hub.environment(folder / "home", "alice")
        environment |= {
            "COLUMNS": str(WIDTH),
            "PYTHONPATH": str(ROOT),
            "PYTHONIOENCODING": "utf-8",
            "OMP_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "tests.docs.session", str(results)]
        done = subprocess.run(command, cwd=work, env=environment, text=True, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"the session ended early:\n{done.stdout}{done.stderr}")
    found = json.loads(results.read_text("utf-8"))
    return {result["place"]: result for result in found["blocks"]}, found["pages"]

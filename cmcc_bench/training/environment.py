"""The environment of a training for run.json and the model card: hardware, libraries, commit.

No value identifies the machine.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from cmcc_bench.distribution import DATA_VERSION

_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "safetensors")
_CPU_INFO = Path("/proc/cpuinfo")


def hardware() -> dict[str, Any]:
    """The processor name, usable cores, compute threads and GPU names."""
    return {
        "processor": processor_name(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
    }


def processor_name(cpu_info: Path = _CPU_INFO) -> str:
    """The model of the processor, on Linux from `cpu_info`, else its architecture."""
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", cpu_info.read_text("utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        match = None  # not Linux
    return match[1].strip() if match else platform.processor() or platform.machine()


def usable_cores() -> int:
    """The number of cores that the process may use; a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """The versions of Python, the libraries and this package."""
    return {"python": platform.python_version(), "cmcc": DATA_VERSION} | {name: version(name) for name in _LIBRARIES}


def commit() -> str | None:
    """The commit of this checkout, with `-dirty` if files were changed; None without a commit."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return None  # installed: a surrounding repository is a different project
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        result = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # no git, or no commit yet
    return result.stdout.strip()

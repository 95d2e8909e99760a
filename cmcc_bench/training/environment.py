"""What a training ran on, for run.json and the model's card: hardware, libraries, commit.

Nothing of it names the machine.
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

from cmcc_bench.features import VERSION

_LIBRARIES = ("torch", "transformers", "accelerate", "datasets", "tokenizers", "safetensors")
_CPU_INFO = Path("/proc/cpuinfo")


def hardware() -> dict[str, Any]:
    """Name of the processor, cores that this process may use, threads that it computes with, and names of the GPUs."""
    return {
        "processor": processor_name(),
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())],
    }


def processor_name(cpu_info: Path = _CPU_INFO) -> str:
    """The model of the processor, on Linux from `cpu_info`; its architecture where nothing says more."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", cpu_info.read_text("utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        found = None  # another system than Linux
    return found[1].strip() if found else platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores that the process may use: a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Of Python, the libraries and the data's format."""
    return {"python": platform.python_version(), "cmcc": VERSION} | {name: version(name) for name in _LIBRARIES}


def commit() -> str | None:
    """The commit of this checkout, `-dirty` after it where files were changed; None where there is none."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():
        return None  # installed: a repository around it is somebody else's
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        found = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None  # no git, or no commit yet
    return found.stdout.strip()

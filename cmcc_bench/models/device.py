"""The device that a trained model runs on: the GPU of this process, where there is one, else the CPU."""

from __future__ import annotations

import os

import torch


def own_device() -> torch.device:
    """The GPU of this process. Launchers of several processes on a machine number them in LOCAL_RANK."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK") or 0) % torch.cuda.device_count())

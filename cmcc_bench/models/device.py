"""The device that a trained model runs on, and copies from it that nothing waits for."""

from __future__ import annotations

import os

import torch


def own_device() -> torch.device:
    """The GPU of this process, which becomes torch's current one.

    Launchers of several processes on a machine number them in LOCAL_RANK.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK") or 0) % torch.cuda.device_count())
    torch.cuda.set_device(device)
    return device


class HostCopy:
    """A copy of a tensor in this machine's memory. A GPU makes it when it has finished all that was started before."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self._copy = tensor.to("cpu", non_blocking=tensor.is_cuda)
        # The stream of the tensor's device, which need not be the current device.
        self._arrived = torch.cuda.current_stream(tensor.device).record_event() if tensor.is_cuda else None

    def wait(self) -> torch.Tensor:
        """The copy, when it has arrived."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._copy

"""The choice of `precision: auto`: float32 or bfloat16, whichever is faster in a short measurement.

CPU flags are not enough: some CPUs multiply bfloat16 in hardware and still train faster in float32. bfloat16 also has a
cost for every new batch shape, because kernels are built for each shape and only few are cached. Repeating the same
batches would hide this cost. So the model to be trained runs once over the first batches of its training.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import Module

SECONDS = 4.0  # no further batch starts after this time
BATCHES = 33


def cpu_has_bfloat16(device: torch.device) -> bool:
    """Whether a CPU multiplies bfloat16 in hardware (AVX512-BF16 or AMX), so that a measurement makes sense."""
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return device.type == "cpu" and bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def gpu_has_bfloat16(device: torch.device) -> bool:
    """Whether a GPU multiplies bfloat16 in hardware; bfloat16 is then used without a measurement.

    On such GPUs it is several times as fast as float32, and steps too small to gain from it lose nothing.
    """
    return device.type == "cuda" and bool(torch.cuda.is_bf16_supported(including_emulation=False))


def seconds_a_pass(model: Module, passes: Sequence[Callable[[bool], Tensor]]) -> dict[str, float]:
    """The median time in seconds of a forward and backward pass in float32 and in bfloat16.

    passes: functions of `bfloat16` (a bool) that return the loss of one batch. The first one is a warm-up. Both
    precisions alternate, so that other load on the machine affects both. Weights, buffers, gradients and the random
    state are not changed.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    buffers, training = [buffer.clone() for buffer in model.buffers()], model.training
    state, numbers = random.getstate(), torch.random.get_rng_state()

    def seconds_of(forward: Callable[[bool], Tensor], bfloat16: bool) -> float:
        """The seconds that a forward and a backward pass take."""
        start = time.perf_counter()
        # Not backward(): it would add to the gradients and run hooks that wait for other processes.
        torch.autograd.grad(forward(bfloat16), parameters, allow_unused=True)
        return time.perf_counter() - start

    times: dict[bool, list[float]] = {False: [], True: []}
    model.train()
    try:
        began = time.perf_counter()
        for bfloat16 in (True, False):
            seconds_of(passes[0], bfloat16)
        for number, forward in enumerate(passes[1:] or passes):
            if number and time.perf_counter() - began > SECONDS:
                break
            for bfloat16 in (False, True) if number % 2 else (True, False):
                times[bfloat16].append(seconds_of(forward, bfloat16))
    finally:
        random.setstate(state)
        torch.random.set_rng_state(numbers)
        model.train(training)
        with torch.no_grad():
            for buffer, before in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(before)
    return {"float32": statistics.median(times[False]), "bfloat16": statistics.median(times[True])}

"""What `precision: auto` computes in: float32 or bfloat16, whichever a short measurement finds faster.

Flags of a processor do not tell: some multiply bfloat16 in hardware and still train faster in float32. bfloat16 has a
price for every new size of a batch, as its kernels are made for each and are kept for few: over the same batches again
and again it seems faster than it is. So the very model goes once over the batches that its training begins with.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import Module

SECONDS = 4.0  # after these no further batch begins
BATCHES = 33


def cpu_has_bfloat16(device: torch.device) -> bool:
    """Whether a CPU multiplies bfloat16 in hardware (AVX512-BF16, AMX), so that it is worth measuring."""
    able = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return device.type == "cpu" and bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def gpu_has_bfloat16(device: torch.device) -> bool:
    """Whether a GPU multiplies bfloat16 in hardware: then it is taken without measuring.

    It multiplies several times as fast as in float32 there, and a step too small to gain from it loses nothing.
    """
    return device.type == "cuda" and bool(torch.cuda.is_bf16_supported(including_emulation=False))


def seconds_a_pass(model: Module, passes: Sequence[Callable[[bool], Tensor]]) -> dict[str, float]:
    """Median seconds of a forward and backward pass in float32 and in bfloat16.

    passes: each takes whether to compute in bfloat16, and returns the loss of one batch. The first one warms up. Both
    precisions take turns, so that other work on the machine slows both alike. Leaves weights, buffers, gradients and
    random numbers as they were.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    buffers, training = [buffer.clone() for buffer in model.buffers()], model.training
    state, numbers = random.getstate(), torch.random.get_rng_state()

    def seconds_of(forward: Callable[[bool], Tensor], bfloat16: bool) -> float:
        start = time.perf_counter()
        # Not backward(): it would add to the gradients, and call what waits for other processes.
        torch.autograd.grad(forward(bfloat16), parameters, allow_unused=True)
        return time.perf_counter() - start

    found: dict[bool, list[float]] = {False: [], True: []}
    model.train()
    try:
        began = time.perf_counter()
        for bfloat16 in (True, False):
            seconds_of(passes[0], bfloat16)
        for number, forward in enumerate(passes[1:] or passes):
            if number and time.perf_counter() - began > SECONDS:
                break
            for bfloat16 in (False, True) if number % 2 else (True, False):
                found[bfloat16].append(seconds_of(forward, bfloat16))
    finally:
        random.setstate(state)
        torch.random.set_rng_state(numbers)
        model.train(training)
        with torch.no_grad():
            for buffer, before in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(before)
    return {"float32": statistics.median(found[False]), "bfloat16": statistics.median(found[True])}

"""The choice of `precision: auto`: bfloat16 on a GPU that multiplies it in hardware, float32 everywhere else.

A CPU is always float32. Its flags do not say which is faster (some multiply bfloat16 in hardware and train slower), and
neither does a short measurement: kernels are built for every new batch shape. A choice by the first batches once made
a whole training slower than a plain loop (0.93 of its tokens a second; 1.63 in float32).
"""

from __future__ import annotations

import torch


def gpu_has_bfloat16(device: torch.device) -> bool:
    """Whether a GPU multiplies bfloat16 in hardware.

    On such GPUs it is several times as fast as float32, and steps too small to gain from it lose nothing.
    """
    return device.type == "cuda" and bool(torch.cuda.is_bf16_supported(including_emulation=False))


def has_fused_adamw(device: torch.device) -> bool:
    """Whether torch updates all weights on this kind of device in one fused call."""
    return device.type in ("cpu", "cuda", "mps", "xpu")

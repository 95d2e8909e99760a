"""The pass of a batch: on another device than the CPU, too, of which torch's meta device has everything but numbers."""

import numpy as np
import pytest
import torch

from cmcc_bench.decoding.forward import _NAME, GENERATED, OneByOneForward, Read, TogetherForward

from .models import gpt2, rotary

NEW = Read(*map(np.array, ([0, 2, 3], [0, 0, 0], [3, 2, 5], [1, 2, 3, 3, 1, 1, 1, 1, 1, 1])))
MIXED = Read(*map(np.array, ([0, 3, 1, 2], [3, 5, 0, 2], [1, 1, 4, 2], [GENERATED, GENERATED, 4, 3, 2, 1, 5, 5])))
LONG = Read(*map(np.array, ([0, 1, 2], [4, 4, 0], [1, 1, 300], [GENERATED, GENERATED, *[1] * 300])))


@pytest.mark.parametrize("make", [lambda: gpt2(0, 50, n_positions=512), lambda: rotary("llama", 0, 50)])
def test_on_another_device_no_tensor_stays_on_the_cpu(make):
    model, last = make().eval().to("meta"), torch.zeros(4, dtype=torch.long, device="meta")
    together = TogetherForward(model, 4)
    model.set_attn_implementation(_NAME)
    for read in (NEW, MIXED, LONG):
        logits = together(read, last)
        assert (logits.device.type, tuple(logits.shape)) == ("meta", (len(read.rows), 50))


@pytest.mark.parametrize("make", [lambda: gpt2(0, 50, n_positions=512), lambda: rotary("llama", 0, 50)])
def test_the_logits_are_those_of_one_row_at_a_time_also_when_the_cache_grows(make):
    model, last = make().eval(), torch.tensor([7, 8, 9, 10])
    alone = OneByOneForward(model)
    expected = [alone(read, last) for read in (NEW, MIXED, LONG)]
    together = TogetherForward(model, 4)
    model.set_attn_implementation(_NAME)
    for read, logits in zip((NEW, MIXED, LONG), expected, strict=True):
        torch.testing.assert_close(together(read, last), logits)

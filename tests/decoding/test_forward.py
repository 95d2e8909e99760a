"""The pass of a batch: on another device than the CPU, too, of which torch's meta device has everything but numbers."""

import numpy as np
import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM

from cmcc_bench.decoding import forward as module
from cmcc_bench.decoding.forward import _NAME, GENERATED, OneByOneForward, Read, TogetherForward, forward_of

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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_all_rows_are_read_together_in_both_precisions(dtype):
    with forward_of(gpt2(0, 50).to(dtype), 2) as forward:
        assert isinstance(forward, TogetherForward)


def test_a_model_with_soft_caps_is_read_row_by_row():
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "intermediate_size": 32, "head_dim": 8}
    config = Gemma2Config(vocab_size=50, num_attention_heads=4, num_key_value_heads=2, **sizes)
    with forward_of(Gemma2ForCausalLM(config), 2) as forward:
        assert isinstance(forward, OneByOneForward)


@pytest.mark.parametrize(("scores", "calls"), [(1, 3 + 3 + 2), (40, 2 + 3 + 2), (1 << 23, 1 + 3 + 2)])
def test_rows_side_by_side_are_divided_into_calls_of_few_scores(scores, calls, monkeypatch):
    monkeypatch.setattr(module, "_MANY_CALLS", frozenset())
    monkeypatch.setattr(module, "_SCORES_OF_A_CALL", scores)
    model, last, called = rotary("qwen2", 0, 50).eval(), torch.tensor([7, 8, 9, 10]), []
    alone, together, attend = OneByOneForward(model), TogetherForward(model, 4), module.scaled_dot_product_attention

    def counted(*arguments, **options):
        called.append(arguments)
        return attend(*arguments, **options)

    expected = [alone(read, last) for read in (NEW, MIXED, LONG)]
    model.set_attn_implementation(_NAME)
    monkeypatch.setattr(module, "scaled_dot_product_attention", counted)
    for read, logits in zip((NEW, MIXED, LONG), expected, strict=True):
        torch.testing.assert_close(together(read, last), logits)
    assert len(called) == calls * model.config.num_hidden_layers


@pytest.mark.parametrize("make", [lambda: gpt2(0, 50, n_positions=512), lambda: rotary("llama", 0, 50)])
def test_the_logits_are_those_of_one_row_at_a_time_also_when_the_cache_grows(make):
    model, last = make().eval(), torch.tensor([7, 8, 9, 10])
    alone = OneByOneForward(model)
    expected = [alone(read, last) for read in (NEW, MIXED, LONG)]
    together = TogetherForward(model, 4)
    model.set_attn_implementation(_NAME)
    for read, logits in zip((NEW, MIXED, LONG), expected, strict=True):
        torch.testing.assert_close(together(read, last), logits)

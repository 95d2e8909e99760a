"""Packed linear layers: the same numbers, within rounding, from the same calls."""

import torch
from torch import nn

from cmcc_bench.decoding import pack_linear_layers
from cmcc_bench.decoding.packing import PackedLinear

from .models import gpt2, rotary


def test_a_packed_model_gives_the_logits_of_the_plain_one():
    for model in (gpt2(0, 50).float().eval(), rotary("llama", 0, 50).float().eval()):
        ids = torch.randint(0, 50, (3, 7))
        with torch.inference_mode():
            plain = model(ids).logits
            assert pack_linear_layers(model) > 8
            torch.testing.assert_close(model(ids).logits, plain, rtol=1e-4, atol=1e-4)


def test_layers_of_gpt2_and_its_output_are_packed():
    model = gpt2(0, 50).float()
    assert pack_linear_layers(model) == 2 * 4 + 1
    assert isinstance(model.lm_head, PackedLinear)
    assert model.transformer.wte.weight.shape == (50, 32)  # what is tied to the output stays


def test_what_is_not_float32_and_what_is_a_layer_of_its_own_kind_is_left_alone():
    class Scaled(nn.Linear):
        def forward(self, inputs):
            return 2 * super().forward(inputs)

    model = nn.Sequential(nn.Linear(4, 4, dtype=torch.float64), Scaled(4, 4), nn.Linear(4, 4, bias=False))
    assert pack_linear_layers(model) == 1
    assert [type(layer) for layer in model] == [nn.Linear, Scaled, PackedLinear]

"""The size of a model, from the headers of its files."""

import struct

from cmcc_bench.backbones import backbone_folder
from cmcc_bench.models.causal_lm import load_model
from cmcc_bench.models.digest import parameters_of_model


def test_the_parameters_are_those_that_torch_counts():
    folder = backbone_folder("tiny")
    assert parameters_of_model(folder) == sum(weight.numel() for weight in load_model(folder).parameters())


def test_a_file_of_another_form_has_no_known_number(tmp_path):
    assert parameters_of_model(tmp_path) is None
    for content in (b"", b"x", struct.pack("<Q", 2**60) + b"{", struct.pack("<Q", 4) + b"[{}]"):
        (tmp_path / "model.safetensors").write_bytes(content)
        assert parameters_of_model(tmp_path) is None

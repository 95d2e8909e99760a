"""A real server, `transformers serve`, with a chat model made on the spot. It needs the extra transformers[serving]."""

import sys

import pytest

from cmcc_bench.cli import main
from cmcc_bench.tasks import TASKS

from .. import raw
from ..servers import free_port, running_server


def write_chat_model(folder):
    """A Llama of one layer with random weights, a tokenizer of bytes, and a chat template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
    letters = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *special.values()]
    plain = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    plain.pre_tokenizer, plain.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, **special)
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    ids = {f"{name}_id": tokenizer.convert_tokens_to_ids(token) for name, token in special.items()}
    config = LlamaConfig(vocab_size=len(letters), max_position_embeddings=32768, **sizes, **ids)
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture
def url():
    pytest.importorskip("openai", reason="transformers[serving] is not installed")
    port = free_port()
    script = "import sys; from transformers.cli.transformers import main; sys.exit(main())"
    command = [sys.executable, "-c", script, "serve", "--host", "127.0.0.1", "--port", port, "--device", "cpu"]
    with running_server(command, port) as url:
        yield url


def test_it_answers_all_four_tasks_and_nothing_that_it_says_stops_a_run(url, tmp_path, capsys):
    write_chat_model(tmp_path / "chat")
    raw.write(tmp_path / "raw", "test.json", [raw.dialogue("synthetic-1")])
    assert main(["build", "--data-dir", str(tmp_path / "raw"), "--out", str(tmp_path / "cmcc")]) == 0
    for task in TASKS:
        out = str(tmp_path / f"{task}.jsonl")
        model, data = f"openai:{tmp_path / 'chat'}", str(tmp_path / "cmcc")
        line = ["predict", model, data, "--endpoint", url, "--task", task, "--out", out, "--max-tokens", "8"]
        assert main(line) == 0, capsys.readouterr().err
        assert main(["score", out, data, "--resamples", "0"]) == 0

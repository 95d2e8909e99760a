"""Random models, a few dialogues and a text form with short segments, for the tests of decoding."""

from dataclasses import dataclass, replace

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from cmcc_bench.decoding import DialogueInput
from cmcc_bench.models.tokenizer import character_tokenizer
from cmcc_bench.textform import Segment, TextForm
from cmcc_bench.views import KBEntry

KB = {"ent-1": KBEntry(("流量包", "G包"), "流量包", {"业务费用": ("十块钱", "十元")})}
COLUMNS = ("history_entities", "user", "entities", "user_intent", "kb_result", "emotions", "acts", "response")
USERS = ("有G包吗", "多少钱", "喂你好我想问一下那个流量包是怎么收费的", "嗯", "那行吧谢谢", "能便宜点吗", "我不要了")


@dataclass(frozen=True)
class ShortForm(TextForm):
    """The variant with at most so many tokens in the generated segments, in order."""

    limits: tuple[int, ...] = (6, 9, 4, 5, 12)

    @property
    def segments(self) -> tuple[Segment, ...]:
        limits = iter(self.limits)
        return tuple(replace(s, longest=next(limits)) if s.source == "generated" else s for s in super().segments)


SHORT = ShortForm("variant", emotions=True, caring=True)


def row(dialogue_id: str, exchange: int, user: str) -> dict:
    gold = ("", user, "G包", "询问(G包-业务费用)", "十块钱", "中性", "通知,安抚", "十块钱一个月请您放心")
    return {"dialogue_id": dialogue_id, "exchange": exchange} | dict(zip(COLUMNS, gold, strict=True))


def dialogues() -> list[DialogueInput]:
    """Four calls of one to seven exchanges."""
    names = {"call-1": 3, "call-2": 1, "call-3": 7, "call-4": 2}
    return [
        DialogueInput(name, KB, tuple(row(name, index, user) for index, user in enumerate(USERS[-count:])))
        for name, count in names.items()
    ]


def tokenizer_of(calls: list[DialogueInput]):
    return character_tokenizer([text for call in calls for made in call.rows for text in map(str, made.values())])


def gpt2(seed: int, vocabulary: int, **more) -> GPT2LMHeadModel:
    """Weights far from zero, so that texts vary and end; in float64, so that no tie is decided by rounding."""
    torch.manual_seed(seed)
    sizes = {"n_layer": 2, "n_embd": 32, "n_head": 4, "n_positions": 256}
    ends = {"bos_token_id": None, "eos_token_id": None}
    config = GPT2Config(vocab_size=vocabulary, initializer_range=0.4, **(sizes | ends | more))
    return GPT2LMHeadModel(config).double()


def rotary(kind: str, seed: int, vocabulary: int):
    """A Llama or Qwen 2 whose four heads share two heads of keys and values."""
    torch.manual_seed(seed)
    config_class, model_class = {
        "llama": (LlamaConfig, LlamaForCausalLM),
        "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    }[kind]
    sizes = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64, "max_position_embeddings": 256}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    ends = {"bos_token_id": None, "eos_token_id": None}
    return model_class(config_class(vocab_size=vocabulary, initializer_range=0.4, **sizes, **heads, **ends)).double()

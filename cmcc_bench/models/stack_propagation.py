"""Joint recognition of entities and emotions by stack propagation: token-level emotions are an input of the tagger.

An encoder gives each token a vector: self-attention beside a BiLSTM, as published, or any encoder that transformers
opens. The emotion decoder, an LSTM, gives each token a probability for each emotion; the tokens vote. The slot decoder,
another LSTM, reads the token's vector, its emotion probabilities and the previous tag.
Source: Qin et al., "A Stack-Propagation Framework with Token-Level Intent Detection", EMNLP 2019, sections 3.1 to 3.4;
the paper's table 9. Two differences: an utterance may have several emotions, so a sigmoid replaces the published
softmax, and an emotion is predicted when most tokens vote for it. The emotion decoder does not read its own previous
output: in training that would be the gold answer, since all tokens have the same emotions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel

from cmcc_bench import vocabulary
from cmcc_bench.vocabulary import ENTITY_TYPES

TAGS = ("O", *(f"{place}-{name}" for name in ENTITY_TYPES for place in "BI"))
EMOTIONS = vocabulary.EMOTIONS.names


class StackPropagationConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """The sizes of the model. encoder: the configuration of a transformers encoder; None for the published encoder."""

    model_type = "cmcc-stack-propagation"

    def __init__(
        self,
        vocab_size: int = 0,
        width: int = 128,
        heads: int = 4,
        dropout: float = 0.4,
        emotions: bool = True,
        longest_text: int = 256,
        encoder: Mapping[str, Any] | None = None,
        **others: Any,  # noqa: ANN401  # of transformers
    ) -> None:
        self.vocab_size = vocab_size
        self.width = width
        self.heads = heads
        self.dropout = dropout
        self.emotions = emotions
        self.longest_text = longest_text
        self.encoder = dict(encoder) if encoder else None
        super().__init__(**others)


class Output(NamedTuple):
    """Logits of each token. tags: [texts, tokens, 21]. emotions: [texts, tokens, 9]; None without emotions."""

    tags: Tensor
    emotions: Tensor | None


class SelfAttentiveEncoder(nn.Module):
    """Embeddings, then self-attention and a BiLSTM side by side: [texts, tokens, 2 width] (section 3.1)."""

    def __init__(self, config: StackPropagationConfig) -> None:
        super().__init__()
        width = config.width
        self.embeddings = nn.Embedding(config.vocab_size, width)
        self.lstm = nn.LSTM(width, width // 2, batch_first=True, bidirectional=True)
        self.attention = nn.MultiheadAttention(width, config.heads, dropout=config.dropout, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.size = 2 * width

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """input_ids, attention_mask: [texts, tokens]."""
        embedded = self.dropout(self.embeddings(input_ids))
        lengths = attention_mask.sum(dim=1).cpu()
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=input_ids.shape[1])
        attended, _ = self.attention(embedded, embedded, embedded, key_padding_mask=attention_mask == 0)
        both: Tensor = self.dropout(torch.cat([read, attended], dim=-1))
        return both


class StackPropagation(PreTrainedModel):  # type: ignore[no-untyped-call]
    """The joint model. `forward` is for training; `decode` tags greedily."""

    config_class = StackPropagationConfig
    base_model_prefix = "stack_propagation"

    def __init__(self, config: StackPropagationConfig) -> None:
        super().__init__(config)
        width = config.width
        if config.encoder:
            inner = dict(config.encoder)
            config_of_encoder = AutoConfig.for_model(inner.pop("model_type"), **inner)
            self.encoder: Any = AutoModel.from_config(config_of_encoder)  # type: ignore[no-untyped-call]
            size = int(self.encoder.config.hidden_size)
        else:
            self.encoder = SelfAttentiveEncoder(config)
            size = self.encoder.size
        if config.emotions:
            self.emotion_decoder = nn.LSTM(size, width, batch_first=True)
            self.emotion_output = nn.Linear(width, len(EMOTIONS))
        emotion_size = len(EMOTIONS) if config.emotions else 0
        self.slot_decoder = nn.LSTM(size + emotion_size + len(TAGS), width, batch_first=True)
        self.slot_output = nn.Linear(width, len(TAGS))
        self.dropout = nn.Dropout(config.dropout)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Keeps torch's initial weights. transformers requires this method."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, tags: Tensor) -> Output:
        """Logits, given the gold tag before each token. All inputs: [texts, tokens]. A tag IGNORED counts as O."""
        read, emotions = self._read(input_ids, attention_mask)
        before = torch.zeros_like(tags)
        before[:, 1:] = tags[:, :-1].clamp(min=0)
        decoded, _ = self.slot_decoder(torch.cat([read, one_hot(before, len(TAGS)).to(read.dtype)], dim=-1))
        return Output(self.slot_output(self.dropout(decoded)), emotions)

    @torch.inference_mode()
    def decode(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """Greedy tags, [texts, tokens], and the share of tokens that vote for each emotion, [texts, 9].

        The shares are None for a model without emotions.
        """
        read, emotions = self._read(input_ids, attention_mask)
        tag, state, tags = torch.zeros_like(input_ids[:, :1]), None, []
        for place in range(input_ids.shape[1]):
            step = torch.cat([read[:, place : place + 1], one_hot(tag, len(TAGS)).to(read.dtype)], dim=-1)
            decoded, state = self.slot_decoder(step, state)
            tag = self.slot_output(decoded).argmax(dim=-1)
            tags.append(tag)
        return torch.cat(tags, dim=1), None if emotions is None else votes(emotions, attention_mask)

    def _read(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """The slot decoder's inputs, [texts, tokens, size], and the emotion logits, [texts, tokens, 9] or None."""
        read = self.encoder(input_ids=input_ids, attention_mask=attention_mask)
        read = read if isinstance(read, Tensor) else read.last_hidden_state
        if not self.config.emotions:
            return read, None
        emotions = self.emotion_output(self.dropout(self.emotion_decoder(read)[0]))
        return torch.cat([read, torch.sigmoid(emotions).to(read.dtype)], dim=-1), emotions


def votes(emotions: Tensor, attention_mask: Tensor) -> Tensor:
    """The share of a text's tokens that vote for each emotion: [texts, 9], from logits [texts, tokens, 9]."""
    voted = (emotions > 0).float() * attention_mask[..., None]
    return voted.sum(dim=1) / attention_mask.sum(dim=1, keepdim=True).clamp(min=1)


def said_emotions(shares: Sequence[float]) -> tuple[str, ...]:
    """The emotions with more than half of the votes; if there are none, the one with the most (the first of a tie)."""
    majority = tuple(label for label, share in zip(EMOTIONS, shares, strict=True) if share > 0.5)
    return majority or (EMOTIONS[max(range(len(shares)), key=shares.__getitem__)],)


# Without this, opening the tokenizer in such a model's folder gives a warning.
AutoConfig.register(StackPropagationConfig.model_type, StackPropagationConfig, exist_ok=True)
AutoModel.register(StackPropagationConfig, StackPropagation, exist_ok=True)

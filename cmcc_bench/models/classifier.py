"""Text classifiers: a small BERT from scratch, or any model that AutoModelForSequenceClassification opens.

`pipeline("text-classification", model=FOLDER, top_k=None)` opens a saved model. Called with `truncation=True`, it takes
texts of any length and gives the same probabilities as `probabilities` below. The model's configuration has two more
settings for prediction: `thresholds`, the minimum probability of each label, and `context`, whether the model also
reads the two preceding utterances. In a pipeline these are {"text": the preceding two, "text_pair": the utterance}.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from cmcc_bench.errors import DataError
from cmcc_bench.models.causal_lm import longest_input
from cmcc_bench.models.device import own_device
from cmcc_bench.models.tokenizer import Tokenizer, is_one_token
from cmcc_bench.textform import FORMS

MULTI_LABEL, SINGLE_LABEL = "multi_label_classification", "single_label_classification"
_UNBOUNDED = 2**31 - 1  # the largest length in tokens that a tokenizer accepts


@dataclass(frozen=True)
class EncodedText:
    """A text in tokens: ids and token types, both [length]."""

    ids: tuple[int, ...]
    types: tuple[int, ...]


def scratch_classifier(
    tokenizer: Tokenizer,
    labels: Sequence[str],
    problem: str,
    *,
    layers: int,
    width: int,
    heads: int,
    positions: int,
    dropout: float,
) -> PreTrainedModel:
    """Creates a BERT with a classification layer and random weights, drawn with torch's seed.

    problem: MULTI_LABEL or SINGLE_LABEL. width: a multiple of heads. positions: maximum text length in tokens.
    """
    config = BertConfig(
        vocab_size=len(tokenizer),
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        max_position_embeddings=positions,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        pad_token_id=tokenizer.pad_token_id,
        **_label_settings(labels, problem),
    )
    return BertForSequenceClassification(config)


def backbone_classifier(name: str, labels: Sequence[str], problem: str) -> PreTrainedModel:
    """Loads a pretrained encoder in float32 and adds a classification layer, drawn with torch's seed.

    name: a folder or a Hub id. Raises cmcc.DataError if the model cannot classify text.
    """
    return _open(name, **_label_settings(labels, problem), ignore_mismatched_sizes=True)[0]


def with_prompt(tokenizer: Tokenizer) -> Tokenizer:
    """A tokenizer with the tokens of the text form that writes a text as a dialogue model reads an utterance.

    After history, user, entities, intent and KB result, the model that was trained on the text form is about to write
    the emotions: there it knows most about the utterance. A text that is too long loses its beginning. The saved
    tokenizer keeps all that, so a pipeline does the same. Other tokenizers are returned as they are.
    """
    read = list(takewhile(lambda segment: segment.column != "emotions", FORMS["variant"].segments))
    ends = [segment.end for segment in read]
    if not all(is_one_token(tokenizer, end) for end in ends):
        return tokenizer
    start = tokenizer.cls_token or tokenizer.bos_token or ""
    after = " ".join(f"{end}:0" for end in ends[1:])
    backend = copy.deepcopy(tokenizer.backend_tokenizer)
    backend.post_processor = TemplateProcessing(
        single=f"{start}:0 {ends[0]}:0 $A:0 {after}",
        pair=f"{start}:0 $A:0 {ends[0]}:0 $B:0 {after}",
        special_tokens=[(token, tokenizer.convert_tokens_to_ids(token)) for token in [start, *ends]],
    )
    # Not BertTokenizer, which puts [CLS] and [SEP] around a text again when it is opened. The side is saved only if it
    # is given here.
    tokens = tokenizer.special_tokens_map
    return PreTrainedTokenizerFast(tokenizer_object=backend, truncation_side="left", **tokens)  # type: ignore[no-untyped-call]


def load_classifier(folder: str | Path, labels: Iterable[str]) -> PreTrainedModel:
    """Loads the trained classifier in a folder, in float32, on the GPU of this process where there is one.

    Raises cmcc.DataError if it is not a classifier, lacks weights or has other labels.
    """
    model, info = _open(str(folder))
    if info["missing_keys"]:  # transformers would begin with random weights in their place
        problem = f"the weights of {len(info['missing_keys'])} tensors are missing"
        raise DataError(problem, "", "Copy the folder again from the run that trained the model.", model=str(folder))
    model_labels, task_labels = list((model.config.id2label or {}).values()), list(labels)
    if model_labels != task_labels:
        hint = "Give the folder of a run of this task, RUN/best."
        raise DataError(f"the labels {', '.join(model_labels)}", ", ".join(task_labels), hint, model=str(folder))
    model.train(False)
    model.to(own_device())  # type: ignore[arg-type]  # transformers' types hide torch's
    return model


def _label_settings(labels: Sequence[str], problem: str) -> dict[str, Any]:
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
        "problem_type": problem,
    }


def _open(name: str, **settings: Any) -> tuple[PreTrainedModel, Mapping[str, Any]]:  # noqa: ANN401  # of transformers
    options = {"ignore_mismatched_sizes": settings.pop("ignore_mismatched_sizes", False)}
    try:
        config = AutoConfig.from_pretrained(name, **settings)
        opened: Any = AutoModelForSequenceClassification.from_pretrained(
            name, config=config, dtype=torch.float32, output_loading_info=True, use_safetensors=True, **options
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        problem = f"AutoModelForSequenceClassification cannot open it ({reason})"
        hint = "Give the folder of a run's best checkpoint, for instance RUN/best, or a model id on the Hub."
        raise DataError(problem, "", hint, model=name) from error
    return opened[0], opened[1]


def longest_text(model: PreTrainedModel, tokenizer: Tokenizer) -> int:
    """The maximum length of a text in tokens: the one of the training, which the saved tokenizer records.

    A tokenizer without a limit reports a huge number; the model's positions are then the limit.
    """
    return min(tokenizer.model_max_length, longest_input(model) or _UNBOUNDED)


def encode_texts(
    tokenizer: Tokenizer, texts: Sequence[str], max_length: int, contexts: Sequence[str] | None = None
) -> list[EncodedText]:
    """Encodes texts with at most `max_length` tokens each; longer ones are truncated at `truncation_side`.

    contexts: the text before each text, encoded as the first of a pair. The longer text of a pair is truncated first.
    """
    if not texts:
        return []  # transformers raises IndexError
    if contexts is None:
        encoded = tokenizer(list(texts), truncation=True, max_length=max_length)
    else:
        encoded = tokenizer(list(contexts), list(texts), truncation="longest_first", max_length=max_length)
    types = encoded.get("token_type_ids") or [[0] * len(ids) for ids in encoded["input_ids"]]
    return [EncodedText(tuple(ids), tuple(kinds)) for ids, kinds in zip(encoded["input_ids"], types, strict=True)]


def batch_of(texts: Sequence[EncodedText], pad: int) -> dict[str, torch.Tensor]:
    """A batch of input_ids, token_type_ids and attention_mask, each [texts, longest], padded on the right."""
    longest = max(len(text.ids) for text in texts)
    shape = len(texts), longest
    batch = {
        "input_ids": torch.full(shape, pad),
        "token_type_ids": torch.zeros(shape, dtype=torch.long),
        "attention_mask": torch.zeros(shape, dtype=torch.long),
    }
    for row, text in enumerate(texts):
        length = len(text.ids)
        batch["input_ids"][row, :length] = torch.tensor(text.ids)
        batch["token_type_ids"][row, :length] = torch.tensor(text.types)
        batch["attention_mask"][row, :length] = 1
    return batch


def model_inputs(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a batch that the model accepts; some encoders have no token types."""
    has_types = getattr(model.config, "type_vocab_size", 0)
    return {name: tensor for name, tensor in batch.items() if name != "token_type_ids" or has_types}


@torch.inference_mode()
def probabilities(
    model: PreTrainedModel, texts: Sequence[EncodedText], batch_size: int = 32
) -> Iterator[tuple[int, list[float]]]:
    """Yields (index of the text, probability of each label); texts of similar length are computed together.

    Probabilities are sigmoids for a multi-label model and a softmax for a single-label one. The model is put into
    evaluation mode.
    """
    model.train(False)
    multi = model.config.problem_type == MULTI_LABEL
    order = sorted(range(len(texts)), key=lambda index: len(texts[index].ids))
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        batch = batch_of([texts[index] for index in indices], model.config.pad_token_id or 0)
        inputs = {name: tensor.to(model.device) for name, tensor in model_inputs(model, batch).items()}
        logits = model(**inputs).logits.float()  # [texts, labels]
        scores = torch.sigmoid(logits) if multi else torch.softmax(logits, dim=-1)
        yield from zip(indices, scores.tolist(), strict=True)

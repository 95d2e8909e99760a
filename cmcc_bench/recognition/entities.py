"""Entity tagging: encoding of texts with BIO tags, conversion of tags to spans, and answers of a trained model.

Tags are strict IOB2: an entity starts with B and continues with I of the same type. Any other I is treated as O.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from cmcc_bench.errors import DataError
from cmcc_bench.models.device import own_device
from cmcc_bench.models.encoding import IGNORED
from cmcc_bench.models.stack_propagation import EMOTIONS, TAGS, StackPropagation, said_emotions
from cmcc_bench.models.tokenizer import Tokenizer, load_tokenizer
from cmcc_bench.recognition import Recognizer
from cmcc_bench.tasks import Entity, EntityAnswer, Row
from cmcc_bench.vocabulary import ENTITY_TYPES

TYPES = ENTITY_TYPES.names


@dataclass(frozen=True)
class TaggedText:
    """An encoded text with its gold labels: ids, tags and offsets (start, end in characters), all [length].

    tags: indices of TAGS; IGNORED for special tokens. emotions: nine values, 0 or 1.
    """

    ids: tuple[int, ...]
    tags: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    emotions: tuple[int, ...]


def open_entities(model_dir: str | Path, batch_size: int) -> Recognizer:
    """Opens the tagger in a folder. Raises cmcc.DataError if it is another model."""
    tokenizer, model = load_tokenizer(model_dir, ()), load_tagger(model_dir)

    def answers(rows: Sequence[Row]) -> list[EntityAnswer]:
        """An answer for each row, in their order."""
        by_index = dict(entity_answers(model, tokenizer, rows, batch_size))  # yielded in order of text length
        return [by_index[index] for index in range(len(rows))]

    return answers


def encode_tagged(tokenizer: Tokenizer, rows: Sequence[Row], max_length: int) -> list[TaggedText]:
    """Encodes rows of tasks.entities.entity_rows with at most `max_length` tokens; longer ones lose their end."""
    if not rows:
        return []  # transformers raises IndexError
    tokenizer.truncation_side = "right"
    texts = [row["text"] for row in rows]
    encoded = tokenizer(texts, truncation=True, max_length=max_length, return_offsets_mapping=True)
    return [
        _tagged(row, ids, [(int(start), int(end)) for start, end in offsets])
        for row, ids, offsets in zip(rows, encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]


def _tagged(row: Row, ids: Sequence[int], offsets: Sequence[tuple[int, int]]) -> TaggedText:
    emotions = tuple(int(index in row["emotions"]) for index in range(len(EMOTIONS)))
    return TaggedText(tuple(ids), tuple(tags_of(row["entities"] or (), offsets)), tuple(offsets), emotions)


def tags_of(entities: Sequence[Row], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The tag of each token. entities: type, start and end in characters, without overlaps.

    A token with any character of an entity belongs to it. A token without characters, such as [CLS], is IGNORED.
    """
    tags = [IGNORED if start == end else 0 for start, end in offsets]
    for entity in entities:
        inside = False
        for index, (start, end) in enumerate(offsets):
            if start < entity["end"] and entity["start"] < end:
                tags[index] = 2 * entity["type"] + 1 + inside
                inside = True
    return tags


def spans_of(tags: Sequence[int], offsets: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The entities of a tag sequence: type, start and end in characters. Tokens without characters are skipped."""
    spans: list[tuple[int, int, int]] = []
    open_type = None
    for tag, (start, end) in zip(tags, offsets, strict=True):
        if start == end:
            continue
        label, is_begin = (tag - 1) // 2, tag % 2 == 1
        if tag <= 0 or (not is_begin and label != open_type):
            open_type = None
        elif is_begin:
            spans.append((label, start, end))
            open_type = label
        else:
            spans[-1] = (label, spans[-1][1], end)
    return spans


def tagged_batch(texts: Sequence[TaggedText], pad: int) -> dict[str, torch.Tensor]:
    """A batch of input_ids, attention_mask and tags, [texts, longest], padded on the right; emotions: [texts, 9]."""
    shape = len(texts), max(len(text.ids) for text in texts)
    batch = {
        "input_ids": torch.full(shape, pad),
        "attention_mask": torch.zeros(shape, dtype=torch.long),
        "tags": torch.full(shape, IGNORED),
        "emotions": torch.tensor([text.emotions for text in texts]),
    }
    for row, text in enumerate(texts):
        length = len(text.ids)
        batch["input_ids"][row, :length] = torch.tensor(text.ids)
        batch["attention_mask"][row, :length] = 1
        batch["tags"][row, :length] = torch.tensor(text.tags)
    return batch


def load_tagger(folder: str | Path) -> StackPropagation:
    """Loads the trained tagger in a folder, in float32, on the GPU of this process where there is one.

    Raises cmcc.DataError if the folder holds no tagger.
    """
    hint = "Name the folder of a run of cmcc train joint, RUN/best."
    try:
        opened: Any = StackPropagation.from_pretrained(str(folder), output_loading_info=True, use_safetensors=True)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        problem = f"the tagger cannot be opened ({(str(error) or type(error).__name__).splitlines()[0]})"
        hint = "Give the folder of a run of cmcc train joint, RUN/best."
        raise DataError(problem, "", hint, model=str(folder)) from error
    model: StackPropagation = opened[0]
    if opened[1]["missing_keys"]:
        problem = f"the weights of {len(opened[1]['missing_keys'])} tensors are missing"
        raise DataError(problem, "", "Copy the folder again from the run that trained the model.", model=str(folder))
    model.train(False)
    model.to(own_device())  # type: ignore[arg-type]  # transformers' types hide torch's
    return model


def entity_answers(
    model: StackPropagation, tokenizer: Tokenizer, rows: Sequence[Row], batch_size: int = 32
) -> Iterator[tuple[int, EntityAnswer]]:
    """Yields (index of the row, answer); texts of similar length are computed together."""
    texts = encode_tagged(tokenizer, rows, model.config.longest_text)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index].ids))
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        batch = tagged_batch([texts[index] for index in indices], model.config.pad_token_id or 0)
        tags, shares = model.decode(batch["input_ids"].to(model.device), batch["attention_mask"].to(model.device))
        for row, index in enumerate(indices):
            emotions = None if shares is None else said_emotions(shares[row].tolist())
            length = len(texts[index].ids)
            entities = _entities(rows[index]["text"], spans_of(tags[row, :length].tolist(), texts[index].offsets))
            yield index, EntityAnswer(rows[index]["dialogue_id"], rows[index]["utterance"], entities, emotions)


def _entities(text: str, spans: Sequence[tuple[int, int, int]]) -> tuple[Entity, ...]:
    return tuple(Entity(text[start:end], TYPES[label], start, end) for label, start, end in spans)


def tag_names(tags: Sequence[int]) -> list[str]:
    """The names of tags, such as B-package, I-package and O; IGNORED ones are skipped."""
    return [TAGS[tag] for tag in tags if tag != IGNORED]

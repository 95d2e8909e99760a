"""Exchanges without labels, labeled by a response model: the segments that it writes, and how sure it was of each.

The reply is the one that was given. There is no KB, so that nothing is queried.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence

from cmcc_bench.decoding.decoder import decode
from cmcc_bench.decoding.dialogues import response_dialogues
from cmcc_bench.decoding.run import TrainedModel
from cmcc_bench.models.causal_lm import longest_input
from cmcc_bench.models.encoding import Encoded, encode_rows, end_id
from cmcc_bench.textform import TextForm, read_labels

LABEL_SEGMENTS = ("entities", "user_intent", "emotions", "acts")  # what is generated but the response
_BATCH = 16

Rows = list[dict[str, Any]]


def label_exchanges(trained: TrainedModel, dialogues: Sequence[Sequence[Mapping[str, Any]]]) -> list[Rows]:
    """Rows of `response` for each dialogue with the model's labels, and `confidence`: segment -> probability.

    dialogues: rows of `response`, of which user and response are read. A probability is the geometric mean of those of
    the segment's tokens, its end included. Segments that the text form lacks stay as they are.
    """
    rows = [row for dialogue in dialogues for row in dialogue]
    written = {
        (p.dialogue_id, p.exchange): p
        for p in decode(trained.model, trained.tokenizer, trained.form, response_dialogues(rows))
    }
    labeled: list[Rows] = []
    for dialogue in dialogues:
        history: dict[str, str] = {}  # by its lower case, as in the response view
        labeled.append([])
        for row in dialogue:
            made = written[row["dialogue_id"], row["exchange"]]
            labels = {name: getattr(made, name) for name in LABEL_SEGMENTS if getattr(made, name) is not None}
            labeled[-1].append({**row, **labels, "history_entities": ",".join(history.values()), "kb_result": ""})
            for name in read_labels(made.entities):
                history.setdefault(name.lower(), name)
    flat = [row for made in labeled for row in made]
    for row, found in zip(flat, _confidences(trained, flat), strict=True):
        row["confidence"] = found
    return labeled


def _confidences(trained: TrainedModel, rows: Rows) -> list[dict[str, float]]:
    limit = longest_input(trained.model) or 1024
    texts = encode_rows(trained.form, trained.tokenizer, rows, limit)
    order = sorted(range(len(texts)), key=lambda place: len(texts[place].ids))
    found: list[dict[str, float]] = [{} for _ in texts]
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        for place, scores in zip(places, _token_scores(trained, [texts[p] for p in places]), strict=True):
            found[place] = _by_segment(trained, trained.form, texts[place], scores)
    return found


@torch.inference_mode()
def _token_scores(trained: TrainedModel, texts: Sequence[Encoded]) -> list[list[float]]:
    """The log probability of each token of each text, the first's 0; batches are filled up on the right."""
    ids = pad_sequence([torch.tensor(text.ids) for text in texts], batch_first=True)
    scores = trained.model(input_ids=ids, use_cache=False).logits[:, :-1].float().log_softmax(dim=-1)
    of_tokens = scores.gather(-1, ids[:, 1:, None]).squeeze(-1)  # [texts, longest - 1]
    return [[0.0, *row[: len(text.ids) - 1].tolist()] for row, text in zip(of_tokens, texts, strict=True)]


def _by_segment(trained: TrainedModel, form: TextForm, text: Encoded, scores: Sequence[float]) -> dict[str, float]:
    """A segment's probability; of one that was cut off, 0."""
    found = dict.fromkeys((s.column for s in form.segments if s.column in LABEL_SEGMENTS), 0.0)
    start = 0
    for segment in form.segments:
        end = end_id(trained.tokenizer, segment)
        if end not in text.ids[start:]:
            continue  # the beginning of a long exchange is cut off
        stop = text.ids.index(end, start) + 1
        if segment.column in found:
            mean = sum(scores[start:stop]) / (stop - start)
            found[segment.column] = round(math.exp(mean), 6)
        start = stop
    return found

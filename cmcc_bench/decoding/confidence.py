"""Labels unlabeled exchanges with a response model and gives each generated segment a probability.

The response is the one of the call. There is no KB, so nothing is queried.
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
from cmcc_bench.types import Row

LABEL_SEGMENTS = ("entities", "user_intent", "emotions", "acts")  # the generated segments except the response
_BATCH = 16


def label_exchanges(trained: TrainedModel, dialogues: Sequence[Sequence[Mapping[str, Any]]]) -> list[list[Row]]:
    """Labels dialogues; returns the rows of each with the model's labels and `confidence`: segment -> probability.

    dialogues: rows of the `response` view; only user and response are read. A segment's probability is the geometric
    mean over its tokens, including the end token. Segments that the text form lacks are unchanged.
    """
    rows = [row for dialogue in dialogues for row in dialogue]
    predictions = {
        (p.dialogue_id, p.exchange): p
        for p in decode(trained.model, trained.tokenizer, trained.form, response_dialogues(rows))
    }
    labeled: list[list[Row]] = []
    for dialogue in dialogues:
        history: dict[str, str] = {}  # lowercase name -> name, as in the response view
        labeled.append([])
        for row in dialogue:
            prediction = predictions[row["dialogue_id"], row["exchange"]]
            segments = {name: getattr(prediction, name) for name in LABEL_SEGMENTS}
            labels = {name: text for name, text in segments.items() if text is not None}
            labeled[-1].append({**row, **labels, "history_entities": ",".join(history.values()), "kb_result": ""})
            for name in read_labels(prediction.entities):
                history.setdefault(name.lower(), name)
    flat = [row for dialogue_rows in labeled for row in dialogue_rows]
    for row, confidence in zip(flat, _confidences(trained, flat), strict=True):
        row["confidence"] = confidence
    return labeled


def _confidences(trained: TrainedModel, rows: list[Row]) -> list[dict[str, float]]:
    limit = longest_input(trained.model) or 1024
    texts = encode_rows(trained.form, trained.tokenizer, rows, limit)
    order = sorted(range(len(texts)), key=lambda index: len(texts[index].ids))
    confidences: list[dict[str, float]] = [{} for _ in texts]
    for start in range(0, len(order), _BATCH):
        indices = order[start : start + _BATCH]
        for index, scores in zip(indices, _token_scores(trained, [texts[i] for i in indices]), strict=True):
            confidences[index] = _by_segment(trained, trained.form, texts[index], scores)
    return confidences


@torch.inference_mode()
def _token_scores(trained: TrainedModel, texts: Sequence[Encoded]) -> list[list[float]]:
    """The log probability of each token of each text; that of the first token is 0. Padding is on the right."""
    ids = pad_sequence([torch.tensor(text.ids) for text in texts], batch_first=True).to(trained.model.device)
    scores = trained.model(input_ids=ids, use_cache=False).logits[:, :-1].float().log_softmax(dim=-1)
    of_tokens = scores.gather(-1, ids[:, 1:, None]).squeeze(-1).cpu()  # [texts, longest - 1], copied once
    return [[0.0, *row[: len(text.ids) - 1].tolist()] for row, text in zip(of_tokens, texts, strict=True)]


def _by_segment(trained: TrainedModel, form: TextForm, text: Encoded, scores: Sequence[float]) -> dict[str, float]:
    """The probability of each segment; 0 for a segment that was truncated."""
    by_segment = dict.fromkeys((s.column for s in form.segments if s.column in LABEL_SEGMENTS), 0.0)
    start = 0
    for segment in form.segments:
        end = end_id(trained.tokenizer, segment)
        if end not in text.ids[start:]:
            continue  # the start of a long exchange is truncated
        stop = text.ids.index(end, start) + 1
        if segment.column in by_segment:
            mean = sum(scores[start:stop]) / (stop - start)
            by_segment[segment.column] = round(math.exp(mean), 6)
        start = stop
    return by_segment

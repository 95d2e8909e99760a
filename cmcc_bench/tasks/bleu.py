"""BLEU-4 by sacrebleu, from counts that can be summed over exchanges. So a bootstrap does not need the texts."""

from __future__ import annotations

from functools import cache

import numpy as np
import sacrebleu

from cmcc_bench.tasks.base import Array
from cmcc_bench.tasks.counts import ORDERS, BleuCounts

TOKENIZER = "zh"  # Chinese characters one by one, the rest as mteval-v13a does


def count_ngrams(predicted: str, gold: str) -> BleuCounts:
    """sacrebleu's counts of one response; both texts are lowercased, because models write lower case."""
    score = _sentence_bleu().sentence_score(predicted, [gold])
    return BleuCounts(score.sys_len, score.ref_len, tuple(score.counts), tuple(score.totals))


def corpus_bleu(sums: Array) -> Array:
    """Corpus BLEU-4 in [0, 100] from summed counts, (..., 10) to (...), by sacrebleu's formula and smoothing.

    A corpus without any 4-gram scores 0.
    """
    # sacrebleu gives 100.00000000000004 for equal texts, hence the minimum.
    scores = [min(_score(row), 100.0) for row in sums.reshape(-1, 2 + 2 * ORDERS).astype(int).tolist()]
    return np.array(scores, dtype=np.float64).reshape(sums.shape[:-1])


def _score(row: list[int]) -> float:
    predicted, gold, *ngrams = row
    return float(
        sacrebleu.BLEU.compute_bleu(ngrams[:ORDERS], ngrams[ORDERS:], predicted, gold, smooth_method="exp").score
    )


@cache
def signature() -> str:
    """sacrebleu's signature of the BLEU computed here."""
    bleu = sacrebleu.BLEU(tokenize=TOKENIZER, lowercase=True)
    bleu.corpus_score(["好"], [["好"]])  # the signature needs the number of references
    return str(bleu.get_signature())


@cache
def _sentence_bleu() -> sacrebleu.BLEU:
    # effective_order changes a sentence's score, not its counts; without it sacrebleu warns at every sentence.
    return sacrebleu.BLEU(tokenize=TOKENIZER, lowercase=True, effective_order=True)

"""BLEU-4 by sacrebleu from counts that can be summed over exchanges, so that a bootstrap needs no texts."""

from __future__ import annotations

from functools import cache

import numpy as np
import sacrebleu

from cmcc_bench.tasks.base import Array
from cmcc_bench.tasks.counts import ORDERS, BleuCounts

TOKENIZER = "zh"  # Chinese characters one by one, the rest as mteval-v13a does


def count_ngrams(predicted: str, gold: str) -> BleuCounts:
    """sacrebleu's own statistics of one answer; both sides in lower case, because models write lower case."""
    score = _sentence_bleu().sentence_score(predicted, [gold])
    return BleuCounts(score.sys_len, score.ref_len, tuple(score.counts), tuple(score.totals))


def corpus_bleu(sums: Array) -> Array:
    """Corpus BLEU-4 in [0, 100] from summed (..., 10) counts: sacrebleu's own formula and smoothing.

    That gives 100.00000000000004 for equal texts, hence the minimum. A corpus with no 4-gram at all scores 0.
    """
    scores = [min(_score(row), 100.0) for row in sums.reshape(-1, 2 + 2 * ORDERS).astype(int).tolist()]
    return np.array(scores, dtype=np.float64).reshape(sums.shape[:-1])


def _score(row: list[int]) -> float:
    predicted, gold, *ngrams = row
    return float(
        sacrebleu.BLEU.compute_bleu(ngrams[:ORDERS], ngrams[ORDERS:], predicted, gold, smooth_method="exp").score
    )


@cache
def signature() -> str:
    """sacrebleu's signature of `corpus_bleu` of `count_ngrams`."""
    bleu = sacrebleu.BLEU(tokenize=TOKENIZER, lowercase=True)
    bleu.corpus_score(["好"], [["好"]])  # the signature holds the number of references, known after a score only
    return str(bleu.get_signature())


@cache
def _sentence_bleu() -> sacrebleu.BLEU:
    # effective_order changes a sentence's score, not its counts; without it sacrebleu warns at every sentence.
    return sacrebleu.BLEU(tokenize=TOKENIZER, lowercase=True, effective_order=True)

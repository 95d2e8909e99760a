"""BLEU from counts against sacrebleu's own corpus BLEU."""

import random

import numpy as np
import pytest
import sacrebleu

from cmcc_bench.tasks import bleu
from cmcc_bench.tasks.counts import BLEU, DialogueCounts, LabelCounts, sum_bleu


def flat(counts):
    none = LabelCounts()
    return np.array(DialogueCounts(none, none, none, 0, 0, counts).flat())[BLEU]


def our_bleu(predicted, gold):
    return float(
        bleu.corpus_bleu(flat(sum_bleu([bleu.count_ngrams(*pair) for pair in zip(predicted, gold, strict=True)])))
    )


def bleu_of_sacrebleu(predicted, gold):
    return sacrebleu.corpus_bleu(predicted, [gold], tokenize="zh", lowercase=True).score


def texts(seed, count=60):
    generator = random.Random(seed)
    alphabet = "您好流量包十块钱一个月的_ Gg5 abc，。"
    return ["".join(generator.choices(alphabet, k=generator.randrange(0, 30))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(8))
def test_bleu_from_summed_counts_equals_that_of_sacrebleu(seed):
    gold = texts(seed)
    predicted = [text[: len(text) // 2] + other for text, other in zip(gold, texts(seed + 100), strict=True)]
    assert 0 < bleu_of_sacrebleu(predicted, gold) < 100
    assert our_bleu(predicted, gold) == pytest.approx(bleu_of_sacrebleu(predicted, gold), abs=1e-9)


@pytest.mark.parametrize(
    ("predicted", "gold"),
    [
        (["", ""], ["您好", "再见"]),
        (["您好"], ["再见"]),
        (["好的", "您好"], ["好的", "您好"]),
        (["您好请讲话"], ["您好啊再见"]),
        ([""], [""]),
    ],
    ids=["empty responses", "nothing matched", "no 4-gram", "no 4-gram matched", "empty texts"],
)
def test_corpora_without_a_match_have_the_score_of_sacrebleu(predicted, gold):
    assert our_bleu(predicted, gold) == pytest.approx(bleu_of_sacrebleu(predicted, gold), abs=1e-9)


def test_equal_texts_are_exactly_100():
    assert bleu_of_sacrebleu(["很高兴为您服务"], ["很高兴为您服务"]) > 100, "the reason for the minimum"
    assert our_bleu(["很高兴为您服务"], ["很高兴为您服务"]) == 100


def test_case_is_ignored():
    assert our_bleu(["套餐含一个g流量"], ["套餐含一个G流量"]) == 100


def test_an_empty_response_lowers_the_score():
    assert our_bleu(["很高兴为您服务", ""], ["很高兴为您服务", "请问还有什么可以帮您"]) < 50


def test_many_sums_are_scored_at_once():
    sums = np.stack([flat(bleu.count_ngrams("您好很高兴", text)) for text in ("您好很高兴", "您好", "再见")])
    scores = bleu.corpus_bleu(sums.reshape(3, 1, 10))
    assert scores.shape == (3, 1)
    assert scores[:, 0].tolist() == [float(bleu.corpus_bleu(row)) for row in sums]


def test_the_signature_names_tokenizer_case_smoothing_and_version():
    for part in ("tok:zh", "case:lc", "smooth:exp", f"version:{sacrebleu.__version__}"):
        assert part in bleu.signature()

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


def ours(predicted, gold):
    return float(
        bleu.corpus_bleu(flat(sum_bleu([bleu.count_ngrams(*pair) for pair in zip(predicted, gold, strict=True)])))
    )


def theirs(predicted, gold):
    return sacrebleu.corpus_bleu(predicted, [gold], tokenize="zh", lowercase=True).score


def texts(seed, count=60):
    generator = random.Random(seed)
    alphabet = "您好流量包十块钱一个月的_ Gg5 abc，。"
    return ["".join(generator.choices(alphabet, k=generator.randrange(0, 30))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(8))
def test_bleu_from_summed_counts_is_sacrebleu_s(seed):
    gold = texts(seed)
    predicted = [text[: len(text) // 2] + other for text, other in zip(gold, texts(seed + 100), strict=True)]
    assert 0 < theirs(predicted, gold) < 100
    assert ours(predicted, gold) == pytest.approx(theirs(predicted, gold), abs=1e-9)


@pytest.mark.parametrize(
    ("predicted", "gold"),
    [
        (["", ""], ["您好", "再见"]),
        (["您好"], ["再见"]),
        (["好的", "您好"], ["好的", "您好"]),
        (["您好请讲话"], ["您好啊再见"]),
        ([""], [""]),
    ],
    ids=["nothing said", "nothing matched", "no 4-gram", "no 4-gram matched", "nothing to say"],
)
def test_corpora_without_a_match_score_as_there(predicted, gold):
    assert ours(predicted, gold) == pytest.approx(theirs(predicted, gold), abs=1e-9)


def test_equal_texts_are_exactly_100():
    assert theirs(["很高兴为您服务"], ["很高兴为您服务"]) > 100, "the reason for the minimum"
    assert ours(["很高兴为您服务"], ["很高兴为您服务"]) == 100


def test_case_does_not_count():
    assert ours(["套餐含一个g流量"], ["套餐含一个G流量"]) == 100


def test_an_empty_answer_costs_its_length():
    assert ours(["很高兴为您服务", ""], ["很高兴为您服务", "请问还有什么可以帮您"]) < 50


def test_many_sums_are_scored_at_once():
    sums = np.stack([flat(bleu.count_ngrams("您好很高兴", text)) for text in ("您好很高兴", "您好", "再见")])
    scores = bleu.corpus_bleu(sums.reshape(3, 1, 10))
    assert scores.shape == (3, 1)
    assert scores[:, 0].tolist() == [float(bleu.corpus_bleu(row)) for row in sums]


def test_the_signature_says_how():
    for part in ("tok:zh", "case:lc", "smooth:exp", f"version:{sacrebleu.__version__}"):
        assert part in bleu.signature()

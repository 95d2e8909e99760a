"""Classifiers: batches change nothing, and what is no classifier of these labels is refused."""

import pytest
import torch

import cmcc
from cmcc_bench.models.classifier import (
    MULTI_LABEL,
    SINGLE_LABEL,
    encode_texts,
    load_classifier,
    longest_text,
    probabilities,
    scratch_classifier,
)
from cmcc_bench.models.tokenizer import character_tokenizer

TEXTS = ["好", "我想问流量包多少钱一个月", "喂你好", ""]


@pytest.fixture
def tokenizer():
    found = character_tokenizer(TEXTS, ())
    found.truncation_side = "left"
    return found


def classifier(tokenizer, problem, labels):
    torch.manual_seed(0)
    sizes = {"layers": 1, "width": 16, "heads": 2, "positions": 16, "dropout": 0.1}
    return scratch_classifier(tokenizer, tuple(labels), problem, **sizes)


@pytest.mark.parametrize("problem", [MULTI_LABEL, SINGLE_LABEL])
def test_a_batch_gives_the_probabilities_of_one_at_a_time(tokenizer, problem):
    model, encoded = classifier(tokenizer, problem, cmcc.EMOTIONS), encode_texts(tokenizer, TEXTS, 16)
    together = dict(probabilities(model, encoded, 4))
    for place, text in enumerate(encoded):
        alone = dict(probabilities(model, [text], 1))[0]
        assert together[place] == pytest.approx(alone, abs=1e-5)
        if problem == SINGLE_LABEL:
            assert sum(alone) == pytest.approx(1, abs=1e-5)


def test_a_text_that_is_too_long_loses_its_beginning(tokenizer):
    whole, cut = (encode_texts(tokenizer, TEXTS[1:2], longest)[0] for longest in (16, 6))
    assert cut.ids[1:] == whole.ids[-5:] and cut.ids[0] == whole.ids[0]
    pair = encode_texts(tokenizer, ["喂"], 8, ["我想问流量包多少钱一个月"])[0]
    assert len(pair.ids) == 8 and 1 in pair.types


def test_the_longest_text_is_the_training_s_and_never_more_than_the_model_has_positions_for(tokenizer):
    model = classifier(tokenizer, SINGLE_LABEL, cmcc.SATISFACTION)
    assert longest_text(model, tokenizer) == 16  # the tokenizer knows no limit
    for limit, longest in ((10, 10), (99, 16)):
        tokenizer.model_max_length = limit
        assert longest_text(model, tokenizer) == longest


def test_a_saved_classifier_opens_with_its_labels_and_no_others(tokenizer, tmp_path):
    classifier(tokenizer, MULTI_LABEL, cmcc.EMOTIONS).save_pretrained(tmp_path / "m")
    assert load_classifier(tmp_path / "m", cmcc.EMOTIONS).config.problem_type == MULTI_LABEL
    with pytest.raises(cmcc.DataError, match=r"found the labels neutral.*expected unsatisfied"):
        load_classifier(tmp_path / "m", cmcc.SATISFACTION)


def test_what_is_no_classifier_is_refused(tmp_path):
    with pytest.raises(cmcc.DataError, match="AutoModelForSequenceClassification cannot open it"):
        load_classifier(tmp_path / "nothing", cmcc.EMOTIONS)

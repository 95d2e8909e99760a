"""Classifiers: batches change nothing, and what is no classifier of these labels is refused."""

import pytest
import torch

import cmcc
from cmcc_bench.backbones import backbone_folder
from cmcc_bench.models.classifier import (
    MULTI_LABEL,
    SINGLE_LABEL,
    encode_texts,
    load_classifier,
    longest_text,
    probabilities,
    scratch_classifier,
    with_prompt,
)
from cmcc_bench.models.tokenizer import backbone_tokenizer, character_tokenizer, load_tokenizer

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


def test_a_backbone_of_the_text_form_reads_a_text_as_an_utterance_also_when_it_was_saved(tokenizer, tmp_path):
    assert with_prompt(tokenizer) is tokenizer  # it does not know the tokens
    prompted = with_prompt(backbone_tokenizer(backbone_folder("tiny"), ()))
    prompted.model_max_length = 8
    prompted.save_pretrained(tmp_path)
    backbone = load_tokenizer(tmp_path, ())
    assert len(backbone) == len(prompted) and backbone.model_max_length == 8
    for first, second, expected in (
        ("喂", None, "[CLS] [EOS_L] 喂 [EOS_U] [EOS_E] [EOS_UI] [EOS_K]"),
        ("你好", "喂", "[CLS] 你 好 [EOS_L] 喂 [EOS_U] [EOS_E] [EOS_UI] [EOS_K]"),
    ):
        assert backbone.convert_ids_to_tokens(backbone(first, second)["input_ids"]) == expected.split()
    cut = encode_texts(backbone, ["喂喂喂喂好"], 8)[0]
    assert backbone.convert_ids_to_tokens(list(cut.ids))[1:4] == ["[EOS_L]", "喂", "好"]


def test_what_is_no_classifier_is_refused(tmp_path):
    with pytest.raises(cmcc.DataError, match="AutoModelForSequenceClassification cannot open it"):
        load_classifier(tmp_path / "nothing", cmcc.EMOTIONS)

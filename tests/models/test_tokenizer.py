"""Tests of the models' tokenizers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertTokenizer

import cmcc
from cmcc_bench.models.tokenizer import (
    backbone_tokenizer,
    character_tokenizer,
    check_special_tokens,
    load_tokenizer,
    text_of,
)
from cmcc_bench.textform import SPECIAL_TOKENS

TEXTS = ["您好，请问有什么可以帮您_", "办个十块钱的流量包(4g套餐-业务费用)"]


@pytest.fixture
def folder(tmp_path):
    character_tokenizer(TEXTS).save_pretrained(tmp_path)
    return tmp_path


def pieces(tokenizer, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_every_character_of_the_training_text_has_a_piece():
    tokenizer = character_tokenizer(TEXTS)
    for text in TEXTS:
        assert text_of(tokenizer, tokenizer(text)["input_ids"]) == text


@given(st.text(max_size=30))
def test_any_training_text_has_no_unknown_piece(text):
    tokenizer = character_tokenizer([text])
    assert tokenizer.unk_token_id not in tokenizer(text, split_special_tokens=True)["input_ids"]


def test_letters_and_digits_inside_a_word_have_their_own_pieces():
    assert pieces(character_tokenizer([]), "5G 10086") == ["5", "##g", "1", "##0", "##0", "##8", "##6"]


def test_a_character_that_was_not_seen_is_unknown():
    assert pieces(character_tokenizer(["好"]), "你好") == ["[UNK]", "好"]


def test_the_same_texts_in_another_order_give_the_same_vocabulary():
    assert character_tokenizer(TEXTS).get_vocab() == character_tokenizer(TEXTS[::-1]).get_vocab()


def test_each_end_token_is_one_id():
    tokenizer = character_tokenizer(TEXTS)
    assert [len(pieces(tokenizer, f"好{token}")) for token in SPECIAL_TOKENS] == [2] * len(SPECIAL_TOKENS)


def test_a_classifiers_tokenizer_has_no_end_tokens():
    tokenizer = character_tokenizer(TEXTS, special_tokens=())
    assert not set(SPECIAL_TOKENS) & set(tokenizer.get_vocab())


def test_text_has_no_blanks_and_no_special_tokens():
    tokenizer = character_tokenizer(TEXTS)
    assert text_of(tokenizer, tokenizer("请问 4g 套餐[EOS_S]")["input_ids"]) == "请问4g套餐"
    assert text_of(tokenizer, []) == ""


def test_a_saved_tokenizer_is_the_same_for_autotokenizer(folder):
    again = AutoTokenizer.from_pretrained(folder)
    assert isinstance(again, BertTokenizer)
    assert again.get_vocab() == character_tokenizer(TEXTS).get_vocab() == load_tokenizer(folder).get_vocab()


def test_a_tokenizer_without_the_end_tokens_lost_them(tmp_path):
    character_tokenizer(TEXTS, special_tokens=SPECIAL_TOKENS[:-2]).save_pretrained(tmp_path)
    with pytest.raises(cmcc.DataError, match=r"no single id for the special tokens \[EOS_SI\], \[EOS_S\]"):
        load_tokenizer(tmp_path)
    assert load_tokenizer(tmp_path, special_tokens=())


def test_a_tokenizer_with_two_end_tokens_in_one_id_lost_them():
    tokenizer = character_tokenizer(TEXTS)
    with pytest.raises(cmcc.DataError, match=r"\[EOS_X\]"):
        check_special_tokens(tokenizer, ["[EOS_X]"], "it")


def test_a_folder_that_does_not_name_its_tokenizers_class_is_refused(tmp_path):
    # A GPT-2 with a BERT vocabulary: transformers 5 gives a tokenizer without a vocabulary, and says nothing.
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n你\n好\n", encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}), encoding="utf-8")
    with pytest.raises(cmcc.DataError, match="tokenizer_class"):
        backbone_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}), encoding="utf-8")
    tokenizer = backbone_tokenizer(str(tmp_path))
    assert len(tokenizer) == 7 + len(SPECIAL_TOKENS)


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(cmcc.DataError, match=f"model {tmp_path}: the tokenizer cannot be opened"):
        load_tokenizer(tmp_path)

"""Tests of how an exchange becomes tokens."""

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from cmcc_bench.models.encoding import closing_ids, encode, encode_rows, history_ids, segment_ids, start_ids
from cmcc_bench.models.tokenizer import add_special_tokens, character_tokenizer
from cmcc_bench.textform import FORMS, SPECIAL_TOKENS

ROW = {
    "history_entities": "流量包,4G套餐",
    "user": "多少钱",
    "entities": "4G套餐",
    "user_intent": "询问(4G套餐-业务费用)",
    "kb_result": "十块",
    "emotions": "中性",
    "acts": "通知,安抚",
    "response": "十块一个月",
}
TOKENIZER = character_tokenizer(ROW.values())
VARIANT = FORMS["variant"]


def read(ids) -> str:
    return "".join(TOKENIZER.convert_ids_to_tokens(list(ids))).replace("##", "")


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("variant", "十块[EOS_K]中性[EOS_UE]通知,安抚[EOS_SI]十块一个月[EOS_S][SEP]"),
        ("baseline", "十块[EOS_K]通知[EOS_SI]十块一个月[EOS_S][SEP]"),
        ("no_emotion", "十块[EOS_K]通知,安抚[EOS_SI]十块一个月[EOS_S][SEP]"),
        ("no_caring", "十块[EOS_K]中性[EOS_UE]通知[EOS_SI]十块一个月[EOS_S][SEP]"),
    ],
)
def test_an_exchange_is_written_as_its_form_says(form, written):
    start = "[CLS]流量包,4g套餐[EOS_L]多少钱[EOS_U]4g套餐[EOS_E]询问(4g套餐-业务费用)[EOS_UI]"
    assert read(encode(FORMS[form], TOKENIZER, ROW, 512).ids) == start + written


def test_generated_tokens_are_those_that_the_model_has_to_write_with_their_end_tokens():
    encoded = encode(VARIANT, TOKENIZER, ROW, 512)
    generated = [token for token, is_generated in zip(encoded.ids, encoded.generated, strict=True) if is_generated]
    assert read(generated) == (
        "4g套餐[EOS_E]询问(4g套餐-业务费用)[EOS_UI]中性[EOS_UE]通知,安抚[EOS_SI]十块一个月[EOS_S]"
    )


def test_the_pieces_of_decoding_make_up_the_sequence_of_training():
    ids = start_ids(TOKENIZER)
    for segment, text in zip(VARIANT.segments, VARIANT.write(ROW), strict=True):
        ids += segment_ids(TOKENIZER, text, segment)
    assert tuple(ids + closing_ids(TOKENIZER)) == encode(VARIANT, TOKENIZER, ROW, 512).ids


def test_rows_are_encoded_one_by_one():
    other = ROW | {"response": "一个月", "user": ""}
    assert encode_rows(VARIANT, TOKENIZER, [ROW, other], 512) == [
        encode(VARIANT, TOKENIZER, row, 512) for row in (ROW, other)
    ]
    assert encode_rows(VARIANT, TOKENIZER, [], 512) == []


def test_a_special_token_that_a_user_says_is_plain_text():
    ids = segment_ids(TOKENIZER, "[EOS_S][SEP]", VARIANT.segments[1])
    assert ids.count(TOKENIZER.convert_tokens_to_ids("[EOS_U]")) == 1
    assert not {TOKENIZER.sep_token_id, TOKENIZER.convert_tokens_to_ids("[EOS_S]")} & set(ids)


def test_the_oldest_history_entities_are_cut_first():
    whole = encode(VARIANT, TOKENIZER, ROW, 512)
    length = len(whole.ids)
    assert encode(VARIANT, TOKENIZER, ROW, length) == whole
    shorter = encode(VARIANT, TOKENIZER, ROW, length - 1)
    assert read(shorter.ids).startswith("[CLS]4g套餐[EOS_L]多少钱")
    assert (shorter.cut_names, shorter.cut_tokens, len(shorter.ids)) == (1, 0, length - 4)
    none = encode(VARIANT, TOKENIZER, ROW, length - 5)
    assert read(none.ids).startswith("[CLS][EOS_L]多少钱")
    assert (none.cut_names, none.cut_tokens) == (2, 0)


def test_an_exchange_that_is_too_long_without_its_history_loses_its_first_tokens():
    encoded = encode(VARIANT, TOKENIZER, ROW, 10)
    assert (len(encoded.ids), len(encoded.generated), encoded.cut_names) == (10, 10, 2)
    assert read(encoded.ids).endswith("十块一个月[EOS_S][SEP]")
    assert encoded.cut_tokens == len(encode(VARIANT, TOKENIZER, ROW | {"history_entities": ""}, 512).ids) - 10


def test_a_history_without_room_is_its_end_token():
    ids, cut = history_ids(TOKENIZER, "流量包,4g套餐", VARIANT.segments[0], 0)
    assert (read(ids), cut) == ("[EOS_L]", 2)
    assert history_ids(TOKENIZER, "", VARIANT.segments[0], 0) == (ids, 0)


def byte_tokenizer(**tokens: str) -> PreTrainedTokenizerFast:
    """Bytes, as in GPT-2, without [CLS] and [SEP]."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({piece: index for index, piece in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **tokens)
    add_special_tokens(tokenizer, SPECIAL_TOKENS)
    return tokenizer


def test_a_tokenizer_without_cls_and_sep_uses_its_beginning_and_end():
    tokenizer = byte_tokenizer(bos_token="<s>", eos_token="</s>")
    ids = encode(VARIANT, tokenizer, ROW, 512).ids
    assert tokenizer.convert_ids_to_tokens([ids[0], ids[-1]]) == ["<s>", "</s>"]


def test_a_tokenizer_with_neither_uses_none():
    tokenizer = byte_tokenizer()
    ids = encode(VARIANT, tokenizer, ROW, 512).ids
    assert tokenizer.convert_ids_to_tokens(ids[-1]) == "[EOS_S]"
    assert start_ids(tokenizer) == closing_ids(tokenizer) == []

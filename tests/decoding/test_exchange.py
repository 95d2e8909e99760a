"""One exchange: what the model reads in turn, where segments end, and what is left out of too long a context."""

import pytest

from cmcc_bench.decoding.exchange import ExchangeDecoding, Setting
from cmcc_bench.models.encoding import end_id, segment_ids, start_ids
from cmcc_bench.textform import FORMS

from .models import KB, SHORT, ShortForm, row

VARIANT = FORMS["variant"]
SHORT_ENOUGH = ShortForm("variant", emotions=True, caring=True, limits=(12, 20, 12, 12, 20))


def play(tokenizer, texts, form=VARIANT, history="", longest=1000, mode="end2end"):
    """Lets a model that writes these texts decode the exchange: (what it read in turn, decoding, prediction)."""
    decoding = ExchangeDecoding(Setting(tokenizer, form, mode, longest), "d", 0, row("d", 0, "多少钱"), history, KB)
    ids = [i for segment, text in texts.items() for i in segment_ids(tokenizer, text, segment_of(form, segment))]
    run, read = decoding.run(), []
    read.append(next(run))
    try:
        for token in ids:
            read.append(run.send(token))
    except StopIteration as finished:
        return read, decoding, finished.value
    raise AssertionError("the exchange did not end with the texts")


def segment_of(form, column):
    return next(segment for segment in form.segments if segment.column == column)


WRITTEN = {
    "entities": "流量包",
    "user_intent": "询问(流量包-业务费用)",
    "emotions": "中性",
    "acts": "通知",
    "response": "十块钱一个月",
}


def test_the_kb_is_asked_with_the_intent_that_the_model_wrote(tokenizer):
    _, _, prediction = play(tokenizer, WRITTEN)
    assert prediction.kb_result == "十块钱,十元"
    assert (prediction.entities, prediction.emotions, prediction.response) == ("流量包", "中性", "十块钱一个月")


def test_all_that_is_read_is_the_training_text_without_its_last_segment_end(tokenizer):
    read, _, _ = play(tokenizer, WRITTEN, history="套餐")
    texts = {"history_entities": "套餐", "user": "多少钱", "kb_result": "十块钱,十元"} | WRITTEN
    pieces = [segment_ids(tokenizer, texts[segment.column], segment) for segment in VARIANT.segments]
    whole = start_ids(tokenizer) + [i for piece in pieces for i in piece]
    assert [i for feed in read for i in feed.ids] == whole[:-1]
    assert [feed.is_new_text for feed in read] == [True] + [False] * (len(read) - 1)
    assert max(len(feed.ids) for feed in read[1:]) == 1 + len(pieces[4])  # the KB's answer is read at once


def test_a_segment_that_does_not_end_is_ended_one_token_before_its_limit(tokenizer):
    setting = Setting(tokenizer, SHORT, "end2end", 1000)
    decoding = ExchangeDecoding(setting, "d", 0, row("d", 0, "嗯"), "", KB)
    word = tokenizer.convert_tokens_to_ids("包")
    run = decoding.run()
    next(run)
    for _ in range(4):
        assert run.send(word).ids == (word,)
    assert run.send(word).ids == (word, end_id(tokenizer, SHORT.segments[2]))
    assert decoding.texts["entities"] == "包包包包包"


@pytest.mark.parametrize("text", ["", ",,", "((((", "询问(", "-)-(", "询问(-)(流量包-)", "询问(流量包-业务费用"])
def test_any_text_that_a_model_writes_gives_a_prediction(text, tokenizer):
    _, _, prediction = play(tokenizer, dict.fromkeys(WRITTEN, text))
    assert (prediction.entities, prediction.user_intent, prediction.response) == (text, text, text)


def test_another_segments_end_is_no_end_and_no_text(tokenizer):
    decoding = ExchangeDecoding(Setting(tokenizer, SHORT, "end2end", 1000), "d", 0, row("d", 0, "嗯"), "", KB)
    other, word = end_id(tokenizer, SHORT.segments[-1]), tokenizer.convert_tokens_to_ids("包")
    run = decoding.run()
    next(run)
    for token in (other, word, end_id(tokenizer, SHORT.segments[2])):
        run.send(token)
    assert decoding.texts["entities"] == "包"


def test_of_a_context_that_is_too_long_the_oldest_entities_are_left_out_first(tokenizer):
    history, user, *_ = SHORT_ENOUGH.segments
    kept = start_ids(tokenizer) + segment_ids(tokenizer, "中包,新包", history) + segment_ids(tokenizer, "多少钱", user)
    setting = Setting(tokenizer, SHORT_ENOUGH, "end2end", len(kept) + 12)
    decoding = ExchangeDecoding(setting, "d", 0, row("d", 0, "多少钱"), "旧包,中包,新包", KB)
    assert list(next(decoding.run()).ids) == kept
    assert (decoding.is_cut, decoding.cut_names) == (True, 1)


def test_a_context_that_grows_too_long_is_read_again_without_its_oldest_entities(tokenizer):
    names = "旧包,中包,新包"
    whole = [i for feed in play(tokenizer, WRITTEN, SHORT_ENOUGH, history=names)[0] for i in feed.ids]
    before_response = whole[: -len(WRITTEN["response"])]
    longest = len(before_response) + 20 - 5  # there is room for it all but for five tokens of the response's twenty
    read, decoding, prediction = play(tokenizer, WRITTEN, SHORT_ENOUGH, history=names, longest=longest)
    first, again = (feed for feed in read if feed.is_new_text)
    history = SHORT_ENOUGH.segments[0]
    fewer = start_ids(tokenizer) + segment_ids(tokenizer, "新包", history)
    all_names = start_ids(tokenizer) + segment_ids(tokenizer, names, history)
    assert list(first.ids[: len(all_names)]) == all_names
    assert list(again.ids) == fewer + before_response[len(all_names) :]
    assert (decoding.is_cut, decoding.cut_names, prediction.response) == (True, 2, WRITTEN["response"])


def test_where_no_entities_are_left_the_first_tokens_go_and_nothing_raises(tokenizer):
    longest = 30
    read, decoding, prediction = play(tokenizer, WRITTEN, SHORT_ENOUGH, history="旧包", longest=longest)
    assert decoding.is_cut
    assert prediction.response == WRITTEN["response"]
    length = 0
    for feed in read:
        length = len(feed.ids) + (0 if feed.is_new_text else length)
        assert length <= longest

"""One exchange: what the model reads in turn, where segments end, and what is left out of too long a context."""

import pytest

from cmcc_bench.decoding.exchange import ExchangeDecoding, Setting
from cmcc_bench.models.encoding import end_id, segment_ids, start_ids
from cmcc_bench.textform import FORMS

from .models import KB, SHORT, ShortForm, row

VARIANT = FORMS["variant"]
SHORT_ENOUGH = ShortForm("variant", emotions=True, caring=True, limits=(12, 20, 12, 12, 20))


def play(tokenizer, texts, form=VARIANT, history="", longest=1000, mode="end2end"):
    """Lets a model that writes these texts decode the exchange: (the contexts in turn, decoding, prediction)."""
    decoding = ExchangeDecoding(Setting(tokenizer, form, mode, longest), "d", 0, row("d", 0, "多少钱"), history, KB)
    run = decoding.run()
    contexts = [next(run)]
    try:
        for column, text in texts.items():
            written = segment_ids(tokenizer, text, segment_of(form, column))
            assert (contexts[-1].end, len(written) <= contexts[-1].longest + 1) == (written[-1], True)
            contexts.append(run.send(written[:-1]))
    except StopIteration as finished:
        return contexts, decoding, finished.value
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


def test_each_context_is_the_start_of_the_training_text(tokenizer):
    contexts, _, _ = play(tokenizer, WRITTEN, history="套餐")
    texts = {"history_entities": "套餐", "user": "多少钱", "kb_result": "十块钱,十元"} | WRITTEN
    pieces = [segment_ids(tokenizer, texts[segment.column], segment) for segment in VARIANT.segments]
    whole = start_ids(tokenizer) + [i for piece in pieces for i in piece]
    assert [list(context.ids) for context in contexts] == [whole[: len(context.ids)] for context in contexts]
    assert [context.is_new_text for context in contexts] == [True] + [False] * (len(contexts) - 1)
    assert len(contexts[-1].ids) == len(whole) - len(pieces[-1])


def test_a_segment_that_does_not_end_is_ended_one_token_before_its_limit(tokenizer):
    setting = Setting(tokenizer, SHORT, "end2end", 1000)
    decoding = ExchangeDecoding(setting, "d", 0, row("d", 0, "嗯"), "", KB)
    word = tokenizer.convert_tokens_to_ids("包")
    run = decoding.run()
    assert next(run).longest == 5
    following = run.send([word] * 5)
    assert following.ids[-6:] == (*[word] * 5, end_id(tokenizer, SHORT.segments[2]))
    assert decoding.texts["entities"] == "包包包包包"


@pytest.mark.parametrize("text", ["", ",,", "((((", "询问(", "-)-(", "询问(-)(流量包-)", "询问(流量包-业务费用"])
def test_any_text_that_a_model_writes_gives_a_prediction(text, tokenizer):
    _, _, prediction = play(tokenizer, dict.fromkeys(WRITTEN, text))
    assert (prediction.entities, prediction.user_intent, prediction.response) == (text, text, text)


def test_of_a_context_that_is_too_long_the_oldest_entities_are_left_out_first(tokenizer):
    history, user, *_ = SHORT_ENOUGH.segments
    kept = start_ids(tokenizer) + segment_ids(tokenizer, "中包,新包", history) + segment_ids(tokenizer, "多少钱", user)
    setting = Setting(tokenizer, SHORT_ENOUGH, "end2end", len(kept) + 12)
    decoding = ExchangeDecoding(setting, "d", 0, row("d", 0, "多少钱"), "旧包,中包,新包", KB)
    assert list(next(decoding.run()).ids) == kept
    assert (decoding.is_cut, decoding.cut_names) == (True, 1)


def test_a_context_that_grows_too_long_is_read_again_without_its_oldest_entities(tokenizer):
    names = "旧包,中包,新包"
    whole = list(play(tokenizer, WRITTEN, SHORT_ENOUGH, history=names)[0][-1].ids)
    longest = len(whole) + 20 - 5  # there is room for it all but for five tokens of the response's twenty
    contexts, decoding, prediction = play(tokenizer, WRITTEN, SHORT_ENOUGH, history=names, longest=longest)
    first, again = (context for context in contexts if context.is_new_text)
    history = SHORT_ENOUGH.segments[0]
    fewer = start_ids(tokenizer) + segment_ids(tokenizer, "新包", history)
    all_names = start_ids(tokenizer) + segment_ids(tokenizer, names, history)
    assert list(first.ids[: len(all_names)]) == all_names
    assert list(again.ids) == fewer + whole[len(all_names) :]
    assert (decoding.is_cut, decoding.cut_names, prediction.response) == (True, 2, WRITTEN["response"])


def test_where_no_entities_are_left_the_first_tokens_go_and_nothing_raises(tokenizer):
    longest = 30
    contexts, decoding, prediction = play(tokenizer, WRITTEN, SHORT_ENOUGH, history="旧包", longest=longest)
    assert decoding.is_cut
    assert prediction.response == WRITTEN["response"]
    assert all(len(context.ids) + context.longest < longest for context in contexts)

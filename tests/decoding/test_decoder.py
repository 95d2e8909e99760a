"""Decoding many dialogues at once: the text of decoding each by itself, for any model, batch and mode."""

from itertools import islice

import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM, GptOssConfig, GptOssForCausalLM

import cmcc
from cmcc_bench.decoding import DecodingCounts, DialogueInput, batch, decode, decode_one, forward
from cmcc_bench.decoding.exchange import MODES
from cmcc_bench.models.encoding import end_id, segment_ids, start_ids
from cmcc_bench.models.tokenizer import text_of
from cmcc_bench.textform import FORMS, read_labels

from .models import KB, SHORT, gpt2, rotary


def decoded(model, tokenizer, form, calls, **options):
    return sorted(decode(model, tokenizer, form, calls, **options), key=lambda p: (p.dialogue_id, p.exchange))


@pytest.mark.parametrize(("seed", "batch_size"), [(0, 1), (1, 3), (2, 5), (3, 16)])
def test_a_batch_of_dialogues_gives_the_text_of_generate_one_dialogue_at_a_time(seed, batch_size, calls, tokenizer):
    model = gpt2(seed, len(tokenizer))
    plain = [prediction for call in calls for prediction in decode_one(model.eval(), tokenizer, SHORT, call)]
    assert decoded(model, tokenizer, SHORT, calls, batch_size=batch_size) == plain
    assert len({len(prediction.response) for prediction in plain}) > 1  # rows did end at different times


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Two calls of attention a layer, and each step starts before the tokens of the last one are looked at."""
    monkeypatch.setattr(forward, "_MANY_CALLS", frozenset())
    monkeypatch.setattr(batch, "_STEPS_AHEAD", {"cpu": 1})


@pytest.mark.parametrize(("kind", "batch_size"), [("gpt2", 1), ("gpt2", 3), ("gpt2", 16), ("llama", 5), ("qwen2", 5)])
def test_what_is_written_for_gpus_gives_the_text_of_generate(kind, batch_size, calls, tokenizer, as_on_a_gpu):
    model = gpt2(3, len(tokenizer)) if kind == "gpt2" else rotary(kind, 1, len(tokenizer))
    plain = [prediction for call in calls for prediction in decode_one(model.eval(), tokenizer, SHORT, call)]
    assert decoded(model, tokenizer, SHORT, calls, batch_size=batch_size) == plain


def test_the_oracle_and_cut_contexts_are_those_of_a_cpu(calls, tokenizer, monkeypatch):
    model = gpt2(0, len(tokenizer), n_positions=48)
    made = {mode: decoded(model, tokenizer, SHORT, calls, mode=mode, batch_size=3) for mode in MODES}
    monkeypatch.setattr(forward, "_MANY_CALLS", frozenset())
    monkeypatch.setattr(batch, "_STEPS_AHEAD", {"cpu": 1})
    counts = DecodingCounts()
    assert made["oracle"] == decoded(model, tokenizer, SHORT, calls, mode="oracle", batch_size=3)
    assert made["end2end"] == decoded(model, tokenizer, SHORT, calls, batch_size=3, counts=counts)
    assert counts.cut_contexts > 0


def test_a_gpu_gets_three_calls_of_attention_a_layer_at_most(calls, tokenizer, monkeypatch, as_on_a_gpu):
    model, called, attend = gpt2(3, len(tokenizer)), [], forward.scaled_dot_product_attention

    def counted(query, *arguments, **options):
        called.append(query.shape[0])
        return attend(query, *arguments, **options)

    counts = DecodingCounts()
    monkeypatch.setattr(forward, "scaled_dot_product_attention", counted)
    decoded(model, tokenizer, SHORT, calls, batch_size=16, counts=counts)
    assert len(called) <= 3 * 2 * counts.steps + 20  # two layers; the steps, and the trial before
    assert max(called) == 16


def test_a_step_ahead_reads_at_most_one_token_more_of_each_text(calls, tokenizer, monkeypatch):
    model, counts = gpt2(0, len(tokenizer)), [DecodingCounts(), DecodingCounts()]
    for ahead in (0, 1):
        monkeypatch.setattr(batch, "_STEPS_AHEAD", {"cpu": ahead})
        decoded(model, tokenizer, SHORT, calls, mode="oracle", batch_size=4, counts=counts[ahead])
    exchanges = counts[0].exchanges
    assert counts[0].fed_tokens < counts[1].fed_tokens <= counts[0].fed_tokens + exchanges + 2 * 4


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_rotary_positions_and_shared_key_heads_give_the_text_of_generate(kind, calls, tokenizer):
    model = rotary(kind, 0, len(tokenizer))
    plain = [prediction for call in calls for prediction in decode_one(model.eval(), tokenizer, SHORT, call)]
    assert decoded(model, tokenizer, SHORT, calls, batch_size=5) == plain


@pytest.mark.parametrize("kind", ["alibi", "sinks"])
def test_a_model_with_an_attention_of_its_own_kind_gives_the_text_of_generate(kind, calls, tokenizer, monkeypatch):
    torch.manual_seed(0)
    ends = {"bos_token_id": None, "eos_token_id": None}
    if kind == "alibi":
        config = BloomConfig(vocab_size=len(tokenizer), hidden_size=32, n_layer=1, n_head=4, initializer_range=0.4)
        model = BloomForCausalLM(config).double()
    else:
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2}
        experts = {"head_dim": 8, "intermediate_size": 32, "num_local_experts": 2, "num_experts_per_tok": 1}
        config = GptOssConfig(vocab_size=len(tokenizer), initializer_range=0.4, **sizes, **experts, **ends)
        model = GptOssForCausalLM(config)  # its experts know no float64
        for name, parameter in model.named_parameters():
            if name.endswith("sinks"):
                torch.nn.init.constant_(parameter, 2.0)
    plain = [prediction for call in calls[:2] for prediction in decode_one(model.eval(), tokenizer, SHORT, call)]
    for ahead in (0, 1):
        monkeypatch.setattr(batch, "_STEPS_AHEAD", {"cpu": ahead})
        assert decoded(model, tokenizer, SHORT, calls[:2], batch_size=3) == plain


def test_the_first_segment_is_that_of_a_left_padded_batch(calls, tokenizer):
    model, segment = gpt2(1, len(tokenizer)).eval(), SHORT.segments[2]
    contexts = []
    for call in calls:
        history, user = SHORT.segments[:2]
        given = segment_ids(tokenizer, "", history) + segment_ids(tokenizer, call.rows[0]["user"].lower(), user)
        contexts.append(start_ids(tokenizer) + given)
    longest = max(map(len, contexts))
    mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in contexts])
    padded = torch.tensor([[tokenizer.pad_token_id] * (longest - len(ids)) + ids for ids in contexts])
    end, pad = end_id(tokenizer, segment), tokenizer.pad_token_id
    options = {"max_new_tokens": segment.longest - 1, "do_sample": False, "eos_token_id": end, "pad_token_id": pad}
    written = model.generate(padded, attention_mask=mask, **options)[:, longest:]
    first = [p.entities for p in decoded(model, tokenizer, SHORT, calls) if p.exchange == 0]
    assert first == [text_of(tokenizer, ids) for ids in written.tolist()]


def test_the_history_holds_each_generated_entity_once_in_order_of_first_mention(calls, tokenizer, monkeypatch):
    from cmcc_bench.decoding import decoder

    seen = {}
    original = decoder.ExchangeDecoding

    def watched(setting, dialogue_id, exchange, row, history, kb):
        seen[dialogue_id, exchange] = history
        return original(setting, dialogue_id, exchange, row, history, kb)

    monkeypatch.setattr(decoder, "ExchangeDecoding", watched)
    made = decoded(gpt2(2, len(tokenizer)), tokenizer, SHORT, calls)
    third = [p for p in made if p.dialogue_id == "call-3"]
    names = [name for p in third[:-1] for name in read_labels(p.entities)]
    assert seen["call-3", 0] == ""
    assert seen["call-3", 6] == ",".join(dict.fromkeys(names))


def test_a_dialogue_that_goes_on_has_the_entities_that_it_was_given(calls, tokenizer):
    model, call = gpt2(2, len(tokenizer)), calls[2]
    whole = decoded(model, tokenizer, SHORT, [call])
    names = tuple(dict.fromkeys(name for p in whole[:4] for name in read_labels(p.entities)))
    rest = DialogueInput(call.dialogue_id, KB, call.rows[4:], history=names)
    assert decoded(model, tokenizer, SHORT, [rest]) == whole[4:]


def test_the_oracle_writes_the_response_alone_and_takes_the_rest_from_gold(calls, tokenizer):
    model = gpt2(3, len(tokenizer))
    made = decoded(model, tokenizer, SHORT, calls, mode="oracle", batch_size=4)
    assert {(p.entities, p.user_intent, p.kb_result, p.emotions, p.acts) for p in made} == {
        ("g包", "询问(g包-业务费用)", "十块钱", "中性", "通知,安抚")
    }
    row = calls[0].rows[0]
    ids = start_ids(tokenizer)
    for segment in SHORT.segments[:-1]:
        ids += segment_ids(tokenizer, SHORT.write_segment(segment, row[segment.column]), segment)
    end = end_id(tokenizer, SHORT.segments[-1])
    written = (
        model.eval()
        .generate(torch.tensor([ids]), max_new_tokens=11, do_sample=False, eos_token_id=end, pad_token_id=end)[
            0, len(ids) :
        ]
        .tolist()
    )
    assert made[0].response == text_of(tokenizer, written)


def test_a_form_without_emotions_predicts_none(calls, tokenizer):
    made = decoded(gpt2(0, len(tokenizer), n_layer=1), tokenizer, FORMS["baseline"], calls[1:2])
    assert made[0].emotions is None


def test_a_finished_row_is_replaced_at_once(calls, tokenizer):
    counts = DecodingCounts()
    decoded(gpt2(0, len(tokenizer)), tokenizer, SHORT, calls, mode="oracle", batch_size=4, counts=counts)
    alone = DecodingCounts()
    decoded(gpt2(0, len(tokenizer)), tokenizer, SHORT, calls, mode="oracle", batch_size=1, counts=alone)
    assert counts.exchanges == alone.exchanges == 13
    assert counts.fed_tokens == alone.fed_tokens
    # A row that waits for the slowest would need a whole text's 11 steps for each four exchanges, at least.
    assert alone.steps / 4 <= counts.steps <= alone.steps / 4 + 11


def test_dialogues_are_taken_only_as_places_come_free(calls, tokenizer):
    taken = []

    def watched():
        for call in calls:
            taken.append(call.dialogue_id)
            yield call

    found = decode(gpt2(0, len(tokenizer)), tokenizer, SHORT, watched(), batch_size=1)
    list(islice(found, 3))
    assert taken == ["call-1"]


def test_the_model_is_given_back_as_it_was(calls, tokenizer):
    model = gpt2(0, len(tokenizer)).train()
    before = model.config._attn_implementation
    found = decode(model, tokenizer, SHORT, calls)
    next(found)
    assert not model.training
    found.close()
    assert model.training
    assert model.config._attn_implementation == before


def test_a_model_may_have_more_embeddings_than_the_tokenizer_has_tokens(calls, tokenizer):
    made = decoded(gpt2(5, len(tokenizer) + 400), tokenizer, SHORT, calls)
    assert all(prediction.response for prediction in made)


def test_an_unknown_mode_is_an_error_that_names_the_modes(calls, tokenizer):
    with pytest.raises(cmcc.DataError, match="end2end or oracle"):
        decode(gpt2(0, len(tokenizer)), tokenizer, SHORT, calls, mode="greedy")


def test_a_batch_of_nothing_is_an_error(calls, tokenizer):
    with pytest.raises(ValueError, match="batch_size is 0"):
        decode(gpt2(0, len(tokenizer)), tokenizer, SHORT, calls, batch_size=0)


def test_an_oracle_without_gold_is_an_error_that_names_exchange_and_segment(tokenizer):
    bare = DialogueInput("call-9", KB, ({"user": "喂", "history_entities": ""},))
    with pytest.raises(cmcc.DataError, match=r"call-9, exchange 0.*entities"):
        list(decode(gpt2(0, len(tokenizer)), tokenizer, SHORT, [bare], mode="oracle"))


def test_a_model_with_fewer_positions_than_a_segment_is_an_error(calls, tokenizer):
    with pytest.raises(cmcc.DataError, match=r"reads 12 tokens.*takes 12"):
        decode(gpt2(0, len(tokenizer), n_positions=12), tokenizer, SHORT, calls)


def test_contexts_longer_than_the_model_are_cut_counted_and_decoded_as_alone(calls, tokenizer):
    model, counts = gpt2(0, len(tokenizer), n_positions=48), DecodingCounts()
    made = decoded(model, tokenizer, SHORT, calls, batch_size=6, counts=counts)
    assert made == decoded(model, tokenizer, SHORT, calls, batch_size=1)
    assert counts.cut_contexts > 0
    assert counts.cut_entities > 0

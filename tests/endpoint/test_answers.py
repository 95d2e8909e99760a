"""Answers: JSON that is found in any text, labels in any spelling, names with their places, and what is wrong."""

import pytest

import cmcc
from cmcc_bench.endpoint.answers import (
    LONGEST_ANSWER,
    SCHEMAS,
    find_span,
    read_entities,
    read_labels_of,
    read_object,
    read_reply,
    read_understanding,
)


@pytest.mark.parametrize(
    "text",
    [
        '{"emotions": ["中性"]}',
        '```json\n{"emotions": ["中性"]}\n```',
        '<think>{"emotions": ["抱怨某问题"]}</think>好的：{"emotions": ["中性"]}',
        '例如 {"a": 1}，答案是 {"emotions": ["中性",]} 。',
        "{“emotions”：[“中性”，]}",
    ],
)
def test_the_object_is_found_in_any_text(text):
    assert read_object(text, ["emotions"]) == {"emotions": ["中性"]}


def test_half_of_a_surrogate_pair_is_no_text_and_stops_nothing():
    assert read_object(r'{"response": "好\ud83d"}', ["response"]) == {"response": "好?"}


@pytest.mark.parametrize(
    "text",
    ["", "我不知道", '{"emotions": ["中', "[1, 2]", "{" * LONGEST_ANSWER, '{"a": ' * 3000, "<think>{}", '{"other": 1}'],
)
def test_a_text_without_the_object_has_none(text):
    assert read_object(text, ["emotions"]) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"emotions": ["中性"]}', (("neutral",), ())),
        ('{"emotions": "抱怨某问题、情绪较为激动"}', (("complain_about_a_problem", "emotionally_more_agitated"), ())),
        ('{"emotions": ["Neutral", "中性"]}', (("neutral",), ())),
        ("抱怨某问题", (("complain_about_a_problem",), ())),
        ('{"emotions": ["愤怒", "中性"]}', (("neutral",), ("愤怒",))),
        ('{"emotions": []}', ((), ())),
        ('{"emotions": null}', (None, ())),
        ('{"emotions": [1]}', (None, ())),
        ("我想是愤怒", (None, ())),
    ],
)
def test_labels_are_read_in_any_spelling_and_unknown_ones_told(text, found):
    assert read_labels_of(text, "emotions", cmcc.EMOTIONS) == found


def test_names_and_intents_become_the_columns_of_the_response_view():
    text = (
        '{"entities": ["G包", "大,包"], "intents": [{"intent": "询问", "slots": [{"entity": "G包", "slot": "业务费用"},'
        '{"entity": null, "slot": "持有套餐"}]}, {"intent": "courtesy", "slots": []}, "询问"]}'
    )
    found, problem = read_understanding(text)
    assert problem is None
    assert (found.entity_text, found.intent_text) == ("g包,大，包", "询问(g包-业务费用)(持有套餐),客套")
    assert read_understanding(found.as_json())[0] == found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("不知道", "unparsed"),
        ('{"intents": [{"slots": []}]}', "unparsed"),
        ('{"intents": 3}', "unparsed"),
        ('{"intents": [{"intent": "询问", "slots": [{"entity": 3, "slot": "短信"}]}]}', "unparsed"),
        (f'{{"entities": ["{"包" * 1001}"], "intents": []}}', "unparsed"),
        ('{"entities": [], "intents": [{"intent": "闲聊（一）", "slots": []}]}', "unknown_label"),
    ],
)
def test_a_first_answer_that_is_wrong_is_told_and_kept(text, kind):
    found, problem = read_understanding(text)
    assert (problem.kind, problem.answer) == (kind, text[:500])
    assert found.intent_text == ("闲聊_一_" if kind == "unknown_label" else "")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"emotions": ["中性"], "acts": ["通知"]}', "unparsed"),
        ('{"emotions": ["中性"], "acts": null, "response": "好"}', "unparsed"),
        (f'{{"emotions": [], "acts": [], "response": "{"好" * 1001}"}}', "unparsed"),
        ('{"emotions": ["愤怒"], "acts": ["通知"], "response": "好"}', "unknown_label"),
        ('{"emotions": ["中性"], "acts": ["inform"], "response": " 好 "}', None),
    ],
)
def test_a_reply_has_emotions_acts_and_words(text, kind):
    found, problem = read_reply(text, False)
    assert (problem.kind if problem else None) == kind
    if kind != "unparsed":
        assert (found.acts, found.response) == (("通知",), "好")


UTTERANCE = "流量包不要，这个 G 包要，再来个流量包"


@pytest.mark.parametrize(
    ("name", "context", "span"),
    [
        ("流量包", "流量包不要", (0, 3)),
        ("流量包", "再来个流量包", (17, 20)),
        ("流量包", "没说过的流量包", (0, 3)),
        ("流量包", None, (0, 3)),
        ("g包", "", (9, 12)),
        ("彩铃", "彩铃", None),
        (" ", "", None),
    ],
)
def test_a_name_is_found_where_its_words_stand(name, context, span):
    assert find_span(UTTERANCE, name, context) == span


def test_entities_have_types_and_places_and_a_second_mention_the_second_place():
    text = (
        '{"entities": [{"name": "流量包", "type": "流量包", "context": ""}, {"name": "流量包", "type": "流量包"},'
        '{"name": "流量包", "type": "流量包"}, {"name": "G包", "type": "好包"}, {"name": "彩铃", "type": "业务"}]}'
    )
    entities, problems = read_entities(text, UTTERANCE)
    spans = [(entity["name"], entity["type"], entity["start"], entity["end"]) for entity in entities]
    assert spans == [
        ("流量包", "data_pack", 0, 3),
        ("流量包", "data_pack", 17, 20),
        ("G 包", None, None, None),
        ("彩铃", None, None, None),
    ]
    kinds = [(problem.kind, problem.what) for problem in problems]
    assert kinds == [("unknown_label", "好包"), ("not_in_text", "彩铃")]


@pytest.mark.parametrize("text", ["没有", '{"entities": [3]}', '{"entities": [{"name": ""}]}', '{"entities": {}}'])
def test_entities_that_cannot_be_read_are_told(text):
    assert read_entities(text, UTTERANCE)[1][0].kind == "unparsed"


def test_schemas_are_strict_and_name_every_label():
    def objects(schema):
        if isinstance(schema, dict):
            if schema.get("type") == "object":
                yield schema
            for value in schema.values():
                yield from objects(value)

    for schema in SCHEMAS.values():
        assert all(set(found["required"]) == set(found["properties"]) for found in objects(schema))
        assert all(found["additionalProperties"] is False for found in objects(schema))
    assert SCHEMAS["emotion"]["properties"]["emotions"]["items"]["enum"] == list(cmcc.EMOTIONS.chinese)

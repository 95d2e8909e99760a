"""Talking to a model: its replies, its memory and its name; the model is a tiny random one."""

import pytest

import cmcc
from cmcc_bench.chat.session import Session, model_name, note_about, open_chat_model
from tests.chat.models import KB, prediction, random_model


@pytest.fixture(scope="module")
def variant(tmp_path_factory):
    return random_model(tmp_path_factory.mktemp("variant"), "variant")


def test_the_entities_of_earlier_turns_are_remembered_until_a_new_start(variant):
    session = Session(variant, KB, ("流量包",))
    assert isinstance(session.reply("你好").response, str)
    assert session.history[0] == "流量包"
    session.start({})
    assert session.history == () and session.kb == {}


def test_a_repetition_that_did_not_end_is_not_remembered_as_an_entity(variant, monkeypatch):
    names = f"{'还' * 39},乐享套餐"
    monkeypatch.setattr("cmcc_bench.chat.session.decode", lambda *_, **__: [prediction(entities=names)])
    session = Session(variant, KB)
    session.reply("的" * 400)
    assert session.history == ("乐享套餐",)


def test_models_with_the_same_name_get_different_names(variant, tmp_path):
    taken = {}
    for _ in range(2):
        taken[model_name(tmp_path / "variant" / "best", variant, taken)] = None
    assert list(taken) == ["variant", "variant 2"]
    assert model_name(tmp_path / "tiny", variant) == "tiny (variant)"


def test_a_model_that_writes_no_replies_is_an_error_that_says_what_to_do(tmp_path):
    with pytest.raises(cmcc.DataError, match=r"config\.json is missing"):
        open_chat_model(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(cmcc.DataError, match=r"this model writes no replies.*cmcc predict"):
        open_chat_model(tmp_path)
    with pytest.raises(cmcc.DataError, match="or tiny or tiny-emotion, which ship"):
        open_chat_model("tinny")


def test_users_are_told_which_models_learned_from_synthetic_calls(variant):
    sessions = {"mine": Session(variant, KB), "tiny": Session(open_chat_model("tiny"), KB)}
    assert note_about(sessions).startswith("mine; tiny, trained on SYNTHETIC calls. ")

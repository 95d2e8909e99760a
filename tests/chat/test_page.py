"""The chat's page, without a browser."""

import socket

import pytest

import cmcc
from cmcc_bench.chat.calls import ChatCalls
from tests.chat.models import ScriptedSession, prediction

pytest.importorskip("gradio")
from cmcc_bench.chat.page import ChatPage, Visit, launch

CALL = "synthetic-s2-0-000027"
REPLY = prediction(user_intent="询问(流量余额)", acts="安抚", response="<i>是</i>一百一十三兆")


@pytest.fixture(scope="module")
def chat():
    return ChatPage({name: ScriptedSession(REPLY) for name in ("one", "<b>two</b>")}, ChatCalls("sample"))


def test_what_was_said_is_shown_at_once_and_then_every_reply_with_its_trace(chat):
    (cleared, _, waiting, _), (_, visit, talk, kb) = chat.answer(" <b>多少</b> ", Visit(CALL))
    assert cleared == "" and "&lt;b&gt;多少&lt;/b&gt;" in waiting and 'class="reply"' not in waiting
    assert talk.count('class="reply"') == 2 and "· &lt;b&gt;two&lt;/b&gt;" in talk
    assert "&lt;i&gt;是&lt;/i&gt;<mark>一百一十三兆</mark>" in talk and "<i>" not in talk
    assert talk.count("<em>caring 关怀</em>") == 2
    assert kb.count("<mark>") == 1 and "<mark>一百一十三兆</mark>" in kb
    assert [turn.user for turn in visit.turns] == ["<b>多少</b>"]


def test_visitors_are_kept_apart_and_blank_text_is_not_sent(chat):
    *_, (_, visit, _, _) = chat.answer("你好", Visit(CALL))
    assert set(visit.histories.values()) == {("流量包",)}
    assert all(session.history == () for session in chat.sessions.values())
    assert len(list(chat.answer("  ", visit))) == 1


def test_another_call_has_its_own_openings_and_an_empty_conversation(chat):
    text, visit, talk, kb, *buttons = chat.open(CALL)
    assert (text, visit) == ("", Visit(CALL)) and "<article" not in talk and "音乐流量包" in kb
    assert [button["visible"] for button in buttons] == [True] * 4 and "_" not in buttons[3]["value"]
    assert not chat.open(chat.calls.ids[-1])[-1]["visible"]


def test_a_port_in_use_is_an_error_that_says_what_to_do(chat):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(cmcc.DataError, match="Choose another --port"):
            launch(chat.make(chat.calls.open(CALL)), taken.getsockname()[1])

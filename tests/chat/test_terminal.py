"""The chat in a terminal."""

import pytest
from rich.cells import cell_len
from rich.console import Console

from cmcc_bench.chat.calls import ChatCall, ChatCalls
from cmcc_bench.chat.terminal import talk
from tests.chat.models import KB, ScriptedSession, prediction

CALL = ChatCall("call-1", KB, "你好", ("流量包多少钱", "\x1b[31m电话13812345678"))
REPLY = prediction(user_intent="询问(流量包-业务费用)", acts="安抚,通知", response="没事[b]_是八块" + "很长" * 40)


def printed(lines, sessions=None, **options):
    """What the terminal shows for these lines."""
    console, lines = Console(width=80, **options), iter(lines)
    with console.capture() as captured:
        talk(sessions or {"variant": ScriptedSession(REPLY)}, ChatCalls("sample"), CALL, console, lambda _: next(lines))
    return captured.get()


def test_a_reply_has_its_trace_with_the_queried_value_marked_in_80_columns():
    text = printed(["多少钱", "/quit", "never read"])
    assert "没事[b]，是【八块】" in text and "【业务费用：八块】" in text and "【业务费用：十八块】" not in text
    assert "comfort 安抚 (caring 关怀); inform 通知" in text
    assert max(map(cell_len, text.split("\n"))) <= 80 and "\x1b" not in text


def test_colors_are_for_terminals_only():
    assert "\x1b[1;33m【八块】" in printed(["多少钱", "/quit"], force_terminal=True, color_system="standard")


def test_the_kb_and_openings_are_shown_and_an_opening_is_said_by_its_number():
    session = ScriptedSession(REPLY)
    text = printed(["/1", "/2", "/3", "/quit"], {"one": session})
    assert session.said == list(CALL.openings)
    assert "畅享流量包 / 流量包 (流量包)" in text and "/1  流量包多少钱" in text and "There is no command /3." in text
    assert "138" not in text and "\\x1b[31m电话***********" in text


def test_a_reset_or_another_call_starts_a_new_conversation():
    session, other = ScriptedSession(REPLY), ChatCalls("sample").ids[0]
    text = printed(["你好", "/reset", "/call unknown", f"/call {other}", "/calls", "", "/quit"], {"one": session})
    assert session.history == () and session.kb == ChatCalls("sample").open(other).kb and session.said == ["你好"]
    assert "found 'unknown'" in text and f"Call {other} of sample" in text
    assert text.count("synthetic-s2-0-000014  我想了解一下流量的情况，还剩多少") == 1


def test_the_command_call_without_an_id_says_how_to_name_one():
    text = printed(["/call", "/quit"])
    assert "Name a call: /call ID." in text and "There is no command" not in text


def test_every_model_replies_under_its_name():
    text = printed(["你好", "/quit"], {name: ScriptedSession(REPLY) for name in ("one", "two")})
    assert text.index("客服 one") < text.index("客服 two") and text.count("user intent") == 2


def test_a_line_in_another_encoding_is_not_sent_and_the_message_says_how_to_send_it():
    session = ScriptedSession(REPLY)
    assert "PYTHONIOENCODING=utf-8" in printed(["\ufffd\ufffd好", "/quit"], {"one": session}) and not session.said


@pytest.mark.parametrize("error", [EOFError, KeyboardInterrupt])
def test_the_end_of_the_input_ends_the_conversation(error):
    def end(_):
        raise error

    talk({"variant": ScriptedSession(REPLY)}, ChatCalls("sample"), CALL, Console(quiet=True), end)

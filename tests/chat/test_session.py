"""Talking to a model, in the terminal and on a page; the model is a tiny random one."""

from dataclasses import replace

import pytest
from rich.console import Console

import cmcc
from cmcc_bench.chat.session import Session, choose_kb, kb_lines, model_name, segments_of
from cmcc_bench.chat.terminal import talk
from cmcc_bench.decoding import open_model
from cmcc_bench.textform import FORMS
from cmcc_bench.views import KBEntry
from tests.tiny_model import write_model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    models = {}
    for form in ("baseline", "variant"):
        folder = tmp_path_factory.mktemp(form)
        write_model(folder, FORMS[form])
        models[form] = open_model(folder)
    return models


@pytest.fixture(scope="module")
def kb():
    return choose_kb("sample", None)[1]


def test_a_reply_shows_every_segment_that_its_form_has(trained, kb):
    for form, names in (("baseline", 4), ("variant", 5)):
        prediction = Session(trained[form], kb).reply("流量包多少钱")
        assert len(list(segments_of(prediction))) == names and isinstance(prediction.response, str)


def test_the_entities_of_earlier_turns_are_remembered_until_a_reset(trained, kb):
    session = Session(trained["variant"], kb, ("流量包",))
    session.reply("你好")
    assert session.history[0] == "流量包"
    session.reset()
    assert session.history == ()


def test_the_kb_is_that_of_a_dialogue_and_an_unknown_one_is_an_error():
    chosen, kb = choose_kb("sample", "synthetic-s2-0-000001")
    assert chosen == "synthetic-s2-0-000001" and len(list(kb_lines(kb))) == len(kb)
    with pytest.raises(cmcc.DataError, match="the id of a dialogue of sample"):
        choose_kb("sample", "nobody")


def test_personal_data_of_the_kb_and_of_what_a_model_says_are_masked(trained, kb, monkeypatch):
    facts = kb_lines({"ent-1": KBEntry(("套餐",), None, {"用户需求": ("号码138，1234，5678",)})})
    assert list(facts) == ["套餐 — 用户需求: 号码***，****，****"]
    session = Session(trained["variant"], kb)
    said = replace(session.reply("你好"), kb_result="用户需求:13812345678", response="您的号码13812345678")
    assert "13812345678" not in str(dict(segments_of(said)))
    monkeypatch.setattr(Session, "reply", lambda *_: said)
    console, lines = Console(width=100), iter(["你好", "/quit"])
    with console.capture() as captured:
        talk({"one": session}, console, lambda _: next(lines))
    assert "您的号码***********" in captured.get() and "138" not in captured.get()


def test_the_terminal_answers_each_line_of_every_model_until_quit(trained, kb):
    console = Console(width=400)
    lines = iter(["你好", "/kb", "/reset", "", "多少钱[b]", "/quit", "never read"])
    with console.capture() as captured:
        talk({name: Session(model, kb) for name, model in trained.items()}, console, lambda _: next(lines))
    assert next(lines) == "never read"
    printed = captured.get()
    assert printed.count("客服 ") == printed.count("user intent") == 2  # a table for each of two utterances
    assert "emotions" in printed and "have forgotten" in printed
    assert all(fact.split(" — ")[0] in printed for fact in kb_lines(kb))


def test_a_line_in_another_encoding_is_not_sent_and_the_message_says_how_to_send_it(trained, kb):
    console, lines = Console(width=200), iter(["\ufffd\ufffd好", "/quit"])
    with console.capture() as captured:
        talk({"variant": Session(trained["variant"], kb)}, console, lambda _: next(lines))
    assert "PYTHONIOENCODING=utf-8" in captured.get() and "客服" not in captured.get()


def test_the_end_of_the_input_ends_the_conversation(trained, kb):
    def end(_):
        raise EOFError

    talk({"variant": Session(trained["variant"], kb)}, Console(quiet=True), end)


def test_models_of_one_name_are_told_apart(trained, tmp_path):
    taken = {}
    for _ in range(2):
        taken[model_name(tmp_path / "variant" / "best", trained["variant"], taken)] = None
    assert list(taken) == ["variant", "variant 2"]
    assert model_name(tmp_path / "mine", trained["variant"]) == "mine (variant)"


def test_the_page_answers_for_each_model_and_keeps_visitors_apart(trained, kb):
    pytest.importorskip("gradio")
    from cmcc_bench.chat import page

    sessions = {name: Session(model, kb) for name, model in trained.items()}
    assert page.make_page(sessions, "chat") is not None
    empty = dict.fromkeys(sessions, ())
    cleared, known, first, second, *facts = page._answer(sessions, "<b>多少钱</b>", empty, ([], []))
    assert cleared == "" and set(known) == set(sessions) and len(facts) == 2
    for chat in (first, second):
        assert [turn["role"] for turn in chat] == ["user", "assistant"]
        assert chat[0]["content"] == "&lt;b&gt;多少钱&lt;/b&gt;"
    assert all(session.history == () for session in sessions.values())

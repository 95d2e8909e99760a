"""The chat as a Gradio page: a conversation with one or more models, and the local KB beside it.

The conversation and the KB are HTML of this folder's templates, which escape all texts. The page loads nothing from
other hosts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the page sends nothing over the network

import gradio as gr
from starlette.middleware import Middleware

from cmcc_bench.chat.calls import OPENINGS, ChatCall, ChatCalls
from cmcc_bench.chat.session import Session, note_about
from cmcc_bench.chat.trace import kb_cards, pieces_of, shown, trace_of
from cmcc_bench.errors import DataError
from cmcc_bench.leaderboard.policy import OwnContentOnly
from cmcc_bench.tasks import Prediction
from cmcc_bench.templates import html_environment
from cmcc_bench.views import LocalKB, kb_result

TITLE = "cmcc chat"
_FOLDER = Path(__file__).parent
_FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")  # local fonts only
_LONGEST = 200  # maximum length of an utterance, in characters

_IN_TURN = {"concurrency_id": "reply", "concurrency_limit": 1}  # a visitor's second click is answered after the first

_ENVIRONMENT = html_environment(_FOLDER)
_ENVIRONMENT.filters["shown"] = shown

# After a reply: the conversation shows its last turn, from the beginning of the turn, and the KB what was queried.
_SCROLL = """() => requestAnimationFrame(() => {
  const show = (box, part, above) => {
    if (part) box.scrollTop += part.getBoundingClientRect().top - box.getBoundingClientRect().top - above;
  };
  const talk = document.querySelector('.talk'), kb = document.querySelector('.kb');
  show(talk, talk.querySelector('.turn:last-child'), 8);
  show(kb, kb.querySelector('mark'), kb.clientHeight / 3);
})"""

_SCROLL_UP = "() => requestAnimationFrame(() => document.querySelector('.kb').scrollTop = 0)"


@dataclass(frozen=True)
class ChatTurn:
    """An utterance of the user and the reply of each model, by its name; no replies while the models compute."""

    user: str
    replies: Mapping[str, Prediction]


@dataclass(frozen=True)
class Visit:
    """A visitor's conversation. histories: name of the model -> entities that it predicted so far."""

    dialogue_id: str
    turns: tuple[ChatTurn, ...] = ()
    histories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class ChatPage:
    """The page and its event handlers. All visitors share the models; each has a `Visit` of their own."""

    def __init__(self, sessions: Mapping[str, Session], calls: ChatCalls) -> None:
        self.sessions, self.calls = sessions, calls

    def make(self, call: ChatCall) -> gr.Blocks:
        """Makes the page. call: the one that it shows first."""
        page: gr.Blocks
        with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
            self.visit = gr.State(Visit(call.dialogue_id))
            _html(_render("heading", title=TITLE, note=note_about(self.sessions)))
            with gr.Row(elem_classes=["sides"]):
                with gr.Column(scale=3, min_width=320, elem_classes=["left"]):
                    self._lay_out_talk(call)
                with gr.Column(scale=2, min_width=320, elem_classes=["right"]):
                    ids = sorted({*self.calls.ids, call.dialogue_id})
                    self.call = gr.Dropdown(
                        [(self._label(id_), id_) for id_ in ids],
                        value=call.dialogue_id,
                        label="Call 通话",
                        elem_classes=["call-block"],
                    )
                    self.kb = _html(_render_kb(call.kb), "kb-block")
            self._connect()
        return page

    def _label(self, dialogue_id: str) -> str:
        return f"{dialogue_id} {shown(self.calls.open(dialogue_id).begins)}"

    def _lay_out_talk(self, call: ChatCall) -> None:
        self.talk = _html(_render("talk", turns=[]))
        with gr.Row(elem_classes=["say"]):
            self.text = gr.Textbox(
                label="Utterance of the user 用户",
                placeholder="输入后按回车 Enter",
                max_lines=1,
                max_length=_LONGEST,
                autofocus=True,
                scale=5,
                min_width=160,
                show_label=False,
            )
            self.send = gr.Button("发送 Send", variant="primary", scale=1, min_width=90)
        with gr.Row(elem_classes=["openings"]):
            self.openings = [gr.Button(size="sm", **options) for options in _opening_buttons(call)]
            self.reset = gr.Button("重新开始 Start again", size="sm", elem_classes=["reset"])

    def _connect(self) -> None:
        outputs: list[Any] = [self.text, self.visit, self.talk, self.kb]
        events = [(self.text.submit, self.answer), (self.send.click, self.answer)]
        for number, button in enumerate(self.openings):
            events.append((button.click, self._say_opening(number)))
        for event, handler in events:
            _on(event, handler, [self.text, self.visit], outputs, **_IN_TURN).then(None, js=_SCROLL)
        outputs = [*outputs, *self.openings]
        _on(self.call.input, self.open, [self.call], outputs, **_IN_TURN).then(None, js=_SCROLL_UP)
        _on(self.reset.click, self.start_again, [self.visit], outputs, **_IN_TURN).then(None, js=_SCROLL_UP)

    def open(self, dialogue_id: str) -> list[Any]:
        """An empty conversation about a call."""
        call = self.calls.open(dialogue_id)
        parts = ["", Visit(dialogue_id), _render("talk", turns=[]), _render_kb(call.kb)]
        return [*parts, *(gr.update(**options) for options in _opening_buttons(call))]

    def start_again(self, visit: Visit) -> list[Any]:
        """An empty conversation about the same call."""
        return self.open(visit.dialogue_id)

    def answer(self, text: str, visit: Visit) -> Iterator[list[Any]]:
        """What the page shows at once after the user's text, and with the replies."""
        text = text.strip()[:_LONGEST]
        if not text:
            yield [gr.skip()] * 4
            return
        kb = self.calls.open(visit.dialogue_id).kb
        waiting = (*visit.turns, ChatTurn(text, {}))
        yield ["", gr.skip(), _render_talk(waiting, kb), gr.skip()]
        replies, histories = {}, {}
        for name, session in self.sessions.items():
            own = copy(session)
            own.kb, own.history = kb, visit.histories.get(name, ())
            replies[name], histories[name] = own.reply(text), own.history
        visit = replace(visit, turns=(*visit.turns, ChatTurn(text, replies)), histories=histories)
        yield [gr.skip(), visit, _render_talk(visit.turns, kb), _render_kb(kb, replies)]

    def _say_opening(self, number: int) -> Any:  # noqa: ANN401 - a generator function
        def say(_: str, visit: Visit) -> Iterator[list[Any]]:
            """Answers the opening as if it was typed."""
            for _, *parts in self.answer(self.calls.open(visit.dialogue_id).openings[number], visit):
                yield [gr.skip(), *parts]  # what the user is typing stays

        return say


def _opening_buttons(call: ChatCall) -> list[dict[str, Any]]:
    texts = [shown(text) for text in call.openings[:OPENINGS]]
    missing = OPENINGS - len(texts)
    return [{"value": text, "visible": True} for text in texts] + [{"value": "", "visible": False}] * missing


def _render(template: str, **values: Any) -> str:  # noqa: ANN401
    return _ENVIRONMENT.get_template(f"page_{template}.html.jinja").render(values)


def _render_talk(turns: tuple[ChatTurn, ...], kb: LocalKB) -> str:
    shown_turns = [
        {
            "user": turn.user,
            "replies": [
                {
                    "model": name if len(turn.replies) > 1 else "",
                    "pieces": pieces_of(prediction.response, kb_result(kb, prediction.user_intent)),
                    "trace": trace_of(prediction, kb),
                }
                for name, prediction in turn.replies.items()
            ],
        }
        for turn in turns
    ]
    return _render("talk", turns=shown_turns)


def _render_kb(kb: LocalKB, replies: Mapping[str, Prediction] | None = None) -> str:
    """The KB, with what the replies' user intents query marked."""
    intents = ",".join(prediction.user_intent for prediction in (replies or {}).values())
    return _render("kb", cards=list(kb_cards(kb, intents)))


def _html(value: str, *classes: str) -> gr.HTML:
    return gr.HTML(value, apply_default_css=False, elem_classes=["cmcc", *classes], js_on_load=None)


def _on(event: Any, function: Any, inputs: Any, outputs: Any, **options: Any) -> Any:  # noqa: ANN401
    """Connects an event to a function. None is a public API: `cmcc predict` is for programs."""
    return event(function, inputs, outputs, api_visibility="private", show_progress="hidden", **options)


def launch(page: gr.Blocks, port: int | None) -> str:
    """Serves the page on this machine only, in the background; returns its address.

    port: None for a free one. Raises cmcc.DataError when the port is in use.
    """
    try:
        launched: tuple[Any, str, Any] = page.launch(
            server_name="127.0.0.1",
            server_port=port,
            theme=gr.themes.Default(primary_hue="blue", font=list(_FONTS), font_mono=["ui-monospace", "monospace"]),
            css=(_FOLDER / "page.css").read_text("utf-8"),
            footer_links=[],
            app_kwargs={"middleware": [Middleware(OwnContentOnly)]},
            share=False,
            ssr_mode=False,
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError as error:  # what Gradio raises where it cannot listen
        hint = "Choose another --port, or leave it out."
        raise DataError("another program uses the port, or it is reserved", "", hint, port=port) from error
    return launched[1]

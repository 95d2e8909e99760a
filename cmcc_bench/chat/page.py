"""The conversation as a Gradio page: one or more models side by side, each with what it predicted."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the page talks to nobody but its user

import gradio as gr

from cmcc_bench.chat.session import Session, kb_lines, segments_of
from cmcc_bench.masking import mask

_FONTS = ("system-ui", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "sans-serif")  # none is fetched
_NOTE = "Research models: what they say is made up from their training data."


def make_page(sessions: Mapping[str, Session], title: str) -> gr.Blocks:
    """The page; every visitor shares the given sessions' models and has a history of their own.

    sessions: by the models' names, one column each.
    """
    names = list(sessions)
    page: gr.Blocks
    with gr.Blocks(title=title) as page:
        gr.Markdown(f"# {title}\n{_NOTE}")
        histories = gr.State(dict.fromkeys(names, ()))
        said = gr.Textbox(label="用户 (what the user says)", placeholder="输入后按回车", autofocus=True)
        with gr.Row():
            send, clear = gr.Button("发送 Send", variant="primary"), gr.Button("重新开始 Reset")
        with gr.Row():
            columns = [_column(name) for name in names]
        with gr.Accordion("What the models know (local KB)", open=False):
            gr.Textbox("\n".join(kb_lines(sessions[names[0]].kb)), lines=8, interactive=False, show_label=False)
        chats, facts = [chat for chat, _ in columns], [fact for _, fact in columns]

        def answer(text: str, known: dict[str, tuple[str, ...]], *shown: list[dict[str, str]]) -> tuple[Any, ...]:
            return _answer(sessions, text, known, shown)

        outputs = [said, histories, *chats, *facts]
        for event in (said.submit, send.click):
            event(answer, [said, histories, *chats], outputs)
        clear.click(lambda: ("", dict.fromkeys(names, ()), *[[] for _ in names], *[[] for _ in names]), None, outputs)
    return page


def _column(name: str) -> tuple[gr.Chatbot, gr.Dataframe]:
    with gr.Column(min_width=320):
        chat = gr.Chatbot(label=name, height=420, render_markdown=False, buttons=["copy"])
        facts = gr.Dataframe(
            headers=["segment", "predicted"],
            label=f"{name}: what it predicted in the last turn",
            column_widths=["40%", "60%"],
            interactive=False,
            wrap=True,
        )
    return chat, facts


def _answer(
    sessions: Mapping[str, Session],
    text: str,
    known: dict[str, tuple[str, ...]],
    shown: tuple[list[dict[str, str]], ...],
) -> tuple[Any, ...]:
    """New values of: the input, the histories, each chat, each table of predictions."""
    known, chats, facts = dict(known), [], []
    for (name, session), chat in zip(sessions.items(), shown, strict=True):
        visitor = Session(session.trained, session.kb, tuple(known.get(name, ())))
        prediction = visitor.reply(text)
        known[name] = visitor.history
        chats.append([*chat, _message("user", text), _message("assistant", mask(prediction.response))])
        facts.append([list(pair) for pair in segments_of(prediction)])
    return ("", known, *chats, *facts)


def _message(role: str, text: str) -> dict[str, str]:
    """A message as the page takes it: escaped, as Gradio reads HTML in messages even where it renders no Markdown."""
    return {"role": role, "content": html.escape(text)}


def launch(page: gr.Blocks, port: int | None) -> None:
    """Serves the page on this machine only, until interrupted."""
    page.launch(server_name="127.0.0.1", server_port=port, theme=gr.themes.Default(font=list(_FONTS)), share=False)

"""The chat as a Gradio page: one or more models side by side, each with its predictions."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # the page sends nothing over the network

import gradio as gr

from cmcc_bench.chat.session import Session, kb_lines, segments_of
from cmcc_bench.masking import mask

_FONTS = (
    "system-ui",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)  # installed fonts only, none is downloaded
_NOTE = "Research models: their replies are generated and may be wrong."


def make_page(sessions: Mapping[str, Session], title: str) -> gr.Blocks:
    """Makes the page. All visitors share the models of the sessions; each visitor has their own history.

    sessions: name of the model -> session, one column each.
    """
    names = list(sessions)
    page: gr.Blocks
    with gr.Blocks(title=title) as page:
        gr.Markdown(f"# {title}\n{_NOTE}")
        histories = gr.State(dict.fromkeys(names, ()))
        user_text = gr.Textbox(label="用户 (user)", placeholder="输入后按回车", autofocus=True)
        with gr.Row():
            send, clear = gr.Button("发送 Send", variant="primary"), gr.Button("重新开始 Reset")
        with gr.Row():
            columns = [_column(name) for name in names]
        with gr.Accordion("What the models know (local KB)", open=False):
            gr.Textbox("\n".join(kb_lines(sessions[names[0]].kb)), lines=8, interactive=False, show_label=False)
        chats, facts = [chat for chat, _ in columns], [fact for _, fact in columns]

        def answer(text: str, earlier: dict[str, tuple[str, ...]], *shown: list[dict[str, str]]) -> tuple[Any, ...]:
            """What the page shows after the user's text."""
            return _answer(sessions, text, earlier, shown)

        outputs = [user_text, histories, *chats, *facts]
        for event in (user_text.submit, send.click):
            event(answer, [user_text, histories, *chats], outputs)
        clear.click(lambda: ("", dict.fromkeys(names, ()), *[[] for _ in names], *[[] for _ in names]), None, outputs)
    return page


def _column(name: str) -> tuple[gr.Chatbot, gr.Dataframe]:
    with gr.Column(min_width=320):
        chat = gr.Chatbot(label=name, height=420, render_markdown=False, buttons=["copy"])
        facts = gr.Dataframe(
            headers=["segment", "predicted"],
            label=f"{name}: predictions of the last turn",
            column_widths=["40%", "60%"],
            interactive=False,
            wrap=True,
        )
    return chat, facts


def _answer(
    sessions: Mapping[str, Session],
    text: str,
    histories: dict[str, tuple[str, ...]],
    shown: tuple[list[dict[str, str]], ...],
) -> tuple[Any, ...]:
    """Returns the new values of the input, the histories, each chat and each table of predictions.

    histories: name of the model -> entities of earlier turns. shown: the messages of each chat.
    """
    histories, chats, facts = dict(histories), [], []
    for (name, session), chat in zip(sessions.items(), shown, strict=True):
        visitor = Session(session.trained, session.kb, tuple(histories.get(name, ())))
        prediction = visitor.reply(text)
        histories[name] = visitor.history
        chats.append([*chat, _message("user", text), _message("assistant", mask(prediction.response))])
        facts.append([list(pair) for pair in segments_of(prediction)])
    return ("", histories, *chats, *facts)


def _message(role: str, text: str) -> dict[str, str]:
    """A message for gr.Chatbot. The text is escaped: Gradio renders HTML in messages even without Markdown."""
    return {"role": role, "content": html.escape(text)}


def launch(page: gr.Blocks, port: int | None) -> None:
    """Serves the page on this machine only, until interrupted."""
    page.launch(server_name="127.0.0.1", server_port=port, theme=gr.themes.Default(font=list(_FONTS)), share=False)

"""The command chat: trained models, in the terminal or on a page."""

from __future__ import annotations

import argparse
from pathlib import Path

from cmcc_bench.commands.console import (
    Commands,
    add_command,
    console,
    positive_number,
    silence_transformers,
)

_CHAT = """\
examples:
  cmcc chat tiny
  cmcc chat tiny --web
  cmcc chat runs/baseline/best runs/variant/best --dataset cmcc --web"""


def add(commands: Commands) -> None:
    """Adds the parser of the command."""
    chat = add_command(commands, "chat", "chat with one or more trained models", _CHAT)
    chat.add_argument(
        "models",
        type=Path,
        nargs="+",
        metavar="MODEL",
        help="folders of trained models (RUN/best), Hub ids, or tiny, which ships (synthetic); several side by side",
    )
    chat.add_argument("--dataset", default="sample", help="data set of the calls to chat about (default: %(default)s)")
    chat.add_argument(
        "--dialogue",
        metavar="ID",
        help="call to chat about: its local KB is used (default: the one of the test split with the most examples)",
    )
    chat.add_argument("--web", action="store_true", help="open a page instead, on this machine only")
    chat.add_argument("--port", type=positive_number, metavar="N", help="port of the page (default: a free one)")
    chat.set_defaults(run=_chat)


def _chat(options: argparse.Namespace) -> int:
    from cmcc_bench.chat.calls import ChatCalls
    from cmcc_bench.chat.session import Session, model_name, open_chat_model

    silence_transformers()
    sessions: dict[str, Session] = {}
    calls = ChatCalls(options.dataset)
    call = calls.open(options.dialogue or calls.default())
    for model in options.models:
        trained = open_chat_model(model)
        sessions[model_name(model, trained, sessions)] = Session(trained, call.kb)
    if options.web:
        from cmcc_bench.chat.page import ChatPage, launch

        page = ChatPage(sessions, calls).make(call)
        console.print(f"Open {launch(page, options.port)} in a browser on this machine. Ctrl-C ends.", highlight=False)
        page.block_thread()
    else:
        from cmcc_bench.chat.terminal import talk

        talk(sessions, calls, call, console)
    return 0

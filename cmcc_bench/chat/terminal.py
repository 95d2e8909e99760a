"""The conversation in a terminal: every turn shows what each model predicted before it answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cmcc_bench.chat.session import Session, kb_lines, segments_of
from cmcc_bench.masking import mask

HELP = "Type what the user says. /kb shows what the models know, /reset begins anew, /quit (or Ctrl-D) ends."


def talk(sessions: Mapping[str, Session], console: Console, read: Callable[[str], str] = input) -> None:
    """Reads lines and answers them until /quit or the end of the input.

    sessions: by the models' names. read: gives the next line for a prompt; EOFError ends the conversation.
    """
    console.print(HELP, style="dim")
    while True:
        try:
            line = read("用户> ").strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if line == "/quit":
            return
        if line == "/reset":
            for session in sessions.values():
                session.reset()
            console.print("The models have forgotten what was said.", style="dim")
        elif line == "/kb":
            for fact in kb_lines(next(iter(sessions.values())).kb):
                console.print(Text(fact))
        elif line:
            console.print(turn_table({name: session.reply(line) for name, session in sessions.items()}))


def turn_table(predictions: Mapping[str, object]) -> Table:
    """The predictions of one turn, a column a model."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("")
    for name in predictions:
        table.add_column(Text(name), overflow="fold")
    segments = [dict(segments_of(prediction)) for prediction in predictions.values()]  # type: ignore[arg-type]
    for name in dict.fromkeys(name for found in segments for name in found):
        table.add_row(Text(name, style="dim"), *[Text(found.get(name, "–"), style="dim") for found in segments])
    responses = [getattr(prediction, "response") for prediction in predictions.values()]  # noqa: B009
    table.add_row(Text("客服"), *[Text(mask(response)) for response in responses])
    return table

"""The chat in a terminal: each turn shows what each model predicted before its reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rich.console import Console
from rich.text import Text

from cmcc_bench.chat.session import Session, kb_lines, segments_of
from cmcc_bench.masking import mask
from cmcc_bench.reports.table import NOTHING, ReportTable, TerminalTable

HELP = "Type an utterance of the user. Commands: /kb shows the local KB, /reset starts again, /quit (or Ctrl-D) ends."

UNREADABLE = (
    "The line cannot be decoded with the terminal's encoding and was not sent. Set PYTHONIOENCODING=utf-8 and retry."
)


def talk(sessions: Mapping[str, Session], console: Console, read: Callable[[str], str] = input) -> None:
    """Reads lines and prints the replies until /quit or the end of the input.

    sessions: name of the model -> session. read: returns the next line for a prompt; EOFError ends the chat.
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
        if "\ufffd" in line:
            console.print(UNREADABLE, style="red")
            continue
        if line == "/reset":
            for session in sessions.values():
                session.reset()
            console.print("The models have forgotten what was said.", style="dim")
        elif line == "/kb":
            for fact in kb_lines(next(iter(sessions.values())).kb):
                console.print(Text(fact))
        elif line:
            console.print(turn_table({name: session.reply(line) for name, session in sessions.items()}))


def turn_table(predictions: Mapping[str, object]) -> TerminalTable:
    """The predictions of one turn as a table, one column per model."""
    segments = [dict(segments_of(prediction)) for prediction in predictions.values()]  # type: ignore[arg-type]
    rows = [
        (name, *(texts.get(name, NOTHING) for texts in segments))
        for name in dict.fromkeys(name for texts in segments for name in texts)
    ]
    responses = [str(getattr(prediction, "response")) for prediction in predictions.values()]  # noqa: B009
    return ReportTable("", ("", *predictions), (*rows, ("客服", *map(mask, responses)))).terminal()

"""The chat in a terminal: below each reply stand the predictions before it, and the part of the KB that was queried.

What the KB gave stands in 【】 in the reply and in the KB, so that it is also seen without colors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from cmcc_bench.chat.calls import ChatCall, ChatCalls
from cmcc_bench.chat.session import Session, note_about
from cmcc_bench.chat.trace import KBCard, TraceSegment, kb_cards, pieces_of, shown, trace_of
from cmcc_bench.errors import DataError, printable
from cmcc_bench.tasks import Prediction
from cmcc_bench.views import LocalKB, kb_result

_INVITATION = "Type an utterance of the user"
_COMMANDS = (
    "/kb shows the local KB, /calls the calls to chat about, /call ID changes to one, /reset starts again, /quit ends."
)
UNREADABLE = (
    "The line cannot be decoded with the terminal's encoding and was not sent. Set PYTHONIOENCODING=utf-8 and retry."
)
_WIDEST, _LABEL_WIDTH, _GAP = 100, 32, 2  # cells: the maximum of a line and of its first column, and between columns
_HIT, _CARING, _LABEL = "bold yellow", "bold magenta", "dim"


def talk(
    sessions: Mapping[str, Session],
    calls: ChatCalls,
    call: ChatCall,
    console: Console,
    read: Callable[[str], str] = input,
) -> None:
    """Reads lines and prints the replies until /quit or the end of the input.

    sessions: name of the model -> session. call: the first one to chat about. read: returns the next line for a prompt;
    EOFError ends the chat.
    """
    chat = _Chat(sessions, calls, console)
    chat.introduce()
    chat.start(call)
    while True:
        try:
            line = read("用户> ").strip()
        except (EOFError, KeyboardInterrupt):
            console.print()
            return
        if line == "/quit":
            return
        chat.answer(line)


class _Chat:
    """A conversation in a terminal."""

    def __init__(self, sessions: Mapping[str, Session], calls: ChatCalls, console: Console) -> None:
        self._sessions, self._calls, self._console = sessions, calls, console

    def introduce(self) -> None:
        """Shows the names of the models and what to know about them."""
        self._print(Text(_printable(note_about(self._sessions))), Text(""))

    def start(self, call: ChatCall) -> None:
        """Starts a conversation about a call and shows its KB and the openings."""
        self._call = call
        for session in self._sessions.values():
            session.start(call.kb)
        self._print(Text(f"Call {call.dialogue_id} of {self._calls.dataset}. Its local KB 知识库:"))
        self._print_kb()
        self._print(Text(f"\n{_INVITATION}{', or the number of one of these:' if call.openings else '.'}"))
        self._print(
            _TwoColumns([(Text(key), Text(_printable(shown(opening)))) for key, opening in self._openings().items()])
        )
        self._print(Text(f"{_COMMANDS}\n", style=_LABEL))

    def _openings(self) -> dict[str, str]:
        return {f"/{number}": opening for number, opening in enumerate(self._call.openings, 1)}

    def answer(self, line: str) -> None:
        """Carries out a command, or answers what the user said."""
        command, _, argument = line.partition(" ")
        openings = self._openings()
        if "\ufffd" in line:
            self._print(Text(UNREADABLE, style="red"))
        elif line == "/reset":
            self.start(self._call)
        elif line == "/kb":
            self._print_kb()
        elif line == "/calls":
            self._print(
                _TwoColumns(
                    [(Text(id_), Text(_printable(shown(self._calls.open(id_).begins)))) for id_ in self._calls.ids]
                )
            )
        elif line == "/call":
            self._print(Text("Name a call: /call ID. /calls shows them.", style="red"))
        elif command == "/call":
            self._open(argument.strip())
        elif line in openings:
            self._print(Text(_printable(f"用户  {shown(openings[line])}")))
            self._reply(openings[line])
        elif line.startswith("/"):
            self._print(Text(_printable(f"There is no command {line}."), style="red"), Text(_COMMANDS, style=_LABEL))
        elif line:
            self._reply(line)

    def _open(self, dialogue_id: str) -> None:
        try:
            self.start(self._calls.open(dialogue_id))
        except DataError as error:
            self._print(Text(str(error), style="red"))

    def _reply(self, text: str) -> None:
        for name, session in self._sessions.items():
            prediction = session.reply(text)
            speaker = "客服" if len(self._sessions) == 1 else f"客服 {name}"
            self._print(Text(""), *_reply_lines(speaker, prediction, self._call.kb))
        self._print(Text(""))

    def _print_kb(self) -> None:
        self._print(_TwoColumns([_card_line(card) for card in kb_cards(self._call.kb)]))

    def _print(self, *shown_items: Text | _TwoColumns) -> None:
        for item in shown_items:
            self._console.print(item, soft_wrap=False, width=min(self._console.width, _WIDEST), highlight=False)


def _printable(text: str) -> str:
    return printable(text, len(text))


def _reply_lines(speaker: str, prediction: Prediction, kb: LocalKB) -> Iterator[Text | _TwoColumns]:
    reply = Text()
    for piece, is_hit in pieces_of(prediction.response, kb_result(kb, prediction.user_intent)):
        reply.append_text(_marked(piece, is_hit))
    yield _TwoColumns([(Text(speaker, style="bold"), reply)])
    segments = trace_of(prediction, kb)
    rows = [(Text(f"  {part.english} {part.chinese}", style=_LABEL), _segment_text(part)) for part in segments]
    cards = [_card_line(card) for card in kb_cards(kb, prediction.user_intent) if card.has_hit]
    rows += [
        (Text("  local KB 知识库", style=_LABEL), title.append(" — ").append_text(facts)) for title, facts in cards
    ]
    yield _TwoColumns(rows)


@dataclass(frozen=True)
class _TwoColumns:
    """Two columns without lines; a long text is wrapped inside its column, and no line ends with blanks."""

    rows: Sequence[tuple[Text, Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the lines, of at most `options.max_width`."""
        first = min(_LABEL_WIDTH, max((label.cell_len for label, _ in self.rows), default=0))
        rest = options.max_width - first - _GAP
        for label, text in self.rows:
            parts = [part.wrap(console, width, overflow="fold") for part, width in ((label, first), (text, rest))]
            for left, right in zip_longest(*parts, fillvalue=Text()):
                blanks = " " * (first + _GAP - left.cell_len)
                line = Text.assemble(left, blanks, right)
                line.rstrip()
                yield line


def _segment_text(segment: TraceSegment) -> Text:
    texts = []
    for item in segment.items:
        text = Text(_printable(f"{item.english} {item.text}".strip()), style=_CARING if item.is_caring else "")
        texts.append(text.append(" (caring 关怀)") if item.is_caring else text)
    return Text("; ").join(texts) if texts else Text(segment.note, style=_LABEL)


def _card_line(card: KBCard) -> tuple[Text, Text]:
    """The title and the facts of an entity."""
    title = _marked(card.title, card.is_hit).append(_printable(f" ({card.type})" if card.type else ""))
    return title, Text("; ").join(_marked(f"{fact.slot}：{fact.text}", fact.is_hit) for fact in card.facts)


def _marked(text: str, is_hit: bool) -> Text:
    return Text(_printable(f"【{text}】" if is_hit else text), style=_HIT if is_hit else "")

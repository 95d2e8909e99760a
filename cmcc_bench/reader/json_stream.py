"""The dialogues in a raw file, one at a time, whatever the form: memory does not grow with the file.

The simple version is `json.load(file)`, for a file that fits into memory and is one list. Instead, `_Buffer` holds a
piece of the text and lets json's own scanner decode one value from where the reading is. When the scanner fails, the
value may be cut off: the buffer reads more and tries again, until the file ends or the value is too long for a
dialogue. What stands between the values (brackets, commas, the keys of the outermost object) is read here, and tells
the forms apart (`_form_of`); a file's beginning is read twice for that.

The scanner is the standard library's because it reports every key of an object: ijson, orjson and msgspec keep the last
of two equal keys and drop the other unseen. It also takes NaN and half a surrogate pair, which tools write, and which
cost no dialogue here; and it was faster than ijson.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import orjson

from cmcc_bench.errors import DataError, printable
from cmcc_bench.reader.encoding import RawFile, open_text
from cmcc_bench.reader.keys import ANNOTATIONS, KEYS_AS_COMPARED, KNOWN_KEYS, SPEAKER_KEYS
from cmcc_bench.reader.labels import is_missing
from cmcc_bench.types import Json
from cmcc_bench.vocabulary import plain_name

_CHUNK = 1 << 20  # characters read at a time
_AHEAD = 1 << 13  # characters read at a time of a file's beginning, to see its form
_LONGEST_DIALOGUE = 1 << 24  # characters; what is longer is no dialogue
_TOO_LONG = f"more than {_LONGEST_DIALOGUE >> 20} million characters without an end"


@dataclass(frozen=True)
class RawDialogue:
    """A dialogue as it stands in a raw file, decoded but not checked.

    index: its place in the file, from 0. text: its JSON. doubled: (key, whether both values were equal) of each key
    that stands twice in one object. repaired: what was unusual about the file and was read all the same, by kind.
    """

    file: RawFile
    index: int
    text: str
    value: Any
    doubled: tuple[tuple[str, bool], ...]
    repaired: tuple[str, ...] = ()

    @property
    def source_format(self) -> str:
        """Which of the published forms it has; "" for none.

        mobilecs: {id, content}. older: a list of turns, without id. cmcc: mobilecs with 用户情绪 or 满意度. unlabelled:
        turns that hold nothing but texts. track2: SereTOD Track 2's test and result files, {id, KB, content}.
        """
        value = self.value
        turns = value.get("content") if isinstance(value, dict) else value
        if not isinstance(turns, list):
            return ""
        objects = [turn for turn in turns if isinstance(turn, dict)]
        keys = {key for turn in objects for key in turn}
        if not keys <= SPEAKER_KEYS.keys():
            # Null says nothing: a table of several forms, saved again as JSON, has the keys of all in each dialogue.
            keys = {key for turn in objects for key in turn if not is_missing(turn[key])}
            keys |= {KEYS_AS_COMPARED.get(plain_name(key), key) for key in keys - KNOWN_KEYS}
        if isinstance(value, dict) and (not is_missing(value.get("KB")) or "用户" in keys):
            return "track2"
        if "用户情绪" in keys or (isinstance(value, dict) and not is_missing(value.get("满意度"))):
            return "cmcc"
        if not keys & ANNOTATIONS:
            return "unlabelled"
        return "mobilecs" if isinstance(value, dict) else "older"


def holds_no_dialogues(path: Path) -> bool:
    """Whether a .json file is an object without dialogues, so a care file if anything."""
    if not path.name.lower().endswith((".json", ".json.gz")):
        return False
    file, begins = RawFile(path, path.name, None), ""
    try:
        with open_text(file) as (stream, _):
            begins = _Buffer(stream, file).peek()
            stream.seek(0)
            return begins == "{" and not _form_of(_Buffer(stream, file, _AHEAD))[0]
    except DataError as error:
        return error.place.get("line") is not None and begins == "{"  # broken JSON; reading it as labels says so


def raw_dialogues(file: RawFile, on_bad_line: Callable[[str, DataError], None] | None = None) -> Iterator[RawDialogue]:
    """The dialogues of one raw file in order, read as a stream: memory does not grow with the file.

    A .json file is a list of dialogues, a .jsonl file has a dialogue a line; either may be gzipped and in UTF-8. Other
    forms and encodings are read where they are certain, whatever the suffix, and named in `repaired` of each dialogue:

        file_form:json_lines     a dialogue a line in a .json file
        file_form:list           a list of dialogues in a .jsonl file
        file_form:one_dialogue   the file is one dialogue
        file_form:concatenated   dialogues, or lists of them, one after the other
        file_form:by_id          an object of dialogues by id; an id that stands in a dialogue goes before its key
        file_form:in_object      an object with one list of dialogues, such as {"data": [...]}
        file_form:gzip           gzipped without the suffix .gz; file_form:not_gzip, the other way round
        file_encoding:...        gb18030, utf-16 or utf-32

    on_bad_line: takes a line that is not JSON of a file with a dialogue a line, and its error, instead of raising.
    Raises DataError when the file cannot be read, is not JSON, is cut off, or holds no dialogues.
    """
    with open_text(file) as (stream, repaired):
        form, key = _layout(stream, file)
        stream.seek(0)
        is_lines = ".jsonl" in file.path.name.lower()
        if form != ("lines" if is_lines else "list"):
            repaired += (f"file_form:{'json_lines' if form == 'lines' else form}",)
        if form == "lines":
            yield from _elements_of_lines(stream, file, on_bad_line, repaired)
            return
        buffer = _Buffer(stream, file)
        if form == "in_object":
            elements = _in_object(buffer, key)
        else:
            elements = {"list": _lists, "by_id": _by_id}.get(form, _values)(buffer)
        for index, (value, text, doubled, more) in enumerate(elements):
            yield RawDialogue(file, index, text, value, doubled, repaired + more)


def read_json(path: Path) -> Json:
    """The content of a small JSON file, such as a care file, in any encoding that `raw_dialogues` takes.

    Raises DataError when it cannot be read or is not JSON.
    """
    with open_text(RawFile(path, path.name, None)) as (stream, _):
        text = stream.read()
    try:
        return orjson.loads(text.encode(errors="surrogatepass"))
    except orjson.JSONDecodeError as error:
        raise DataError(f"a file that cannot be read ({error})", "JSON", file=path.name) from error


class _DoubledKeys:
    """Makes dicts of JSON objects and remembers keys that stand twice in one; JSON readers drop the first silently."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bool]] = []

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            seen: dict[str, Any] = {}
            for key, value in pairs:
                if key in seen:
                    self.found.append((key, seen[key] == value))
                seen[key] = value
        return result

    def take(self) -> tuple[tuple[str, bool], ...]:
        """What was found since the last call."""
        found, self.found = tuple(self.found), []
        return found


def _elements_of_lines(
    stream: io.TextIOBase,
    file: RawFile,
    on_bad_line: Callable[[str, DataError], None] | None,
    repaired: tuple[str, ...],
) -> Iterator[RawDialogue]:
    doubled = _DoubledKeys()
    decode = json.JSONDecoder(object_pairs_hook=doubled).decode
    lines = enumerate(_lines(stream, file), 1)
    filled = ((number, line) for number, raw_line in lines if (line := raw_line.lstrip("\ufeff")).strip())
    for index, (number, line) in enumerate(filled):
        try:
            value = decode(line)
        except (ValueError, RecursionError) as error:
            broken = DataError(f"a line that is not JSON ({error})", "a dialogue a line", file=file.name, line=number)
            if on_bad_line is None:
                raise broken from error
            on_bad_line(line, broken)
            doubled.take()
            continue
        yield RawDialogue(file, index, line.strip(), value, doubled.take(), repaired)


def _lines(stream: io.TextIOBase, file: RawFile) -> Iterator[str]:
    number = 0
    while line := stream.readline(_LONGEST_DIALOGUE + 1):
        number += 1
        if len(line) > _LONGEST_DIALOGUE:
            raise DataError(_TOO_LONG, "a dialogue a line", file=file.name, line=number)
        yield line


class _Element(NamedTuple):
    """A decoded value, its JSON, and what `RawDialogue` says of it."""

    value: Any
    text: str
    doubled: tuple[tuple[str, bool], ...]
    repaired: tuple[str, ...] = ()


def _layout(stream: io.TextIOBase, file: RawFile) -> tuple[str, str]:
    """How a file's dialogues are to be read, and the key of the list that `in_object` has. Reads on in the stream.

    A .jsonl file has a dialogue a line unless its beginning shows something else. Raises DataError for a .json file
    that holds no dialogues.
    """
    is_lines = ".jsonl" in file.path.name.lower()
    try:
        form, key = _form_of(_Buffer(stream, file, _AHEAD))
        if form == "values":
            stream.seek(0)
            return _layout_of_values(_Buffer(stream, file, _AHEAD), is_lines), ""
    except DataError:
        if not is_lines:
            raise
        return "lines", ""
    if is_lines and form in ("", "maybe_list"):
        return "lines", ""
    if not form:
        found = f"an object with {key} and no dialogue in it" if key else "an empty object"
        hint = (
            "Dialogues are {id, content}; they stand in a list, a line each, or by id in one object. If this is a care"
            " file, name it care.json (care*.json and care*.json.gz are read), or move it and add --care FILE."
        )
        raise DataError(found, _LIST, hint, file=file.name)
    return form.removeprefix("maybe_"), key


def _form_of(buffer: _Buffer) -> tuple[str, str]:
    """What the first value of a file is, by the first dialogue in it: (form, key of the list that has dialogues).

    list, by_id, in_object, values (it is a dialogue itself), maybe_list (nothing in the list is a dialogue), or "" for
    an object without dialogues, then with its keys for a message.
    """
    if not buffer.peek():
        hint = "Get it again, or remove it: an interrupted copy or download leaves such a file."
        buffer.fail("an empty file", None, _LIST, hint)
    if buffer.peek() != "{":
        for element in _list_elements(buffer):
            if _is_turn_of_texts(element.value) or _is_dialogue(element.value):
                return ("list" if _is_dialogue(element.value) else "values"), ""
        return "maybe_list", ""
    keys, by_id = list[str](), False
    for key in _keys(buffer):
        keys.append(key)
        is_list = buffer.peek() == "["
        for element in _list_elements(buffer) if is_list else (buffer.decode(),):
            if is_list and _is_turn_of_texts(element.value):
                if key == "content":
                    return "values", ""
                by_id = True  # unless the object has an id: then it is a dialogue with its turns under another key
            elif _is_dialogue(element.value):
                return ("in_object", key) if is_list else ("by_id", "")
    if "id" in keys or "content" in keys:
        return ("values" if "content" in keys or not by_id else ""), _some(keys)
    return ("by_id", "") if by_id else ("", _some(keys))


def _some(keys: list[str]) -> str:
    shown = ", ".join(repr(printable(key, 40)) for key in keys[:5])
    return f"the key{'s' if len(keys) > 1 else ''} {shown}{', ...' if len(keys) > 5 else ''}" if keys else ""


def _is_turn_of_texts(value: Json) -> bool:
    return isinstance(value, dict) and "content" not in value and not _UTTERANCE_KEYS.isdisjoint(value)


def _is_dialogue(value: Json) -> bool:
    turns = value.get("content") if isinstance(value, dict) else value
    return isinstance(turns, list) and (isinstance(value, dict) or any(map(_is_turn_of_texts, turns)))


def _layout_of_values(buffer: _Buffer, is_lines: bool) -> str:
    """Of a file that begins with a dialogue: lines, concatenated or one_dialogue."""
    buffer.peek()
    begins = buffer.line_number
    buffer.decode()
    ends, following = buffer.line_number, buffer.peek()
    if not following:
        return "lines" if is_lines and begins == ends else "one_dialogue"
    if following not in "{[":
        hint = "Put several dialogues in a list, [{...}, {...}], or each on a line of its own without commas."
        buffer.fail(f"{following!r} after the first dialogue", None, "the end of the file, or a next dialogue", hint)
    return "lines" if begins == ends < buffer.line_number else "concatenated"


def _list_elements(buffer: _Buffer) -> Iterator[_Element]:
    """The elements of the list that begins here."""
    buffer.expect("[", _LIST)
    if buffer.peek() != "]":
        while True:
            yield buffer.decode()
            if buffer.peek() == "]":
                break
            buffer.expect(",", "a comma or the end of the list after a dialogue")
            buffer.peek()
    buffer.expect("]", "the end of the list")


def _keys(buffer: _Buffer) -> Iterator[str]:
    """The keys of the object that begins here; the caller reads the value of each before the next key."""
    buffer.expect("{", "an object")
    if buffer.peek() != "}":
        while True:
            if buffer.peek() != '"':
                buffer.fail(repr(buffer.peek()), None, "a key in double quotes")
            key = buffer.decode().value
            buffer.expect(":", "a colon after a key")
            buffer.peek()
            yield key
            if buffer.peek() == "}":
                break
            buffer.expect(",", "a comma or the end of the object after a value")
    buffer.expect("}", "the end of the object")


def _lists(buffer: _Buffer) -> Iterator[_Element]:
    """The elements of a list, and of those that follow it."""
    repaired: tuple[str, ...] = ()
    while not repaired or buffer.peek() == "[":
        for element in _list_elements(buffer):
            yield element._replace(repaired=repaired) if repaired else element
        repaired = ("file_form:concatenated",)
    buffer.expect_end("the list")


def _values(buffer: _Buffer) -> Iterator[_Element]:
    """Dialogues one after the other."""
    while buffer.peek() in ("{", "["):
        yield buffer.decode()
    buffer.expect_end("a dialogue")


def _by_id(buffer: _Buffer) -> Iterator[_Element]:
    """The dialogues of an object, with its keys as their ids; what is no dialogue is counted with the one before."""
    last, ignored = None, list[str]()
    for key in _keys(buffer):
        element = buffer.decode()
        if not isinstance(element.value, dict | list):
            ignored.append(key)
            continue
        if last is not None:
            yield last._replace(repaired=last.repaired + _ignored(ignored))
            ignored = []
        last = _with_id(key, element)
    buffer.expect_end("the object")
    if last is not None:
        yield last._replace(repaired=last.repaired + _ignored(ignored))


def _with_id(key: str, element: _Element) -> _Element:
    value, text = element.value, element.text
    name = json.dumps(key, ensure_ascii=False)
    if isinstance(value, list):
        return element._replace(value={"id": key, "content": value}, text=f'{{"id": {name}, "content": {text}}}')
    if value.get("id") not in (None, ""):
        return element if str(value["id"]) == key else element._replace(repaired=("id_differs_from_key",))
    value = {"id": key, **{k: v for k, v in value.items() if k != "id"}}
    if "id" in element.value or len(value) == 1:
        return element._replace(value=value, text=json.dumps(value, ensure_ascii=False))
    return element._replace(value=value, text=f'{{"id": {name}, {text[1:]}')


def _in_object(buffer: _Buffer, name: str) -> Iterator[_Element]:
    """The dialogues of the list that an object has under `name`; its other keys are counted with the last one."""
    last, ignored = None, list[str]()
    for key in _keys(buffer):
        elements = _list_elements(buffer) if buffer.peek() == "[" else (buffer.decode(),)
        if key == name and last is None:
            for element in elements:
                if last is not None:
                    yield last
                last = element
        elif any(_is_dialogue(element.value) for element in elements):
            hint = "Write each list into a file of its own, such as train.json and test.json."
            buffer.fail(f"dialogues under {name!r:.40} and under {key!r:.40}", None, "one list of dialogues", hint)
        else:
            ignored.append(key)
    buffer.expect_end("the object")
    if last is not None:
        yield last._replace(repaired=_ignored(ignored))


def _ignored(keys: list[str]) -> tuple[str, ...]:
    return tuple(f"ignored_key:{printable(key, 40)}" for key in keys)


class _Buffer:
    """The part of a text stream that is being decoded, with the line number for messages."""

    def __init__(self, stream: io.TextIOBase, file: RawFile, chunk: int | None = None) -> None:
        self.stream, self.file, self.text, self.position, self.line = stream, file, "", 0, 1
        self._chunk = chunk or _CHUNK
        self._doubled = _DoubledKeys()
        self._scan = json.JSONDecoder(object_pairs_hook=self._doubled).raw_decode

    @property
    def held(self) -> int:
        """Characters that are not decoded yet."""
        return len(self.text) - self.position

    @property
    def line_number(self) -> int:
        """The line of the place where the reading is."""
        return self.line + self.text.count("\n", 0, self.position)

    def grow(self) -> bool:
        """Reads on, dropping what is decoded; False at the end of the file or when an element is too long.

        It reads at least as much as it holds: an element that is longer than a chunk is scanned a few times, not often.
        """
        more = self.stream.read(max(self._chunk, self.held)) if self.held < _LONGEST_DIALOGUE else ""
        self.line += self.text.count("\n", 0, self.position)
        self.text, self.position = self.text[self.position :] + more, 0
        return bool(more)

    def decode(self) -> _Element:
        """The value that begins here: json's own scanner says where it ends. Raises DataError where it is not JSON."""
        while True:
            try:
                value, end = self._scan(self.text, self.position)
                if isinstance(value, dict | list | str) or not _CUT_NUMBER.match(self.text, end) or not self.grow():
                    break
            except (ValueError, RecursionError) as error:
                self._doubled.take()
                if isinstance(error, RecursionError) or not self.grow():
                    too_long = self.held >= _LONGEST_DIALOGUE
                    found = _TOO_LONG if too_long else f"JSON that cannot be read ({getattr(error, 'msg', error)})"
                    self.fail(found, error)
        text, self.position = self.text[self.position : end], end
        return _Element(value, text, self._doubled.take())

    def peek(self) -> str:
        """The next character that is not white space, "" at the end of the file."""
        while True:
            found = _NOT_SPACE.search(self.text, self.position)
            if found:
                self.position = found.start()
                return found.group()
            self.position = len(self.text)
            if not self.grow():
                return ""

    def expect(self, character: str, what: str) -> None:
        """Steps over a character. Raises DataError, expected `what`, when another stands there."""
        found = self.peek()
        if found != character:
            self.fail(repr(found) if found else "the end of the file", None, what)
        self.position += 1

    def expect_end(self, what: str) -> None:
        """Raises DataError unless nothing follows, in which `what` has ended."""
        if self.peek():
            self.fail(f"{self.peek()!r} after the end of {what}", None)

    def fail(
        self,
        found: str,
        cause: BaseException | None,
        expected: str = "a whole JSON list of dialogues",
        hint: str = "Is the file cut off or edited by hand? What follows this place cannot be read.",
    ) -> NoReturn:
        """Raises DataError for what was found where the reading is, with the file and the line."""
        raise DataError(found, expected, hint, file=self.file.name, line=self.line_number) from cause


_CUT_NUMBER = re.compile(r"[-+.eE\d]*\Z")  # after a number: where the text that was read ends, it may go on
_LIST = "a list of dialogues: [{...}, ...]"
_UTTERANCE_KEYS = {"[SPEAKER 1]", "[SPEAKER 2]", "用户", "客服"}
_NOT_SPACE = re.compile(r"[^ \t\r\n\ufeff]")  # files that were joined have byte order marks within

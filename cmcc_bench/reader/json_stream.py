"""Reads the dialogues of a raw file one at a time, in any of its forms. Memory use does not grow with the file.

The simple version is `json.load(file)`, for a file that fits into memory and is one list. Instead, `_Buffer` holds a
part of the text and decodes one value at its current position with the scanner of the standard library. If the scanner
fails, the value may be cut off: the buffer reads more text and tries again, until the file ends or the value is too
long for a dialogue. The brackets, commas and keys between the values are parsed here. They distinguish the forms
(`_form_of`), so the beginning of a file is read twice.

Why this scanner: it can report every key of an object, while ijson, orjson and msgspec silently drop the first of two
equal keys. It also accepts NaN, integers of any length and half of a surrogate pair, which some tools write; no
dialogue is lost for them. It is slow only if it calls a hook for each object. So `_decode` first decodes a value
without the hook, and compares the numbers of its keys and of the colons in its text; only if a key may be doubled, it
decodes the value again with the hook.

Most files are lists in UTF-8 without any of this. `_list_in_batches` decodes them in half of the time: orjson reads the
bytes of many dialogues at once. The result is used only if the scanner would give the same (`_decode_batch`), else the
scanner reads these dialogues, or the rest of the file.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import orjson

from cmcc_bench.errors import DataError, printable
from cmcc_bench.reader.encoding import RawFile, open_text
from cmcc_bench.reader.keys import ANNOTATIONS, KEYS_BY_PLAIN_NAME, KNOWN_KEYS, SPEAKER_KEYS
from cmcc_bench.reader.labels import is_missing
from cmcc_bench.types import Json
from cmcc_bench.vocabulary import plain_name

_FIX_FILE = "The file may be cut off or edited by hand. The rest of it cannot be read. Fix it or download it again."
_CHUNK = 1 << 18  # characters read at a time
_BATCH = 1 << 17  # bytes read at a time to decode many dialogues at once
_AHEAD = 1 << 13  # characters read at a time to detect the form of a file
_LONGEST_DIALOGUE = 1 << 24  # characters
_TOO_LONG = f"more than {_LONGEST_DIALOGUE >> 20} million characters in one dialogue"


@dataclass(slots=True)  # a build makes one for each dialogue, and a frozen one takes four times as long
class RawDialogue:
    """A dialogue of a raw file, decoded but not checked.

    index: its position in the file, from 0. source: its JSON, or the batch that has it and the position there. doubled:
    for each key that occurs twice in one JSON object, (key, whether both values are equal). repaired: the kinds of
    repair of the file, such as of its form or encoding.
    """

    file: RawFile
    index: int
    source: str | tuple[JsonBatch, int]
    value: Any
    doubled: tuple[tuple[str, bool], ...]
    repaired: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Its JSON."""
        return self.source if isinstance(self.source, str) else self.source[0].texts[self.source[1]]

    @property
    def size(self) -> int:
        """The size of its JSON in bytes; in a batch the mean size."""
        return len(self.source.encode(errors="surrogatepass")) if isinstance(self.source, str) else self.source[0].mean

    @property
    def characters(self) -> int:
        """The length of its JSON; in a batch, where no dialogue is long, the mean size in bytes."""
        return len(self.source) if isinstance(self.source, str) else self.source[0].mean

    @property
    def may_hold_surrogates(self) -> bool:
        """Whether a text may have half of a surrogate pair: only an escape sequence can, and orjson accepts none."""
        return isinstance(self.source, str) and "\\u" in self.source

    @property
    def source_format(self) -> str:
        """The form of the dialogue, one of the published ones; "" for any other.

        mobilecs: {id, content}. older: a list of turns, without id. cmcc: mobilecs with 用户情绪 or 满意度. unlabeled:
        turns with texts only. track2: SereTOD Track 2's test and result files, {id, KB, content}.
        """
        value = self.value
        turns = value.get("content") if isinstance(value, dict) else value
        if not isinstance(turns, list):
            return ""
        objects = turns if set(map(type, turns)) == {dict} else [turn for turn in turns if isinstance(turn, dict)]
        keys = set[str]().union(*objects)
        if not keys <= SPEAKER_KEYS.keys():
            # Null values are ignored: a table of several forms, saved as JSON, has the keys of all forms in each row.
            keys = {key for key in keys if any(not is_missing(turn.get(key)) for turn in objects)}
            keys |= {KEYS_BY_PLAIN_NAME.get(plain_name(key), key) for key in keys - KNOWN_KEYS}
        if isinstance(value, dict) and (not is_missing(value.get("KB")) or "用户" in keys):
            return "track2"
        if "用户情绪" in keys or (isinstance(value, dict) and not is_missing(value.get("满意度"))):
            return "cmcc"
        if not keys & ANNOTATIONS:
            return "unlabeled"
        return "mobilecs" if isinstance(value, dict) else "older"


def holds_no_dialogues(path: Path) -> bool:
    """Whether a .json file is an object without dialogues, and so may be a care file."""
    if not path.name.lower().endswith((".json", ".json.gz")):
        return False
    file, first = RawFile(path, path.name, None), ""
    try:
        with open_text(file) as (stream, _):
            first = _Buffer(stream, file).peek()
            stream.seek(0)
            return first == "{" and not _form_of(_Buffer(stream, file, _AHEAD))[0]
    except DataError as error:
        return error.place.get("line") is not None and first == "{"  # broken JSON: `read_care` will raise


def raw_dialogues(file: RawFile, on_bad_line: Callable[[str, DataError], None] | None = None) -> Iterator[RawDialogue]:
    """Yields the dialogues of a raw file in order. Memory use does not grow with the file.

    The standard forms are UTF-8, gzipped or not: a .json file with a list of dialogues, or a .jsonl file with one
    dialogue per line. Other forms and encodings are read if they are certain. Each dialogue has them in `repaired`:

        file_form:json_lines     one dialogue per line in a .json file
        file_form:list           a list of dialogues in a .jsonl file
        file_form:one_dialogue   the file is one dialogue
        file_form:concatenated   dialogues, or lists of dialogues, without commas between them
        file_form:by_id          a JSON object of dialogues by id; an id inside a dialogue has priority over its key
        file_form:in_object      a JSON object with one list of dialogues, such as {"data": [...]}
        file_form:gzip           gzipped without the suffix .gz
        file_form:not_gzip       not gzipped, with the suffix .gz
        file_encoding:...        gb18030, utf-16 or utf-32

    on_bad_line: called with a line that is not JSON and the error, instead of raising; for files with one dialogue per
    line. Raises DataError when the file cannot be read, is not JSON, is cut off, or has no dialogues.
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
        if form == "list":
            is_utf8 = stream.encoding == "utf-8"
            elements = _list_in_batches(stream, file) if is_utf8 else _lists(_Buffer(stream, file))
        elif form == "in_object":
            elements = _in_object(_Buffer(stream, file), key)
        else:
            elements = (_by_id if form == "by_id" else _values)(_Buffer(stream, file))
        for index, (value, source, doubled, more) in enumerate(elements):
            yield RawDialogue(file, index, source, value, doubled, repaired + more if more else repaired)


def read_json(path: Path) -> Json:
    """Reads a small JSON file, such as a care file, in any encoding that `raw_dialogues` reads.

    Raises DataError when it cannot be read or is not JSON.
    """
    with open_text(RawFile(path, path.name, None)) as (stream, _):
        text = stream.read()
    try:
        return orjson.loads(text.encode(errors="surrogatepass"))
    except orjson.JSONDecodeError as error:
        problem = f"the file is not valid JSON ({error})"
        raise DataError(problem, "", "Fix it or copy it again.", file=path.name) from error


_DECODER = json.JSONDecoder()


def _decode(text: str, start: int) -> tuple[Any, int, tuple[tuple[str, bool], ...]]:
    """Decodes the JSON value that begins at `start`. Returns it, its end, and its doubled keys as in `RawDialogue`.

    Raises ValueError or RecursionError as `JSONDecoder.raw_decode` does.
    """
    value, end = _DECODER.raw_decode(text, start)
    if not _may_double_keys(value, text, start, end):
        return value, end, ()
    hook = _DoubledKeys()
    value, end = json.JSONDecoder(object_pairs_hook=hook).raw_decode(text, start)
    return value, end, tuple(hook.doubled)


def _may_double_keys(value: Json, text: str, start: int, end: int) -> bool:
    """Whether an object in `value`, decoded from this part of the text, may have had a key twice. False is certain.

    A key has a colon in the text, and a doubled key has two. Other colons are in strings; they are in the JSON of the
    value as well, unless the text has them as escape sequences. So if the numbers of colons are equal, no key was lost.
    """
    if type(value) not in (dict, list):
        return False
    colons = text.count(":", start, end)
    if colons == _count_plain_keys([value]):
        return False
    try:
        return text.find("\\u003", start, end) >= 0 or colons != orjson.dumps(value).count(b":")
    except TypeError:  # orjson cannot write half of a surrogate pair, or an integer of more than 64 bits
        return True


def _count_plain_keys(values: list[Json]) -> int:
    """The number of keys of dialogues and their turns, without objects inside turns; -1 if one has another form."""
    objects = [value for value in values if type(value) is dict]
    contents: list[Any] = [value.get("content") if type(value) is dict else value for value in values]
    if set(map(type, contents)) != {list}:
        return -1
    turns = list(chain.from_iterable(contents))
    return sum(map(len, turns)) + sum(map(len, objects)) if set(map(type, turns)) == {dict} else -1


def _count_info_keys(values: list[Json]) -> int:
    """The number of keys of the objects `info` in turns, and of the entities and triples in these objects.

    values: for which `_count_plain_keys` gives a number.
    """
    contents = [value["content"] if type(value) is dict else value for value in values]
    infos = [info for turns in contents for turn in turns if type(info := turn.get("info")) is dict]
    lists = [items for info in infos for items in info.values() if type(items) is list]
    objects = [item for items in lists for item in items if type(item) is dict]
    return sum(map(len, infos)) + sum(map(len, objects))


class _DoubledKeys:
    """A hook for JSONDecoder that collects the keys that occur twice in one object; dicts keep the last value only."""

    def __init__(self) -> None:
        self.doubled: list[tuple[str, bool]] = []

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            seen: dict[str, Any] = {}
            for key, value in pairs:
                if key in seen:
                    self.doubled.append((key, seen[key] == value))
                seen[key] = value
        return result


def _elements_of_lines(
    stream: io.TextIOBase,
    file: RawFile,
    on_bad_line: Callable[[str, DataError], None] | None,
    repaired: tuple[str, ...],
) -> Iterator[RawDialogue]:
    lines = enumerate(_lines(stream, file), 1)
    not_blank = ((number, line) for number, raw_line in lines if (line := raw_line.lstrip("\ufeff")).strip())
    for index, (number, line) in enumerate(not_blank):
        try:
            value, end, doubled = _decode(line, len(line) - len(line.lstrip(_SPACES)))
            if rest := line[end:].lstrip(_SPACES):
                raise json.JSONDecodeError("Extra data", line, len(line) - len(rest))
        except (ValueError, RecursionError) as error:
            problem = f"the line is not valid JSON ({error})"
            bad_line = DataError(problem, "", _ONE_PER_LINE, file=file.name, line=number)
            if on_bad_line is None:
                raise bad_line from error
            on_bad_line(line, bad_line)
            continue
        yield RawDialogue(file, index, line.strip(), value, doubled, repaired)


def _lines(stream: io.TextIOBase, file: RawFile) -> Iterator[str]:
    number = 0
    while line := stream.readline(_LONGEST_DIALOGUE + 1):
        number += 1
        if len(line) > _LONGEST_DIALOGUE:
            raise DataError(_TOO_LONG, "", _ONE_PER_LINE, file=file.name, line=number)
        yield line


class _Element(NamedTuple):
    """A decoded value; the other fields as in `RawDialogue`."""

    value: Any
    source: Any
    doubled: tuple[tuple[str, bool], ...] = ()
    repaired: tuple[str, ...] = ()


def _layout(stream: io.TextIOBase, file: RawFile) -> tuple[str, str]:
    """Detects the form of a file, and for `in_object` the key of the list. Moves the position in the stream.

    A .jsonl file has one dialogue per line unless its beginning has another form. Raises DataError for a .json file
    without dialogues.
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
        problem = f"no dialogues in the JSON object with {key}" if key else "the JSON object is empty"
        hint = (
            "Write dialogues, {id, content}, in a list, one per line, or by id in one JSON object. If this is a care"
            " file, name it care.json (care*.json and care*.json.gz are read), or move it and add --care FILE."
        )
        raise DataError(problem, "", hint, file=file.name)
    return form.removeprefix("maybe_"), key


def _form_of(buffer: _Buffer) -> tuple[str, str]:
    """Detects the form of the first value of a file, up to the first dialogue in it: (form, key of the list).

    The form is list, by_id, in_object, values (the value is a dialogue), maybe_list (a list without any dialogue), or
    "" for a JSON object without dialogues; then the second part is its keys for a message.
    """
    if not buffer.peek():
        hint = "A copy or download may have been interrupted. Copy or download the file again, or remove it."
        buffer.fail("the file is empty", None, "", hint)
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
                by_id = True  # unless there is an id: then this is a dialogue with its turns under another key
            elif _is_dialogue(element.value):
                return ("in_object", key) if is_list else ("by_id", "")
    if "id" in keys or "content" in keys:
        return ("values" if "content" in keys or not by_id else ""), _list_keys(keys)
    return ("by_id", "") if by_id else ("", _list_keys(keys))


def _list_keys(keys: list[str]) -> str:
    shown = ", ".join(repr(printable(key, 40)) for key in keys[:5])
    return f"the key{'s' if len(keys) > 1 else ''} {shown}{', ...' if len(keys) > 5 else ''}" if keys else ""


def _is_turn_of_texts(value: Json) -> bool:
    return isinstance(value, dict) and "content" not in value and not _UTTERANCE_KEYS.isdisjoint(value)


def _is_dialogue(value: Json) -> bool:
    turns = value.get("content") if isinstance(value, dict) else value
    return isinstance(turns, list) and (isinstance(value, dict) or any(map(_is_turn_of_texts, turns)))


def _layout_of_values(buffer: _Buffer, is_lines: bool) -> str:
    """The form of a file that begins with a dialogue: lines, concatenated or one_dialogue."""
    buffer.peek()
    first_line = buffer.line_number
    buffer.decode()
    last_line, following = buffer.line_number, buffer.peek()
    if not following:
        return "lines" if is_lines and first_line == last_line else "one_dialogue"
    if following not in "{[":
        hint = "Write several dialogues as a list, [{...}, {...}], or one per line without commas."
        buffer.fail(f"{following!r} after the first dialogue", None, "the end of the file or another dialogue", hint)
    return "lines" if first_line == last_line < buffer.line_number else "concatenated"


def _list_elements(buffer: _Buffer, is_inside: bool = False) -> Iterator[_Element]:
    """Yields the elements of the list at the current position; is_inside: which is in the list, before an element."""
    if not is_inside:
        buffer.expect("[", _LIST)
    if buffer.peek() != "]" or is_inside:
        while True:
            yield buffer.decode()
            if buffer.skip_comma():
                continue
            if buffer.peek() == "]":
                break
            buffer.expect(",", "a comma or the end of the list after a dialogue")
            buffer.peek()
    buffer.expect("]", "the end of the list")


def _keys(buffer: _Buffer) -> Iterator[str]:
    """Yields the keys of the object at the current position. The caller must read each value before the next key."""
    buffer.expect("{", "a JSON object")
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


class JsonBatch:
    """The JSON of dialogues that follow one another in a list, and their values. mean: size of a dialogue in bytes."""

    def __init__(self, data: bytes, values: list[Any]) -> None:
        self._data, self.values, self.mean = data, values, len(data) // len(values)

    @cached_property
    def texts(self) -> list[str]:
        """The JSON of each dialogue."""
        return [element.source for element in _scan_batch(self._data) or ()]


def _scan_batch(data: bytes) -> list[_Element] | None:
    """Decodes values with commas between them, as the buffer does; None if they are not valid."""
    try:
        buffer = _Buffer(io.StringIO(data.decode(), newline=None), RawFile(Path(), "", None))
        buffer.peek()
        elements = [buffer.decode()]
        while buffer.skip_comma():
            elements.append(buffer.decode())
        return None if buffer.peek() else elements
    except (DataError, UnicodeDecodeError):
        return None


def _decode_batch(data: bytes) -> list[_Element] | None:
    """Decodes values with commas between them; None if they are not valid.

    orjson gives what the scanner gives, or an error, except for doubled keys (see `_may_double_keys`), and for integers
    of more than 64 bits, which have at least 19 digits: it makes them floats.
    """
    try:
        values = orjson.loads(b"[%b]" % data)
    except orjson.JSONDecodeError:
        return _scan_batch(data)
    colons, keys = data.count(b":"), _count_plain_keys(values)
    if colons != keys and (keys < 0 or colons != keys + _count_info_keys(values)):
        try:
            may_double = b"\\u003" in data or colons != orjson.dumps(values).count(b":")
        except TypeError:  # nested too deeply
            may_double = True
        if may_double:
            return _scan_batch(data)
    if _has_19_digits(data):
        return _scan_batch(data)
    batch = JsonBatch(data, values)
    return [_Element(value, (batch, number)) for number, value in enumerate(values)]


_STEP = 9  # so that 19 digits in a row have two of the bytes that are looked at
_IS_DIGIT = bytes(byte in b"0123456789" for byte in range(256))
_19_DIGITS = re.compile(rb"[0-9]{19}")


def _has_19_digits(data: bytes) -> bool:
    """Whether `_19_DIGITS` is in the data. Searched only where two of every ninth bytes are digits."""
    marks = data[::_STEP].translate(_IS_DIGIT)
    found = marks.find(b"\1\1")
    while found >= 0:
        if _19_DIGITS.search(data, max(_STEP * (found - 1), 0), _STEP * (found + 3)):
            return True
        found = marks.find(b"\1\1", found + 1)
    return False


def _list_in_batches(stream: io.TextIOWrapper, file: RawFile) -> Iterator[_Element]:
    """Yields the same elements as `_lists` for a stream in UTF-8, but decodes many at once.

    A batch ends before a dialogue that begins with the same key as the first one. From where this fails, and at the end
    of the file, the scanner reads the rest.
    """
    data = bytes(stream.buffer.read(_BATCH))
    beginning = _BEGINNING.match(data)
    if beginning is None:
        stream.seek(0)
        yield from _lists(_Buffer(stream, file))
        return
    border = re.compile(rb".*\}%b,(?=%b\{%b%b)" % (_BLANKS, _BLANKS, _BLANKS, re.escape(beginning[1])), re.DOTALL)
    position, end, is_all = 0, beginning.end(), len(data) < _BATCH
    while True:
        position, data = position + end, data[end:]
        if not is_all:
            more = bytes(stream.buffer.read(_BATCH))
            data, is_all = data + more, len(more) < _BATCH
        last = border.match(data)
        elements = _decode_batch(data[: last.end() - 1]) if last else None
        if last is None or elements is None:
            break
        yield from elements
        end = last.end()
    if not is_all:
        stream.seek(position)
    rest = io.TextIOWrapper(io.BytesIO(data), "utf-8") if is_all else stream
    yield from _lists(_Buffer(rest, file, bytes_before=position), is_inside=True)


_BLANKS = rb"[ \t\r\n]*"
# The beginning of a list, and the first key of its first dialogue.
_BEGINNING = re.compile(rb'%b\[(?=%b\{%b("[^"\\]*"))' % (_BLANKS, _BLANKS, _BLANKS))


def _lists(buffer: _Buffer, is_inside: bool = False) -> Iterator[_Element]:
    """Yields the elements of a list, and of further lists after it. is_inside: the current position is in the first."""
    repaired: tuple[str, ...] = ()
    while not repaired or buffer.peek() == "[":
        for element in _list_elements(buffer, is_inside and not repaired):
            yield element._replace(repaired=repaired) if repaired else element
        repaired = ("file_form:concatenated",)
    buffer.expect_end("the list")


def _values(buffer: _Buffer) -> Iterator[_Element]:
    """Yields dialogues that follow one another without commas."""
    while buffer.peek() in ("{", "["):
        yield buffer.decode()
    buffer.expect_end("a dialogue")


def _by_id(buffer: _Buffer) -> Iterator[_Element]:
    """Yields the dialogues of a JSON object, with its keys as ids. Other keys are counted in `repaired`."""
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
    value, text = element.value, element.source
    name = json.dumps(key, ensure_ascii=False)
    if isinstance(value, list):
        return element._replace(value={"id": key, "content": value}, source=f'{{"id": {name}, "content": {text}}}')
    if value.get("id") not in (None, ""):
        return element if str(value["id"]) == key else element._replace(repaired=("id_differs_from_key",))
    value = {"id": key, **{k: v for k, v in value.items() if k != "id"}}
    if "id" in element.value or len(value) == 1:
        return element._replace(value=value, source=json.dumps(value, ensure_ascii=False))
    return element._replace(value=value, source=f'{{"id": {name}, {text[1:]}')


def _in_object(buffer: _Buffer, name: str) -> Iterator[_Element]:
    """Yields the dialogues of the list under the key `name` of a JSON object. Other keys are counted in `repaired`."""
    last, ignored = None, list[str]()
    for key in _keys(buffer):
        elements = _list_elements(buffer) if buffer.peek() == "[" else (buffer.decode(),)
        if key == name and last is None:
            for element in elements:
                if last is not None:
                    yield last
                last = element
        elif any(_is_dialogue(element.value) for element in elements):
            hint = "Write each list into a separate file, such as train.json and test.json."
            buffer.fail(f"two lists of dialogues, under {name!r:.40} and under {key!r:.40}", None, "", hint)
        else:
            ignored.append(key)
    buffer.expect_end("the object")
    if last is not None:
        yield last._replace(repaired=_ignored(ignored))


def _ignored(keys: list[str]) -> tuple[str, ...]:
    return tuple(f"ignored_key:{printable(key, 40)}" for key in keys)


class _Buffer:
    """The part of a text stream that is being decoded. It knows the line number for messages."""

    def __init__(self, stream: io.TextIOBase, file: RawFile, chunk: int | None = None, bytes_before: int = 0) -> None:
        """bytes_before: of a file in UTF-8, the number of bytes before the beginning of the stream."""
        self.stream, self.file, self.text, self.position, self.line = stream, file, "", 0, 1
        self._chunk, self._bytes_before = chunk or _CHUNK, bytes_before

    @property
    def unread(self) -> int:
        """The number of characters in the buffer that are not decoded yet."""
        return len(self.text) - self.position

    @property
    def line_number(self) -> int:
        """The line number of the current position, from 1."""
        return self.line + self.text.count("\n", 0, self.position)

    def grow(self) -> bool:
        """Reads more text and drops the decoded part. False at the end of the file or if an element is too long.

        It at least doubles the undecoded text, so a long element is scanned only a few times.
        """
        more = self.stream.read(max(self._chunk, self.unread)) if self.unread < _LONGEST_DIALOGUE else ""
        self.line += self.text.count("\n", 0, self.position)
        self.text, self.position = self.text[self.position :] + more, 0
        return bool(more)

    def decode(self) -> _Element:
        """Decodes the value at the current position. Raises DataError when it is not valid JSON."""
        while True:
            try:
                value, end, doubled = _decode(self.text, self.position)
                if isinstance(value, dict | list | str) or not _CUT_NUMBER.match(self.text, end) or not self.grow():
                    break
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or not self.grow():
                    is_too_long = self.unread >= _LONGEST_DIALOGUE
                    problem = _TOO_LONG if is_too_long else f"the JSON is not valid ({getattr(error, 'msg', error)})"
                    self.fail(problem, error)
        text, self.position = self.text[self.position : end], end
        return _Element(value, text, doubled)

    def peek(self) -> str:
        """The next character that is not white space, which becomes the current position; "" at the end of the file."""
        while True:
            match = _NOT_SPACE.search(self.text, self.position)
            if match:
                self.position = match.start()
                return match.group()
            self.position = len(self.text)
            if not self.grow():
                return ""

    def skip_comma(self) -> bool:
        """Skips a comma before an object or list, with white space around it. False if the buffer begins otherwise."""
        match = _COMMA.match(self.text, self.position)
        if match is None:
            return False
        self.position = match.end()
        return True

    def expect(self, character: str, expected: str) -> None:
        """Skips a character. Raises DataError, with `expected` in the message, if the next character is another."""
        following = self.peek()
        if following != character:
            self.fail(repr(following) if following else "the end of the file", None, expected)
        self.position += 1

    def expect_end(self, last: str) -> None:
        """Raises DataError if anything follows. last: what the file should end with, for the message."""
        if self.peek():
            self.fail(f"{self.peek()!r} after the end of {last}", None, "the end of the file")

    def fail(
        self,
        found: str,
        cause: BaseException | None,
        expected: str = "",
        hint: str = _FIX_FILE,
    ) -> NoReturn:
        """Raises DataError for the current position, with the file and the line."""
        line = self.line_number + (_count_lines(self.file, self._bytes_before) if self._bytes_before else 0)
        raise DataError(found, expected, hint, file=self.file.name, line=line) from cause


def _count_lines(file: RawFile, size: int) -> int:
    """The number of line ends in the first bytes of a file in UTF-8. Only messages need it."""
    with open_text(file) as (stream, _):
        data = bytes(stream.buffer.read(size))
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


_SPACES = " \t\r\n"  # white space of JSON
_CUT_NUMBER = re.compile(r"[-+.eE\d]*\Z")  # the rest of a number may not be in the buffer yet
_LIST = "a list of dialogues: [{...}, ...]"
_ONE_PER_LINE = "Fix or remove the line. Each line must be one dialogue."
_UTTERANCE_KEYS = {"[SPEAKER 1]", "[SPEAKER 2]", "用户", "客服"}
_COMMA = re.compile(r"[ \t\r\n\ufeff]*,[ \t\r\n\ufeff]*(?=[{[])")
_NOT_SPACE = re.compile(r"[^ \t\r\n\ufeff]")  # concatenated files contain byte order marks

"""CMCC, China Mobile Customer Care: its label vocabularies, its features, the reader of its raw files, and load().

    import cmcc
    sample = cmcc.load("sample")                           # 400 synthetic dialogues, nothing needed
    calls = cmcc.load("labeled", data_dir="my/licensed/MobileCS")
    cmcc.ZH["complain_about_a_problem"]                    # 抱怨某问题

The corpus is described in "CMCC: A Comprehensive and Large-Scale Human-Human Dataset for Dialogue Systems" (SereTOD
2022); it is licensed and not part of this package.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.metadata import entry_points
from itertools import chain, islice
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, TypeVar

import datasets
import orjson
import pyarrow as pa
from datasets import ClassLabel, Features, List, Value
from datasets.builder import Key

VERSION = "1.0.0"
SAMPLE_DIR = Path(__file__).with_name("cmcc_bench") / "sample"  # the raw file of the config "sample"
SYNTHETIC_ID = "synthetic-"  # every id that the simulator makes begins so; nothing else may

WHERE_TO_GET = """\
MobileCS comes from the SereTOD challenge (http://seretod.org/Challenge.html) and CMCC's care labels from its authors at
China Mobile; both are licensed and not part of this package. With the files in a folder of yours:

    cmcc.load("labeled", data_dir="FOLDER")

Without them, the synthetic sample has the same features and works now:

    cmcc.load("sample")                                   # or cmcc.load("response", data_dir=cmcc.SAMPLE_DIR)"""

Json = Any  # a decoded JSON value of a raw file, not yet checked
Row = dict[str, Any]  # a plain dict that fits one of the features below
Parsed = TypeVar("Parsed")

# --------------------------------------------------------------------------------------------------------------------
# Vocabularies. Models read and write the Chinese names; every ClassLabel carries the English ones, in this order.
# --------------------------------------------------------------------------------------------------------------------

SPEAKERS = {"service": "客服", "user": "用户"}

EMOTIONS = {  # the paper's table 8, and "neutral", in its order of frequency
    "neutral": "中性",
    "complain_about_a_problem": "抱怨某问题",
    "emotionally_more_agitated": "情绪较为激动",
    "very_anxious_and_having_a_bad_attitude": "非常着急且态度恶劣",
    "dissatisfied_with_service": "对客服代表服务不满",
    "express_concern_or_anxiety": "表示担忧或焦虑",
    "dissatisfied_with_business_rules": "对业务规定不满",
    "difficulty_performing_an_operation": "执行某项操作有困难",
    "not_satisfied_but_no_longer_pursues": "不太满意但不再追究",
}

ACTS = {  # the paper's tables 6 and 7, in their order of frequency
    "inform": "通知",
    "passive_confirmation": "被动确认",
    "greeting": "问候",
    "active_confirmation": "主动确认",
    "request": "询问",
    "guide": "引导",
    "courtesy": "客套",
    "suggest": "建议",
    "other": "其他",
    "apology": "抱歉",
    "comfort": "安抚",
    "goodbye": "再见",
    "explain": "解释",
    "deny": "否认",
    "request_to_repeat": "请求重复",
    "empathy": "同理心",
    "agree": "赞同",
}

# The paper counts 4 caring acts without listing them: they are the 17 of its tables less MobileCS's 13.
CARING_ACTS = ("comfort", "explain", "empathy", "agree")

# The paper counts 14 intents and says that CMCC adds the last two to MobileCS's, which has 14 already: which two were
# dropped is not published, so all 16 are valid. The Chinese names of the added ones are ours.
INTENTS = {
    "seek_help_query": "求助-查询",
    "seek_help_fault": "求助-故障",
    "provide_information": "提供信息",
    "complaint_feedback": "投诉反馈",
    "cancel": "取消",
    "inquire": "询问",
    "request_to_repeat": "请求重复",
    "active_confirmation": "主动确认",
    "passive_confirmation": "被动确认",
    "deny": "否认",
    "greeting": "问候",
    "goodbye": "再见",
    "courtesy": "客套",
    "other": "其他",
    "propose_suggestion": "提出建议",
    "propose_criticism": "提出批评",
}

SATISFACTION = {"unsatisfied": "不满意", "accepted_unsolved": "接受但未解决", "satisfied": "满意"}  # raw values 1, 2, 3

ENTITY_TYPES = {
    "business": "业务",
    "data_business": "数据业务",
    "package": "套餐",
    "main_package": "主套餐",
    "additional_package": "附加套餐",
    "international_roaming": "国际漫游业务",
    "data_pack": "流量包",
    "long_distance": "长途业务",
    "4g_package": "4G套餐",
    "5g_package": "5G套餐",
}

# A question about a type is answered with the entities of these types (MobileCS's type tree).
SUBTYPES = {
    "business": ("business", "data_business"),
    "data_business": ("data_business",),
    "package": ("package", "main_package", "4g_package", "5g_package"),
    "main_package": ("main_package", "4g_package", "5g_package"),
    "additional_package": ("additional_package", "international_roaming", "data_pack", "long_distance"),
    "international_roaming": ("international_roaming",),
    "data_pack": ("data_pack",),
    "long_distance": ("long_distance",),
    "4g_package": ("4g_package",),
    "5g_package": ("5g_package",),
}

SLOTS = (
    "用户状态",
    "业务时长",
    "流量范围",
    "业务费用",
    "流量总量",
    "流量余额",
    "业务规则",
    "用户要求",
    "办理渠道",
    "持有套餐",
    "用户需求",
    "剩余话费",
    "通话时长",
    "国内主叫",
    "账户余额",
    "国内被叫",
    "套餐外流量计费",
    "通话范围",
    "欠费",
    "隶属业务",
    "套餐外通话计费",
    "扣费日期",
    "短信",
    "计费方式",
    "互斥业务",
    "流量封顶",
)

# Slots of the user, of no entity. Source: the normalisation of SereTOD 2022's track 2.
PERSONAL_SLOTS = ("用户需求", "用户要求", "用户状态", "短信", "持有套餐", "账户余额", "流量余额", "话费余额", "欠费")

ZH = SPEAKERS | EMOTIONS | INTENTS | ACTS | SATISFACTION | ENTITY_TYPES

# Names that annotators wrote for a label of the vocabulary.
INTENT_ALIASES = {
    "通知": "提供信息",
    "求助-询问": "求助-查询",
    "求助-咨询": "求助-查询",
    "无效": "其他",
    "": "其他",
    "建议": "提出建议",
}
ACT_ALIASES = {"提供信息": "通知", "无效": "其他", "": "其他"}

# --------------------------------------------------------------------------------------------------------------------
# Features: one function for each config.
# --------------------------------------------------------------------------------------------------------------------


def labeled_features() -> Features:
    """A row a dialogue, every utterance with its labels (the paper's section 2).

    `start` and `end` are code points of `text`; `turn` is the index of the raw turn. Null means not annotated, or not
    defined for this speaker; an empty list means annotated with nothing.
    """
    slot = {"entity_id": Value("string"), "slot": Value("string")}
    span = {"start": Value("int32"), "end": Value("int32")}
    entity = {"entity_id": Value("string"), "type": _names(ENTITY_TYPES), "name": Value("string")} | span
    triple = {
        "entity_id": Value("string"),
        "entity_name": Value("string"),
        "slot": Value("string"),
        "value": Value("string"),
    } | span
    utterance = _utterance_features() | {
        "emotions": List(_names(EMOTIONS)),
        "intents": List({"intent": _names(INTENTS), "slots": List(slot)}),
        "acts": List(_names(ACTS)),
        "entities": List(entity),
        "triples": List(triple),
    }
    return Features(
        {"dialogue_id": Value("string"), "satisfaction": _names(SATISFACTION), "utterances": List(utterance)}
    )


def unlabeled_features() -> Features:
    """A row a dialogue, its utterances without labels."""
    return Features({"dialogue_id": Value("string"), "utterances": List(_utterance_features())})


def emotion_features() -> Features:
    """A row an annotated user utterance; `context` is the two utterances before it, a line each."""
    return Features(
        {
            "dialogue_id": Value("string"),
            "utterance": Value("int32"),
            "context": Value("string"),
            "text": Value("string"),
            "emotions": List(_names(EMOTIONS)),
        }
    )


def response_features() -> Features:
    """A row an exchange, each segment of the models' text form as a string; `kb` and `goal` are JSON."""
    text = ("history_entities", "user", "entities", "user_intent", "kb_result", "emotions", "acts", "response")
    return Features(
        {"dialogue_id": Value("string"), "exchange": Value("int32")}
        | {name: Value("string") for name in (*text, "kb", "goal")}
    )


def satisfaction_features() -> Features:
    """A row a dialogue with a satisfaction label; `text` is its transcript, a speaker-marked line an utterance."""
    return Features({"dialogue_id": Value("string"), "text": Value("string"), "satisfaction": _names(SATISFACTION)})


def _names(vocabulary: dict[str, str]) -> ClassLabel:
    return ClassLabel(names=list(vocabulary))


def _utterance_features() -> dict[str, ClassLabel | Value]:
    return {"speaker": _names(SPEAKERS), "text": Value("string"), "turn": Value("int32")}


FEATURES = {
    "labeled": labeled_features,
    "unlabeled": unlabeled_features,
    "emotion": emotion_features,
    "response": response_features,
    "satisfaction": satisfaction_features,
    "sample": labeled_features,
}

# --------------------------------------------------------------------------------------------------------------------
# Errors and the report: nothing is repaired or left out uncounted.
# --------------------------------------------------------------------------------------------------------------------


class DataError(ValueError):
    """A raw file holds something that cannot be repaired; the message says where, what was found and what to do."""

    def __init__(self, found: str, expected: str, hint: str = "", /, **place: str | int | None) -> None:
        self.found, self.expected, self.hint, self.place = found, expected, hint, place
        where = ", ".join(f"{key} {printable(str(value))}" for key, value in place.items() if value is not None)
        super().__init__(f"{where}: found {found}; expected {expected}" + (f". {hint}" if hint else ""))

    def __reduce__(self) -> tuple[Callable[..., DataError], tuple[Any, ...]]:
        return _data_error, (self.found, self.expected, self.hint, self.place)  # it crosses process borders

    def at(self, **place: str | int | None) -> DataError:
        """The same error with more of its place known."""
        return DataError(self.found, self.expected, self.hint, **(place | self.place))


def printable(text: str, longest: int = 200) -> str:
    """Text from a file as it may be shown in a terminal: control characters escaped, cut where it is too long."""
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text[:longest]
    )
    return shown + ("..." if len(text) > longest else "")


def _data_error(found: str, expected: str, hint: str, place: dict[str, str | int | None]) -> DataError:
    return DataError(found, expected, hint, **place)


@dataclass
class Report:
    """What a reading did, by kind; `rejected` alone quotes the data, as its messages say what was found."""

    read: Counter[str] = field(default_factory=Counter)  # dialogues, by raw format
    repaired: Counter[str] = field(default_factory=Counter)  # repairs, by kind
    set_aside: Counter[str] = field(default_factory=Counter)  # what is known but belongs to no config, by kind
    rejected: list[str] = field(default_factory=list)  # the error of each rejected dialogue

    def add(self, other: Report) -> None:
        """Counts `other`'s findings too."""
        self.read += other.read
        self.repaired += other.repaired
        self.set_aside += other.set_aside
        self.rejected += other.rejected

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, keys sorted."""
        counts = {name: dict(sorted(getattr(self, name).items())) for name in ("read", "repaired", "set_aside")}
        return counts | {"rejected": self.rejected}


# --------------------------------------------------------------------------------------------------------------------
# Files: which there are, and the dialogues in each, one at a time.
# --------------------------------------------------------------------------------------------------------------------

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
SPLITS = ("train", "validation", "test")
_NAMED_SPLIT = re.compile(r"(?:(train)|(dev|valid|validation)|(test))(?:[-_.].*)?", re.IGNORECASE)
_CHUNK = 1 << 20  # characters read at a time
_LONGEST_DIALOGUE = 1 << 24  # characters; what is longer is no dialogue
_TOO_LONG = f"more than {_LONGEST_DIALOGUE >> 20} million characters without an end"


@dataclass(frozen=True)
class RawFile:
    """A file of dialogues: `name` is its path below the data folder, `split` the one its name fixes."""

    path: Path
    name: str
    split: str | None


@dataclass(frozen=True)
class RawDialogue:
    """A dialogue as it stands in a raw file, decoded but not checked.

    index: its place in the file, from 0. text: its JSON. doubled: (key, whether both values were equal) of each key
    that stands twice in one object.
    """

    file: RawFile
    index: int
    text: str
    value: Any
    doubled: tuple[tuple[str, bool], ...]

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
        keys = {key for turn in turns if isinstance(turn, dict) for key in turn}
        if isinstance(value, dict) and ("KB" in value or "用户" in keys):
            return "track2"
        if "用户情绪" in keys or (isinstance(value, dict) and "满意度" in value):
            return "cmcc"
        if not keys & _ANNOTATIONS:
            return "unlabelled"
        return "mobilecs" if isinstance(value, dict) else "older"


def find_files(data_dir: str | Path) -> tuple[list[RawFile], list[Path]]:
    """The dialogue files and the care files in `data_dir`, sorted by path: a folder, searched whole, or one file.

    A care file is a .json file whose name begins with "care" and whose content is an object. What lies beside a single
    file is not looked at. Raises DataError when there is nothing to read.
    """
    root = Path(data_dir)
    if not str(data_dir) or not root.exists():
        raise DataError("no such folder", "a folder of raw files", WHERE_TO_GET, file=str(data_dir))
    paths = [path for path in _paths(root) if path.name.lower().endswith(SUFFIXES)]
    care = [path for path in paths if _is_care_file(path)]
    base = root.parent if root.is_file() else root
    files = [_raw_file(path, base) for path in paths if path not in care]
    if not files:
        expected = f"files that end in {', '.join(SUFFIXES)}"
        raise DataError("no dialogue files", expected, WHERE_TO_GET, file=str(data_dir))
    return files, care


def skipped_files(data_dir: str | Path) -> Counter[str]:
    """How many files in `data_dir` are of no kind that is read, by "file_not_read:SUFFIX"."""
    others = [path for path in _paths(Path(data_dir)) if not path.name.lower().endswith(SUFFIXES)]
    return Counter(f"file_not_read:{path.suffix.lower() or 'none'}" for path in others)


def _paths(root: Path) -> list[Path]:
    """The files below a folder, sorted, also those behind links; hidden ones are nobody's data."""
    if root.is_file():
        return [root]
    found, seen = [], set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        folders[:] = [] if real in seen else [name for name in folders if not name.startswith(".")]
        if real not in seen:
            found += [Path(folder, name) for name in names if not name.startswith(".")]
        seen.add(real)
    return sorted(path for path in found if path.is_file())


def _is_care_file(path: Path) -> bool:
    if not (path.name.startswith("care") and path.name.lower().endswith(".json")):
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    except OSError:
        return False  # reading it as a file of dialogues says what is wrong


def _raw_file(path: Path, base: Path) -> RawFile:
    """A file with the split that its name fixes, train.json or test-00.json, or the nearest folder that it is in."""
    name = path.relative_to(base)
    for part in reversed(name.parts):
        match = _NAMED_SPLIT.fullmatch(part)
        if match:
            return RawFile(path, name.as_posix(), SPLITS[match.lastindex - 1])  # type: ignore[operator]
    return RawFile(path, name.as_posix(), None)


def split_of(dialogue_id: str) -> str:
    """The split of a dialogue whose file does not fix it: 8 : 1 : 1 by SHA-256 of the id, so it stays as data grow."""
    bucket = int(hashlib.sha256(dialogue_id.encode()).hexdigest(), 16) % 10
    return "train" if bucket < 8 else SPLITS[bucket - 7]


def raw_dialogues(file: RawFile, on_bad_line: Callable[[str, DataError], None] | None = None) -> Iterator[RawDialogue]:
    """The elements of one raw file in order, read as a stream: memory does not grow with the file.

    on_bad_line: takes a line of a .jsonl file that is not JSON, and its error, instead of raising.
    Raises DataError when the file cannot be read, is not JSON, is cut off, or is not a list of dialogues.
    """
    lines = ".jsonl" in file.path.name.lower()
    try:
        with _open_text(file.path) as stream:
            if lines:
                yield from _elements_of_lines(stream, file, on_bad_line)
            else:
                yield from _elements_of_list(stream, file)
    except PermissionError as error:
        raise DataError("no permission to read it", "a readable file", "Try chmod u+r.", file=file.name) from error
    except UnicodeDecodeError as error:
        hint = "Convert it with iconv -f GB18030 -t UTF-8, unless it is damaged."
        raise DataError("bytes that are not UTF-8", "UTF-8 text", hint, file=file.name) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"a damaged gzip file ({error})", "a whole gzip file", file=file.name) from error
    except OSError as error:
        raise DataError(f"{error.strerror or error}", "a readable file", file=file.name) from error


def _open_text(path: Path) -> io.TextIOBase:
    if path.suffix.lower() == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


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
    stream: io.TextIOBase, file: RawFile, on_bad_line: Callable[[str, DataError], None] | None
) -> Iterator[RawDialogue]:
    doubled = _DoubledKeys()
    decode = json.JSONDecoder(object_pairs_hook=doubled).decode
    filled = ((number, line) for number, line in enumerate(_lines(stream, file), 1) if line.strip())
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
        yield RawDialogue(file, index, line.strip(), value, doubled.take())


def _lines(stream: io.TextIOBase, file: RawFile) -> Iterator[str]:
    number = 0
    while line := stream.readline(_LONGEST_DIALOGUE + 1):
        number += 1
        if len(line) > _LONGEST_DIALOGUE:
            raise DataError(_TOO_LONG, "a dialogue a line", file=file.name, line=number)
        yield line


def _elements_of_list(stream: io.TextIOBase, file: RawFile) -> Iterator[RawDialogue]:
    """Decodes a list element by element: json's own scanner is told where each begins and says where it ends."""
    doubled = _DoubledKeys()
    decode = json.JSONDecoder(object_pairs_hook=doubled).raw_decode
    buffer = _Buffer(stream, file)
    buffer.expect("[", "a list of dialogues: [{...}, ...]")
    index = 0
    while not (index == 0 and buffer.peek() == "]"):
        while True:
            try:
                value, end = decode(buffer.text, buffer.position)
                break
            except (ValueError, RecursionError) as error:
                doubled.take()
                if isinstance(error, RecursionError) or not buffer.grow():
                    too_long = buffer.held >= _LONGEST_DIALOGUE
                    found = _TOO_LONG if too_long else f"JSON that cannot be read ({getattr(error, 'msg', error)})"
                    buffer.fail(found, error)
        text, buffer.position = buffer.text[buffer.position : end], end
        yield RawDialogue(file, index, text, value, doubled.take())
        index += 1
        if buffer.peek() == "]":
            break
        buffer.expect(",", "a comma or the end of the list after a dialogue")
        buffer.peek()
    buffer.expect("]", "the end of the list")
    if buffer.peek():
        buffer.fail(f"{buffer.peek()!r} after the end of the list", None)


class _Buffer:
    """The part of a text stream that is being decoded, with the line number for messages."""

    def __init__(self, stream: io.TextIOBase, file: RawFile) -> None:
        self.stream, self.file, self.text, self.position, self.line = stream, file, "", 0, 1

    @property
    def held(self) -> int:
        """Characters that are not decoded yet."""
        return len(self.text) - self.position

    def grow(self) -> bool:
        """Reads on, letting go of what is decoded; False at the end of the file or when an element is too long.

        It reads at least as much as it holds: an element that is longer than a chunk is scanned a few times, not often.
        """
        more = self.stream.read(max(_CHUNK, self.held)) if self.held < _LONGEST_DIALOGUE else ""
        self.line += self.text.count("\n", 0, self.position)
        self.text, self.position = self.text[self.position :] + more, 0
        return bool(more)

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

    def fail(
        self, found: str, cause: BaseException | None, expected: str = "a whole JSON list of dialogues"
    ) -> NoReturn:
        """Raises DataError for what was found where the reading is, with the file and the line."""
        line = self.line + self.text.count("\n", 0, self.position)
        hint = "Is the file cut off or edited by hand? What follows this place cannot be read."
        raise DataError(found, expected, hint, file=self.file.name, line=line) from cause


_NOT_SPACE = re.compile(r"[^ \t\r\n]")

# --------------------------------------------------------------------------------------------------------------------
# Care files: labels only, merged into the dialogues they name.
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Care:
    """The care labels of one dialogue, by index of the raw turn; None where the file says nothing of them.

    Where it has emotions, the users' turns that are not listed are neutral; acts are added to those of MobileCS.
    """

    satisfaction: int | None
    emotions: Mapping[int, tuple[int, ...]] | None
    acts: Mapping[int, tuple[int, ...]] | None


CareLabels = dict[str, Care]  # by dialogue id, and by "file#index" (path below the data folder) where there is no id


def read_care(path: Path) -> CareLabels:
    """The labels of a care file: {"dialogues": [{file, index, id, satisfaction, user_emotions, caring_acts}]}.

    Labels are English or Chinese names. Raises DataError for anything else.
    """
    try:
        content = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (OSError, orjson.JSONDecodeError) as error:
        hint = "See that the path is right, mend the file, or take it out of the folder to build without its labels."
        raise DataError(f"a file that cannot be read ({error})", "a care file", hint, file=path.name) from error
    entries = content.get("dialogues") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError("no list 'dialogues'", 'a care file: {"dialogues": [...]}', file=path.name)
    labels: CareLabels = {}
    for position, entry in enumerate(entries):
        try:
            key, care = _care_entry(entry)
        except DataError as error:
            raise error.at(file=path.name, dialogue=position) from None
        if key in labels:
            raise DataError(f"{key} twice", "each dialogue once", file=path.name, dialogue=position)
        labels[key] = care
    return labels


def _care_entry(entry: Json) -> tuple[str, Care]:
    if not isinstance(entry, dict):
        raise DataError(type(entry).__name__, "an object")
    key = entry.get("id") or f"{entry.get('file')}#{entry.get('index')}"
    emotions = _care_turns(entry.get("user_emotions"), "user_emotions", _EMOTION_INDEX)
    acts = _care_turns(entry.get("caring_acts"), "caring_acts", _ACT_INDEX)
    return str(key), Care(_satisfaction(entry.get("satisfaction")), emotions, acts)


def _care_turns(value: Json, name: str, vocabulary: Mapping[str, int]) -> dict[int, tuple[int, ...]] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not all(_is_turn(key) and isinstance(value[key], list) for key in value):
        raise DataError(repr(value)[:80], "an object of label lists by turn", field=name)
    return {int(turn): tuple(_label(x, vocabulary, turn=turn, field=name) for x in value[turn]) for turn in value}


def _is_turn(key: str) -> bool:
    return key.isdecimal() and len(key) < 7


def choose_care_file(care_files: list[Path]) -> Path | None:
    """The one care file to merge: the only one, or care.json or care_adjudicated.json among several.

    Files of single annotators may lie beside the adjudicated one. Raises DataError when it is not clear which to take.
    """
    final = [p for p in care_files if p.name in ("care.json", "care_adjudicated.json")] or care_files
    if len(final) > 1:
        names = ", ".join(p.name for p in final)
        hint = "Keep one, or call the one to merge care.json."
        raise DataError(f"several care files: {names}", "one to merge", hint, file=str(final[0].parent))
    return final[0] if final else None


# --------------------------------------------------------------------------------------------------------------------
# Labels: names to class indices.
# --------------------------------------------------------------------------------------------------------------------

_ANNOTATIONS = {"客服意图", "用户意图", "用户情绪", "info"}
_SPEAKER_KEYS = {"[SPEAKER 1]": 0, "[SPEAKER 2]": 1}  # service, user; which comes first differs
_CONFUSED = "意图混乱"  # MobileCS marks turns so whose two intents cannot be told apart


def _index(vocabulary: Mapping[str, str], aliases: Mapping[str, str] | None = None) -> dict[str, int]:
    """Class index by English and by Chinese name, and by Chinese alias."""
    index = {name: i for i, name in enumerate(vocabulary)} | {zh: i for i, zh in enumerate(vocabulary.values())}
    return index | {alias: index[zh] for alias, zh in (aliases or {}).items()}


_EMOTION_INDEX = _index(EMOTIONS)
_ACT_INDEX = _index(ACTS, ACT_ALIASES)
_INTENT_INDEX = _index(INTENTS, INTENT_ALIASES)
_TYPE_INDEX = _index(ENTITY_TYPES)
_TYPES_ZH = set(ENTITY_TYPES.values())


def _label(name: Json, vocabulary: Mapping[str, int], **place: str | int | None) -> int:
    if not isinstance(name, str) or name not in vocabulary:
        known = ", ".join(sorted({key for key in vocabulary if key and not key.isascii()}))
        raise DataError(f"the label {name!r:.60}", f"one of {known}", **place)
    return vocabulary[name]


def _satisfaction(value: Json) -> int | None:
    """Class index of the raw values 1, 2, 3."""
    if value in (None, ""):
        return None
    if str(value) not in ("1", "2", "3"):
        raise DataError(f"{value!r:.40}", "1 (unsatisfied), 2 (accepted, unsolved) or 3 (satisfied)", field="满意度")
    return int(value) - 1


_WIDE = str.maketrans({"（": "(", "）": ")", "，": ",", "、": ",", "\u3000": None, " ": None})
_ENTITY_SLOT = re.compile(r"(ent-\d+)-*(.*)")
_TYPE_CASE = {"4g套餐": "4G套餐", "5g套餐": "5G套餐"}

ParsedIntents = tuple[tuple[int, tuple[tuple[str | None, str], ...]], ...]  # of each intent, its slots (entity, slot)


@lru_cache(maxsize=1 << 16)
def _parse_intents(text: str) -> tuple[ParsedIntents, tuple[str, ...]]:
    """The intents of a user utterance with their slots, and the kinds of repair; cached, as few strings make a corpus.

    `询问(ent-1-业务费用)(业务时长),问候`: parentheses hold slots of the intent before them, a slot without an entity
    belongs to the entity named last in the same intent unless it is personal information or a type. An intent that
    stands twice is one, with the slots of both. Raises DataError for a label that is not in the vocabulary.
    """
    plain, repairs = _plain_labels(text)
    intents: dict[int, dict[tuple[str | None, str], None]] = {}
    entity, slots = None, dict[tuple[str | None, str], None]()
    for token, is_slot in _label_tokens(plain, _INTENT_INDEX):
        if intents and (is_slot or token.startswith("ent-")):
            entity, slot = _parse_slot(token, entity)
            repairs += ["blank_slot"] * (not slot[1]) + ["doubled_slot"] * (slot in slots)
            if slot[1]:
                slots[slot] = None
            continue
        intent = _label(token, _INTENT_INDEX)
        repairs += ["intent_alias"] * (token in INTENT_ALIASES) + ["doubled_label"] * (intent in intents)
        entity, slots = None, intents.setdefault(intent, {})
    return tuple((intent, tuple(found)) for intent, found in intents.items()), tuple(repairs)


def _plain_labels(text: str) -> tuple[str, list[str]]:
    """A label string in half-width marks without blanks, and the kinds of repair that this shows."""
    plain = text.translate(_WIDE)
    repairs = [] if plain == text else ["full_width_intent"]
    if plain.count("(") != plain.count(")") or "((" in plain or ",(" in plain:
        repairs.append("malformed_intent")
    if plain.startswith(",") or plain.endswith(",") or ",," in plain:
        repairs.append("blank_label")
    return plain, repairs


def _label_tokens(plain: str, vocabulary: Mapping[str, int]) -> Iterator[tuple[str, bool]]:
    """The labels and slots of a label string in order, with whether each is a slot; [""] for an empty string.

    What stands in parentheses is a slot; where they are never closed, a known label ends them.
    """
    if not plain:
        yield "", False
    for part in re.finditer(r"\(([^()]*)(\)?)|[^(),]+", plain):
        if part[1] is None:
            yield part[0], False
            continue
        inside = True
        for token in filter(None, part[1].split(",")):
            inside = inside and (bool(part[2]) or token not in vocabulary)
            yield token, inside


def _parse_slot(token: str, entity: str | None) -> tuple[str | None, tuple[str | None, str]]:
    """The entity in force after a slot, and the slot."""
    match = _ENTITY_SLOT.fullmatch(token)
    if match:
        return match[1], (match[1], match[2])
    slot = re.sub(r"^(NA|ent)?-+", "", token)
    slot = _TYPE_CASE.get(slot, slot)
    if slot in _TYPES_ZH or slot in PERSONAL_SLOTS or slot != token:
        return entity, (None, slot)
    return entity, (entity, slot)


@lru_cache(maxsize=1 << 16)
def _parse_acts(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The acts of a service utterance, and the kinds of repair; slots of acts have no place in the features."""
    plain, repairs = _plain_labels(text)
    acts: dict[int, None] = {}
    for token, is_slot in _label_tokens(plain, _ACT_INDEX):
        if is_slot or (acts and token.startswith("ent-")):
            repairs.append("act_slots_left_out")
            continue
        act = _label(token, _ACT_INDEX)
        repairs += ["act_alias"] * (token in ACT_ALIASES) + ["doubled_label"] * (act in acts)
        acts[act] = None
    return tuple(acts), tuple(repairs)


@lru_cache(maxsize=1 << 12)
def _parse_emotions(text: str) -> tuple[int, ...] | None:
    names = [name for name in text.translate(_WIDE).split(",") if name]
    return tuple(dict.fromkeys(_label(name, _EMOTION_INDEX) for name in names)) or None


# --------------------------------------------------------------------------------------------------------------------
# A raw dialogue becomes a row of `labeled` or `unlabeled`.
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dialogue:
    """A dialogue that was read: `config` is labeled or unlabeled, `row` fits that config's features."""

    config: str
    split: str
    row: Row


class DialogueReader:
    """Turns raw dialogues into rows and counts in `report` what it repaired.

    care: labels to merge (of `read_care`); `merged` collects the keys that found their dialogue.
    """

    def __init__(self, care: CareLabels | None = None) -> None:
        self.care, self.merged, self.report = care or {}, set[str](), Report()

    def identify(self, raw: RawDialogue) -> str:
        """A dialogue's id; one that is missing is made from the content. Raises DataError for what is no dialogue."""
        return _identified(raw, Counter())[0]

    def read(self, raw: RawDialogue) -> Dialogue | None:
        """The dialogue, or None for one of SereTOD's Track 2 forms, which is counted and belongs to no config.

        Raises DataError for what cannot be repaired; the report is then as it was before.
        """
        source_format = raw.source_format
        if source_format == "track2":
            self.report.set_aside["track2_dialogue"] += 1
            return None
        repairs: Counter[str] = Counter()
        dialogue_id, turns = _identified(raw, repairs)
        try:
            dialogue = self._read_turns(raw, dialogue_id, turns, source_format, repairs)
        except DataError as error:
            raise error.at(file=raw.file.name, dialogue=dialogue_id) from None
        self.report.read[source_format] += 1
        self.report.repaired += repairs
        return dialogue

    def _read_turns(
        self, raw: RawDialogue, dialogue_id: str, turns: list[Any], source_format: str, repairs: Counter[str]
    ) -> Dialogue:
        for key, equal in raw.doubled:
            if not equal:
                raise DataError("the key twice in one object with different values", "one value", field=key)
            repairs["doubled_key"] += 1
        if "\\u" in raw.text:  # only an escape can hold half of a surrogate pair
            _check_unicode(turns)
        if isinstance(raw.value, dict):
            _count_ignored(raw.value.keys() - _DIALOGUE_KEYS, repairs)
        utterances: list[Row] = []
        care_key = dialogue_id if dialogue_id in self.care else f"{raw.file.name}#{raw.index}"
        care = self.care.get(care_key)
        plain = source_format == "unlabelled" and care is None
        for number, turn in enumerate(turns):
            try:
                utterances += _plain_turn(turn, number, repairs) if plain else _labeled_turn(turn, number, repairs)
            except DataError as error:
                raise error.at(turn=number) from None
        if plain:
            return Dialogue("unlabeled", "train", {"dialogue_id": dialogue_id, "utterances": utterances})
        satisfaction = _satisfaction(raw.value.get("满意度") if isinstance(raw.value, dict) else None)
        if care is not None:
            _merge_care(care, len(turns), utterances, repairs)
            self.merged.add(care_key)
            if care.satisfaction is not None:
                repairs["care_replaces_satisfaction"] += satisfaction not in (None, care.satisfaction)
                satisfaction = care.satisfaction
        _check_entities_declared(utterances)
        row = {"dialogue_id": dialogue_id, "satisfaction": satisfaction, "utterances": utterances}
        return Dialogue("labeled", raw.file.split or split_of(dialogue_id), row)


def _identified(raw: RawDialogue, repairs: Counter[str]) -> tuple[str, list[Any]]:
    """A dialogue's id and its raw turns; an id that is missing is made from the content."""
    value = raw.value
    turns = value.get("content") if isinstance(value, dict) else value
    if not isinstance(turns, list) or not turns:
        found = "an empty dialogue" if turns == [] else f"{type(value).__name__} without a list 'content'"
        expected = "a dialogue: a list of turns, or {id, content}"
        raise DataError(found, expected, file=raw.file.name, dialogue=f"at index {raw.index}")
    dialogue_id = value.get("id") if isinstance(value, dict) else None
    if dialogue_id in (None, ""):
        repairs["missing_id"] += 1
        dialogue_id = hashlib.sha256(_canonical(turns, raw.text)).hexdigest()[:32]
    if not isinstance(dialogue_id, str | int):
        found = f"an id that is {type(dialogue_id).__name__}"
        raise DataError(found, "a string", file=raw.file.name, dialogue=f"at index {raw.index}", field="id")
    if not _is_unicode(str(dialogue_id)):
        found = "half of a surrogate pair"
        raise DataError(found, "Unicode text", file=raw.file.name, dialogue=f"at index {raw.index}", field="id")
    return str(dialogue_id), turns


def _canonical(value: Json, text: str) -> bytes:
    """JSON that does not depend on how the file was laid out; the text itself where orjson refuses the value."""
    try:
        return orjson.dumps(value)
    except TypeError:  # half of a surrogate pair, or nested beyond reason
        return text.encode(errors="surrogatepass")


def _check_unicode(turns: list[Json]) -> None:
    """Half of a surrogate pair is JSON, but no text that can be written."""
    for number, turn in enumerate(turns):
        waiting = [("", turn)]
        while waiting:
            key, value = waiting.pop()
            if isinstance(value, dict):
                waiting += [(name, part) for name, part in value.items()] + [(name, name) for name in value]
            elif isinstance(value, list):
                waiting += [(key, part) for part in value]
            elif isinstance(value, str) and not _is_unicode(value):
                raise DataError("half of a surrogate pair", "Unicode text", turn=number, field=ascii(key)[1:-1])


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


_DIALOGUE_KEYS = {"id", "content", "满意度"}
_KNOWN_KEYS = _ANNOTATIONS | set(_SPEAKER_KEYS) | {_CONFUSED}
_ENTITY_KEYS = {"name", "ent-name", "id", "ent-id", "type", "pos"}
_TRIPLE_KEYS = {"ent-id", "id", "ent-name", "name", "prop", "value", "pos"}


def _count_ignored(keys: Iterable[str], repairs: Counter[str]) -> None:
    """Keys that nobody knows are counted by name, so that a misspelt one is seen."""
    for key in keys:
        repairs[f"ignored_key:{printable(key, 40)}"] += 1


def _speaker_keys(turn: Json, repairs: Counter[str]) -> list[str]:
    """The keys of a turn's utterances in spoken order; keys that nobody knows are counted."""
    if not isinstance(turn, dict):
        raise DataError(type(turn).__name__, "an object with the keys [SPEAKER 1] and [SPEAKER 2]")
    keys = [key for key in turn if key in _SPEAKER_KEYS]
    if len(keys) < len(turn):
        others = turn.keys() - _KNOWN_KEYS
        for key in sorted(others):
            if key.startswith("[SPEAKER"):
                raise DataError("another speaker", "[SPEAKER 1] (service) or [SPEAKER 2] (user)", field=key)
        _count_ignored(others, repairs)
    if not keys:
        raise DataError("no speaker key", "[SPEAKER 1] (service), [SPEAKER 2] (user) or both")
    for key in keys:
        if not isinstance(turn[key], str):
            raise DataError(type(turn[key]).__name__, "a string", field=key)
    return keys


def _clean(text: str, repairs: Counter[str]) -> str:
    repairs["unknown_token"] += text.count("[UNK]")
    return text.replace("[UNK]", "")


def _plain_turn(turn: Json, number: int, repairs: Counter[str]) -> list[Row]:
    utterances = []
    if type(turn) is dict:  # two million of these in the whole corpus: first as if nothing were odd
        for key, text in turn.items():
            if key in _SPEAKER_KEYS and type(text) is str and "[UNK]" not in text:
                utterances.append({"speaker": _SPEAKER_KEYS[key], "text": text, "turn": number})
        if utterances and len(utterances) == len(turn):
            return utterances
    keys = _speaker_keys(turn, repairs)
    texts = [_clean(turn[key], repairs) if "[UNK]" in turn[key] else turn[key] for key in keys]
    return [
        {"speaker": _SPEAKER_KEYS[key], "text": text, "turn": number} for key, text in zip(keys, texts, strict=True)
    ]


def _labeled_turn(turn: Json, number: int, repairs: Counter[str]) -> list[Row]:
    keys = _speaker_keys(turn, repairs)
    utterances: list[Row] = []
    confused = _CONFUSED in turn or turn.get("用户意图") == _CONFUSED or turn.get("客服意图") == _CONFUSED
    if confused:
        repairs["confused_intents"] += 1
    for key in keys:
        speaker = _SPEAKER_KEYS[key]
        text = turn[key]
        text = _clean(text, repairs) if "[UNK]" in text else text
        labels = (_user_labels if speaker else _service_labels)(turn, confused, repairs)
        utterances.append({"speaker": speaker, "text": text, "turn": number, **labels, "entities": [], "triples": []})
    if len(keys) == 1:
        silent = ("客服意图",) if _SPEAKER_KEYS[keys[0]] else ("用户意图", "用户情绪")
        repairs.update("label_without_utterance" for key in silent if turn.get(key))
    _add_spans(turn, _Turn(keys, [turn[key] for key in keys], utterances, repairs))
    return utterances


def _text_field(turn: Row, key: str) -> str | None:
    """A label string of a turn; None where it is missing or null."""
    value = turn.get(key)
    if isinstance(value, list) and all(isinstance(x, str) for x in value):
        return ",".join(value)
    if value is not None and not isinstance(value, str):
        raise DataError(type(value).__name__, "a string", field=key)
    return value


def _parsed(turn: Row, key: str, parse: Callable[[str], Parsed], repairs: Counter[str]) -> Parsed | None:
    """What `parse` makes of a label string of a turn; None where there is none."""
    text = _text_field(turn, key)
    if isinstance(turn.get(key), list):
        repairs["list_of_labels"] += 1
    if text is None:
        return None
    try:
        return parse(text)
    except DataError as error:
        raise error.at(field=key) from None


def _user_labels(turn: Row, confused: bool, repairs: Counter[str]) -> Row:
    parsed = None if confused else _parsed(turn, "用户意图", _parse_intents, repairs)
    _count_labels("missing_intent", parsed, confused, repairs)
    emotions = _parsed(turn, "用户情绪", _parse_emotions, repairs)
    intents = parsed and [
        {"intent": intent, "slots": [{"entity_id": entity, "slot": slot} for entity, slot in slots]}
        for intent, slots in parsed[0]
    ]
    return {"emotions": list(emotions) if emotions else None, "intents": intents, "acts": None}


def _count_labels(
    missing: str, parsed: tuple[Any, tuple[str, ...]] | None, confused: bool, repairs: Counter[str]
) -> None:
    if parsed is None:
        repairs[missing] += not confused
    elif parsed[1]:
        repairs.update(parsed[1])


def _service_labels(turn: Row, confused: bool, repairs: Counter[str]) -> Row:
    parsed = None if confused else _parsed(turn, "客服意图", _parse_acts, repairs)
    _count_labels("missing_act", parsed, confused, repairs)
    return {"emotions": None, "intents": None, "acts": parsed and list(parsed[0])}


def _merge_care(care: Care, turns: int, utterances: list[Row], repairs: Counter[str]) -> None:
    emotions, acts = dict(care.emotions or {}), dict(care.acts or {})
    for turn in (*emotions, *acts):
        if turn >= turns:
            raise DataError(f"care labels for turn {turn}", f"a turn below {turns}")
    for utterance in utterances:
        turn = utterance["turn"]
        if not utterance["speaker"]:
            added = acts.pop(turn, ())
            utterance["acts"] = (
                list(dict.fromkeys([*(utterance["acts"] or ()), *added])) if added else utterance["acts"]
            )
        elif care.emotions is not None:
            labels = list(emotions.pop(turn, (0,)))
            repairs["care_replaces_emotions"] += utterance["emotions"] not in (None, labels)
            utterance["emotions"] = labels
    if emotions or acts:
        repairs["care_label_without_utterance"] += len(emotions) + len(acts)


def _check_entities_declared(utterances: list[Row]) -> None:
    """Every entity that a slot or a triple speaks of has a name somewhere in the dialogue."""
    declared = {e["entity_id"] for u in utterances for e in u["entities"]} | {None}
    declared |= {t["entity_id"] for u in utterances for t in u["triples"] if t["entity_name"]}
    for utterance in utterances:
        asked = [(slot["entity_id"], "用户意图") for i in utterance["intents"] or () for slot in i["slots"]]
        for entity, where in asked + [(triple["entity_id"], "triples") for triple in utterance["triples"]]:
            if entity not in declared:
                expected = "an entity that some turn's info declares"
                raise DataError(f"{entity}, which is never declared", expected, turn=utterance["turn"], field=where)


# --------------------------------------------------------------------------------------------------------------------
# Entities and triples: where they stand in the texts.
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turn:
    """A raw turn's speaker keys, raw texts and finished utterances, all in spoken order."""

    keys: list[str]
    raw_texts: list[str]
    utterances: list[Row]
    repairs: Counter[str]


@dataclass(frozen=True)
class _Span:
    """Where a name stands: which utterance of the turn, its start (None: nowhere) and the name as it is there."""

    utterance: int
    start: int | None
    name: str

    @property
    def end(self) -> int | None:
        """The place behind the name's last character; None where it stands nowhere."""
        return None if self.start is None else self.start + len(self.name)


def _add_spans(turn: Row, context: _Turn) -> None:
    info = turn.get("info")
    if info is None:
        context.repairs["missing_info"] += 1
        return
    if not isinstance(info, dict):
        raise DataError(type(info).__name__, "an object with ents and triples", field="info")
    _count_ignored(info.keys() - {"ents", "triples"}, context.repairs)
    for item in _items(info, "ents"):
        _count_ignored(item.keys() - _ENTITY_KEYS, context.repairs)
        _add_entity(item, context)
    for item in _items(info, "triples"):
        _count_ignored(item.keys() - _TRIPLE_KEYS, context.repairs)
        _add_triple(item, context)


def _items(info: Row, key: str) -> list[Row]:
    items = info.get(key)
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise DataError(type(items).__name__, "a list of objects", field=f"info.{key}")
    return items


def _add_entity(item: Row, context: _Turn) -> None:
    entity_id = _entity_id(_either(item, "id", "ent-id", context), "info.ents")
    type_ = item.get("type")
    type_name = _TYPE_CASE.get(str(type_), type_)
    index = None if type_ in (None, "", "NA") else _label(type_name, _TYPE_INDEX, field="info.ents.type")
    if index is None:
        context.repairs["missing_type"] += 1
    name = _either(item, "name", "ent-name", context)
    for position in _positions(item, "info.ents"):
        span = _locate(name, position, context, "info.ents")
        context.utterances[span.utterance]["entities"].append(
            {"entity_id": entity_id, "type": index, "name": span.name, "start": span.start, "end": span.end}
        )


def _add_triple(item: Row, context: _Turn) -> None:
    slot = item.get("prop")
    if not isinstance(slot, str) or not slot:
        raise DataError(repr(slot)[:40], "the name of a slot", field="info.triples.prop")
    name = _either(item, "ent-name", "name", context)
    span = _locate(item.get("value"), _positions(item, "info.triples")[0], context, "info.triples")
    context.utterances[span.utterance]["triples"].append(
        {
            "entity_id": _entity_id(_either(item, "ent-id", "id", context), "info.triples"),
            "entity_name": None if name in (None, "", "NA") else _string(name, "info.triples.ent-name"),
            "slot": slot,
            "value": span.name,
            "start": span.start,
            "end": span.end,
        }
    )


def _either(item: Row, key: str, other: str, context: _Turn) -> Json:
    if key not in item and other in item:
        context.repairs[f"other_key:{other}"] += 1
        return item[other]
    return item.get(key)


def _entity_id(value: Json, place: str) -> str | None:
    if value in (None, "", "NA"):
        return None
    if not isinstance(value, str) or not re.fullmatch(r"ent-\d+", value):
        raise DataError(f"the entity id {value!r:.40}", "ent-1, ent-2, ... or NA", field=place)
    return value


def _string(value: Json, place: str) -> str:
    if not isinstance(value, str):
        raise DataError(type(value).__name__, "a string", field=place)
    return value.replace("[UNK]", "")


def _locate(name: Json, position: Json, context: _Turn, place: str) -> _Span:
    """Where a name or value stands, repaired where the given position [speaker, start, end] does not slice to it.

    Tried in turn: the position, the nearest other place in the same utterance, the turn's other utterance, both again
    without regard to blanks, pauses and case (the name then becomes what is said there). A name that is nowhere keeps
    no position; if its position lay outside the text too, nothing about it is right and it is an error.
    """
    speaker, start, end = _position(position, context, place)
    raw = context.raw_texts[speaker]
    if name is None and position is not None and 0 <= start < end <= len(raw):
        context.repairs["missing_name"] += 1
        name = raw[start:end]
    if name is None:
        raise DataError("null", "a string", field=f"{place}.name or value")
    wanted = _string(name, f"{place}.name or value")
    text = context.utterances[speaker]["text"]
    offset = start - 5 * raw.count("[UNK]", 0, max(start, 0))
    if position is not None and raw[start:end].replace("[UNK]", "") == wanted and 0 <= start <= end <= len(raw):
        return _Span(speaker, offset, wanted)
    kind = "missing_position" if position is None else "wrong_position"
    for utterance in (speaker, 1 - speaker)[: len(context.utterances)]:
        found = _nearest(wanted, context.utterances[utterance]["text"], offset)
        if found is not None:
            context.repairs[kind if found[1] == wanted else "extra_blank"] += 1
            return _Span(utterance, *found)
    if position is not None and not 0 <= start <= end <= len(raw):
        expected = f"a span within the utterance's {len(text)} characters"
        raise DataError(f"the position {position}, outside its text", expected, field=f"{place}.pos")
    context.repairs["name_not_in_text" if position is None else "position_left_out"] += 1
    return _Span(speaker, None, wanted)


def _positions(item: Row, place: str) -> list[Json]:
    """The positions of an entity or triple, [speaker, start, end] or a list of these; [None] where there are none."""
    positions = item.get("pos")
    if positions is None or positions == []:
        return [None]
    if not isinstance(positions, list):
        raise DataError(f"the position {positions!r:.40}", "[speaker, start, end]", field=f"{place}.pos")
    return positions if isinstance(positions[0], list) else [positions]


def _position(position: Json, context: _Turn, place: str) -> tuple[int, int, int]:
    """Utterance of the turn, start and end; the first utterance where there is no position."""
    if position is None:
        return 0, 0, 0
    whole = isinstance(position, list) and len(position) == 3 and all(type(x) is int for x in position)
    if not whole or not 1 <= position[0] <= len(context.keys):
        expected = f"[speaker 1 to {len(context.keys)}, start, end]"
        raise DataError(f"the position {position!r:.40}", expected, field=f"{place}.pos")
    return position[0] - 1, position[1], position[2]


def _nearest(name: str, text: str, start: int) -> tuple[int, str] | None:
    """The place nearest to `start` where `text` says `name`, and what stands there; exact places first."""
    if not name.strip(" _"):
        return None
    start = max(start, 0)
    exact = [(text.rfind(name, 0, start + len(name)), name), (text.find(name, start), name)]
    places = [place for place in exact if place[0] >= 0]
    if not places and len(name) <= _LONGEST_LOOSE_NAME:
        loose = "[ _]*".join(re.escape(character) for character in name if character not in " _")
        places = [(found.start(), found.group()) for found in re.finditer(loose, text, re.IGNORECASE)]
    return min(places, key=lambda place: (abs(place[0] - start), place[0]), default=None)


_LONGEST_LOOSE_NAME = 200  # characters; annotators' blanks are in short names, and the search is slow for long ones


# --------------------------------------------------------------------------------------------------------------------
# Reading a folder.
# --------------------------------------------------------------------------------------------------------------------


class Uniqueness:
    """Knows every dialogue id that was seen, and a digest of what stood there."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[bytes, str]] = {}

    def add(self, dialogue_id: str, digest: bytes, file: str) -> bool:
        """True for a new id, False for a dialogue that was already there with the same content.

        Raises DataError when the content differs.
        """
        if dialogue_id not in self._seen:
            self._seen[dialogue_id] = digest, file
            return True
        known = self._seen[dialogue_id]
        if known[0] != digest:
            hint = "Two different calls have one id: rename one, or leave the second out with --on-error skip."
            found = f"an id that {known[1]} has for a different dialogue"
            raise DataError(found, "each id once", hint, file=file, dialogue=dialogue_id)
        return False


def digest_of(row: Row) -> bytes:
    """A digest of a dialogue's content, to tell repeats from clashes."""
    return hashlib.blake2b(orjson.dumps(row), digest_size=16).digest()


def read_dialogues(
    data_dir: str | Path,
    report: Report | None = None,
    on_error: Callable[[RawDialogue, DataError], None] | None = None,
) -> Iterator[Dialogue]:
    """Every dialogue of a folder, or of one file, in the order of its files: labelled and unlabelled, with care labels.

    report: counts what was read, repaired, set aside and rejected.
    on_error: takes a dialogue that cannot be read, and why, instead of raising; what is no JSON still raises.
    Raises DataError, which names file, dialogue, turn and field.
    """
    files, care_files = find_files(data_dir)
    chosen = choose_care_file(care_files)
    reader = DialogueReader(read_care(chosen) if chosen else None)
    unique = Uniqueness()
    try:
        for file in files:
            for raw in raw_dialogues(file):
                try:
                    dialogue = reader.read(raw)
                    if dialogue is None:
                        continue
                    if unique.add(dialogue.row["dialogue_id"], digest_of(dialogue.row), file.name):
                        yield dialogue
                    else:
                        reader.report.set_aside["repeated_dialogue"] += 1
                except DataError as error:
                    if on_error is None:
                        raise
                    reader.report.rejected.append(str(error))
                    on_error(raw, error)
    finally:
        if report is not None:
            report.add(reader.report)


@dataclass(frozen=True)
class Track2Exchange:
    """An exchange of SereTOD Track 2's files; the gold fields are None in a test file, the generated ones may be ""."""

    user: str
    user_intent: str | None
    acts: str | None
    response: str | None
    generated_user_intent: str
    generated_acts: str
    generated_response: str


@dataclass(frozen=True)
class Track2Dialogue:
    """A dialogue of SereTOD Track 2's test or result file: its local KB and goal are given, not read off the texts."""

    dialogue_id: str
    kb: Mapping[str, Mapping[str, str]]
    goal: Mapping[str, Json] | None
    exchanges: tuple[Track2Exchange, ...]


_TRACK2_KEYS = ("用户", "用户意图", "客服意图", "客服", "用户意图-生成", "客服意图-生成", "客服-生成")


def read_track2(path: str | Path) -> Iterator[Track2Dialogue]:
    """The dialogues of a Track 2 test or result file, in order. Raises DataError where a field is not of its type."""
    files, _ = find_files(path)
    for file in files:
        for raw in raw_dialogues(file):
            value = raw.value
            dialogue_id, turns = _identified(raw, Counter())
            place: dict[str, str | int | None] = {"file": file.name, "dialogue": dialogue_id}
            if raw.source_format != "track2" or not isinstance(value.get("KB", {}), dict):
                raise DataError(
                    f"a dialogue of the form {raw.source_format!r}", "Track 2's form: {id, KB, content}", **place
                )
            exchanges = tuple(_track2_exchange(turn, number, place) for number, turn in enumerate(turns))
            yield Track2Dialogue(dialogue_id, value.get("KB", {}), value.get("goal"), exchanges)


def _track2_exchange(turn: Json, number: int, place: Mapping[str, str | int | None]) -> Track2Exchange:
    if not isinstance(turn, dict) or "用户" not in turn:
        raise DataError("a turn without 用户", "an object with the user's text", **place, turn=number)
    for key in _TRACK2_KEYS:
        if not isinstance(turn.get(key, ""), str):
            raise DataError(type(turn[key]).__name__, "a string", **place, turn=number, field=key)
    user, *gold = (turn.get(key) for key in _TRACK2_KEYS[:4])
    return Track2Exchange(user, *gold, *(turn.get(key, "") for key in _TRACK2_KEYS[4:]))  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------------------------
# Task views: rows made from a row of `labeled`.
# --------------------------------------------------------------------------------------------------------------------


def emotion_rows(row: Row) -> list[Row]:
    """The rows of the config `emotion`: a row an annotated user utterance."""
    lines = transcript_lines(row)
    return [
        {
            "dialogue_id": row["dialogue_id"],
            "utterance": position,
            "context": "\n".join(lines[max(0, position - 2) : position]),
            "text": utterance["text"],
            "emotions": utterance["emotions"],
        }
        for position, utterance in enumerate(row["utterances"])
        if utterance["emotions"] is not None
    ]


def satisfaction_rows(row: Row) -> list[Row]:
    """The row of the config `satisfaction`; none where the dialogue has no satisfaction label."""
    if row["satisfaction"] is None:
        return []
    text = "\n".join(transcript_lines(row))
    return [{"dialogue_id": row["dialogue_id"], "text": text, "satisfaction": row["satisfaction"]}]


def transcript_lines(row: Row) -> list[str]:
    """A dialogue as speaker-marked lines: 客服：... and 用户：..."""
    names = list(SPEAKERS.values())
    return [f"{names[u['speaker']]}：{u['text'].replace(chr(10), ' ')}" for u in row["utterances"]]


@cache
def view(config: str) -> Callable[[Row], list[Row]]:
    """The function that makes the rows of a config from a row of `labeled` (of `unlabeled` for itself).

    `response` needs the dialogue state: its function is an entry point of the group "cmcc.views", so that this module
    knows nothing of the library behind it. Raises ImportError when that is not installed.
    """
    own = {"emotion": emotion_rows, "satisfaction": satisfaction_rows}
    if config != "response":
        return own.get(config, lambda row: [row])
    for point in entry_points(group="cmcc.views", name=config):
        found: Callable[[Row], list[Row]] = point.load()
        return found
    raise ImportError("the config 'response' needs the whole package: run `pip install .` where pyproject.toml is")


def table_of(rows: Iterable[Row], config: str) -> pa.Table:
    """Rows of a config as an Arrow table with that config's schema."""
    return pa.Table.from_pylist(list(rows), schema=FEATURES[config]().arrow_schema)


# --------------------------------------------------------------------------------------------------------------------
# The builder of `datasets`, and load().
# --------------------------------------------------------------------------------------------------------------------

BLOCK = 500  # dialogues in a table


class CMCCConfig(datasets.BuilderConfig):  # type: ignore[misc]
    """A config of the data set: `name` is one of cmcc.FEATURES, `data_dir` the folder of raw files."""

    @property
    def folder(self) -> Path | None:
        """Where the raw files are; the sample's ship with the package."""
        if self.name == "sample":
            return SAMPLE_DIR
        return Path(self.data_dir) if self.data_dir else None

    def create_config_id(self, config_kwargs: dict[str, Any], custom_features: Features | None = None) -> str:
        """The cache key: a digest of the files' names, sizes and times, and of the code that reads them.

        The library's own key holds the folder's name only, and would hand back stale rows of edited files.
        """
        digest = hashlib.sha256(repr((sorted(config_kwargs.items()), custom_features)).encode())
        files, care = find_files(self.folder) if self.folder else ([], [])
        for name, path in [((file.name, file.split), file.path) for file in files] + [("care", path) for path in care]:
            stat = path.stat()
            digest.update(repr((name, str(path.resolve()), stat.st_size, stat.st_mtime_ns)).encode())
        for path in _code_files(self.name):
            digest.update(path.read_bytes())
        return f"{self.name}-{digest.hexdigest()[:16]}"


def _code_files(config: str) -> list[Path]:
    """The modules that decide what the rows of a config are."""
    module = sys.modules[view(config).__module__]
    place = Path(str(module.__file__))
    return [Path(__file__)] + (sorted(place.parent.glob("*.py")) if config == "response" else [])


class CMCC(datasets.ArrowBasedBuilder):  # type: ignore[misc]
    """Builds a config from raw files: CMCC(config_name="labeled", data_dir="FOLDER").

    Shards are files; a dialogue that several files hold is taken from the first. All files are read once before the
    first row is given, streamed or not: only then is it known which dialogues stand twice.
    """

    VERSION = datasets.Version(VERSION)
    BUILDER_CONFIG_CLASS = CMCCConfig
    BUILDER_CONFIGS = [CMCCConfig(name=name, version=datasets.Version(VERSION)) for name in FEATURES]  # noqa: RUF012

    def _info(self) -> datasets.DatasetInfo:
        description = "China Mobile Customer Care: customer-service calls with care-oriented labels."
        if self.config.name == "sample":
            description = "SYNTHETIC sample of CMCC: simulated calls with the features of `labeled`."
        return datasets.DatasetInfo(description=description, features=FEATURES[self.config.name]())

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:  # noqa: ARG002
        folder = self.config.folder
        if folder is None:
            raise DataError("no data_dir", "a folder of raw files", WHERE_TO_GET, config=self.config.name)
        files, care_files = find_files(folder)
        chosen = choose_care_file(care_files)
        care = read_care(chosen) if chosen else {}
        wanted = self._dialogues_by_split(files, care)
        if not wanted:
            needed = {"emotion": " with emotions", "satisfaction": " with satisfaction"}.get(self.config.name, "")
            found, expected = f"no {self._source} dialogues{needed}", f"some for the config {self.config.name!r}"
            raise DataError(found, expected, WHERE_TO_GET, file=str(folder))
        return [
            datasets.SplitGenerator(
                split, {"files": [files[n] for n in by_file], "wanted": list(by_file.values()), "care": care}
            )
            for split, by_file in sorted(wanted.items(), key=lambda item: SPLITS.index(item[0]))
        ]

    @property
    def _source(self) -> str:
        return "unlabeled" if self.config.name == "unlabeled" else "labeled"

    def _dialogues_by_split(self, files: list[RawFile], care: CareLabels) -> dict[str, dict[int, set[int]]]:
        """Of each split that has rows: by number of the file, the places in it of the dialogues that make them."""
        unique, with_rows = Uniqueness(), set[str]()
        found: dict[str, dict[int, set[int]]] = {}
        for number, file in enumerate(files):
            for index, dialogue in _numbered(file, care):
                row, split = dialogue.row, dialogue.split
                if unique.add(row["dialogue_id"], digest_of(row), file.name) and dialogue.config == self._source:
                    found.setdefault(split, {}).setdefault(number, set()).add(index)
                    if split not in with_rows and view(self.config.name)(row):
                        with_rows.add(split)
        return {split: by_file for split, by_file in found.items() if split in with_rows}

    def _generate_tables(
        self, files: list[RawFile], wanted: list[set[int]], care: CareLabels
    ) -> Iterator[tuple[Key, pa.Table]]:
        for shard, (file, indices) in enumerate(zip(files, wanted, strict=True)):
            rows = (dialogue.row for _, dialogue in _numbered(file, care, indices))
            for number, block in enumerate(blocks(rows, BLOCK)):
                viewed = chain.from_iterable(map(view(self.config.name), block))
                yield Key(shard, number), table_of(viewed, self.config.name)


def _numbered(file: RawFile, care: CareLabels, wanted: set[int] | None = None) -> Iterator[tuple[int, Dialogue]]:
    """The dialogues of a file with their places in it; only those at the places `wanted`, if given."""
    reader = DialogueReader(care)
    for raw in raw_dialogues(file):
        if wanted is None or raw.index in wanted:
            dialogue = reader.read(raw)
            if dialogue is not None:
                yield raw.index, dialogue


def blocks(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Lists of `size` rows, the last one shorter."""
    rows = iter(rows)
    while block := list(islice(rows, size)):
        yield block


Loaded: TypeAlias = datasets.Dataset | datasets.DatasetDict | datasets.IterableDataset | datasets.IterableDatasetDict


def load(
    config: str,
    data_dir: str | Path | None = None,
    split: str | None = None,
    streaming: bool = False,
    num_proc: int | None = None,
) -> Loaded:
    """A config of the data set made from raw files, as `datasets` objects: load("labeled", data_dir="FOLDER").

    config: one of cmcc.FEATURES; `sample` takes no data_dir, it is synthetic and ships with the package.
    split: train, validation or test; without it all that have rows, in a dict.
    streaming: gives iterable data sets; nothing is written to the cache.
    num_proc: processes, each takes whole files; not with streaming.
    Raises DataError when there are no files, or when one holds what cannot be repaired; ValueError for arguments that
    do not go together.
    """
    if config not in FEATURES:
        raise ValueError(f"no config {config!r}; there are {', '.join(FEATURES)}")
    if streaming and num_proc:
        raise ValueError("num_proc is of no use with streaming: leave one of them out")
    if config == "sample":
        if data_dir is not None:
            raise ValueError("the config 'sample' takes no data_dir: it is the sample; load 'labeled' from a folder")
        builder = CMCC(config_name=config)
    elif data_dir is None:
        raise DataError("no data_dir", "a folder of raw files", WHERE_TO_GET, config=config)
    else:
        builder = CMCC(config_name=config, data_dir=str(Path(data_dir).resolve()) if str(data_dir) else "")
    if not streaming:
        builder.download_and_prepare(num_proc=num_proc)
    loaded: Loaded = builder.as_streaming_dataset(split) if streaming else builder.as_dataset(split)
    return loaded

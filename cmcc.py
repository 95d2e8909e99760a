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
import unicodedata
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
EMOTION_ALIASES = {"无": "中性", "无情绪": "中性", "没有": "中性", "none": "中性"}

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


_LEFT_OUT = {
    "care_label_beyond_dialogue", "entity_without_name", "triple_without_slot", "triple_without_value",
    "undeclared_entity", "unknown_label", "unknown_satisfaction", "unreadable_care_entry", "unreadable_entity_id",
    "unreadable_label",
}  # fmt: skip


@dataclass
class Report:
    """What a reading did, by kind; `rejected` alone quotes the data, as its messages say what was found."""

    read: Counter[str] = field(default_factory=Counter)  # dialogues, by raw format
    repaired: Counter[str] = field(default_factory=Counter)  # repairs, by kind
    set_aside: Counter[str] = field(default_factory=Counter)  # what is known but belongs to no config, by kind
    rejected: list[str] = field(default_factory=list)  # the error of each rejected dialogue

    @property
    def left_out(self) -> Counter[str]:
        """Those of `repaired` that cost a label: nothing tells what it was to be."""
        return Counter({kind: count for kind, count in self.repaired.items() if kind.split(":")[0] in _LEFT_OUT})

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


def read_care(path: Path, report: Report | None = None) -> CareLabels:
    """The labels of a care file: {"dialogues": [{file, index, id, satisfaction, user_emotions, caring_acts}]}.

    Labels are English or Chinese names, as `find_label` takes them.
    report: counts labels and entries that are not right, and they are left out; without it they raise.
    Raises DataError for a file that is no care file, and without a report for what is not right in one.
    """
    try:
        content = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (OSError, orjson.JSONDecodeError) as error:
        hint = "Check the path, fix the file, or take it out of the folder to build without its labels."
        raise DataError(f"a file that cannot be read ({error})", "a care file", hint, file=path.name) from error
    entries = content.get("dialogues") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError("no list 'dialogues'", 'a care file: {"dialogues": [...]}', file=path.name)
    repairs: Counter[str] = Counter()
    labels: CareLabels = {}
    for position, entry in enumerate(entries):
        try:
            key, care = _care_entry(entry, None if report is None else repairs)
            if key in labels:
                raise DataError(f"{key} twice", "each dialogue once")
            labels[key] = care
        except DataError as error:
            if report is None:
                raise error.at(file=path.name, dialogue=position) from None
            repairs["unreadable_care_entry"] += 1
    if report is not None:
        report.repaired += repairs
    return labels


def _care_entry(entry: Json, repairs: Counter[str] | None) -> tuple[str, Care]:
    if not isinstance(entry, dict):
        raise DataError(type(entry).__name__, "an object")
    dialogue_id, index = entry.get("id"), entry.get("index")
    number = _whole_number(index)
    key = (
        f"{entry.get('file')}#{index if number is None else number}"
        if _is_missing(dialogue_id) or dialogue_id == ""
        else dialogue_id
    )
    emotions = _care_turns(entry.get("user_emotions"), "user_emotions", EMOTIONS, repairs)
    acts = _care_turns(entry.get("caring_acts"), "caring_acts", ACTS, repairs)
    return str(key), Care(_read_satisfaction(entry.get("satisfaction"), repairs), emotions, acts)


def _care_turns(
    value: Json, name: str, vocabulary: Mapping[str, str], repairs: Counter[str] | None
) -> dict[int, tuple[int, ...]] | None:
    """The labels of each turn; none where none of its labels is known, and the turn is not annotated then."""
    expected = "an object of label lists by turn"
    if not isinstance(value, dict):
        if not _is_missing(value):
            _lose(DataError(repr(value)[:80], expected, field=name), f"unreadable_label:{name}", repairs)
        return None
    labels: dict[int, tuple[int, ...]] = {}
    for key, names in value.items():
        turn = _whole_number(key)
        names = label_names(names) if isinstance(names, str) else names
        if turn is None or turn < 0 or not isinstance(names, list):
            found = f"{names!r:.40} for turn {key!r:.40}"
            _lose(DataError(found, expected, field=name), f"unreadable_label:{name}", repairs)
            continue
        found_labels = []
        for label_name in names:
            label = find_label(label_name, vocabulary)
            if label is None:
                error = _no_such_label(label_name, vocabulary).at(turn=turn, field=name)
                _lose(error, _unknown_label(str(label_name)), repairs)
            else:
                found_labels.append(label)
        labels[turn] = tuple(dict.fromkeys(found_labels))
    return labels


def _lose(error: DataError, kind: str, repairs: Counter[str] | None) -> None:
    """Counts a label that is left out. Raises the error where nothing counts."""
    if repairs is None:
        raise error
    repairs[kind] += 1


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


_LABEL_SEPARATOR = re.compile(r"[,，、;；/／|｜\n]")
_NOT_A_WORD = re.compile(r"[\W_]+")


def label_names(text: str) -> list[str]:
    """The names in a label string, in order: 抱怨某问题、情绪较为激动 has two.

    Names are separated by commas, semicolons, slashes, bars or line ends of any width; blanks around them are no part
    of them, and between two separators there is no name. The string must not have slots in parentheses.
    """
    return [name for part in _LABEL_SEPARATOR.split(text) if (name := part.strip())]


def find_label(name: Json, vocabulary: Mapping[str, str]) -> int | None:
    """The class index of a label's name, None where the vocabulary has no such label.

    name: English or Chinese, or a name that annotators are known to write for it; case, blanks, punctuation and the
    width of characters do not count. vocabulary: EMOTIONS, ACTS, INTENTS, ENTITY_TYPES, SPEAKERS or another dict of
    English to Chinese names; the numbers of satisfaction are read by `satisfaction_label`.
    """
    if not isinstance(name, str):
        return None
    index = _label_index(tuple(vocabulary.items()))
    found = index.get(name)
    if found is None and (plain := _plain_name(name)):
        found = index.get(plain)
    return found


def satisfaction_label(value: Json) -> int | None:
    """The class index of a raw satisfaction: 1, 2 or 3 as any kind of number or text, or a name of SATISFACTION.

    None, NaN, blank and 无 are not annotated and give None. Raises DataError for anything else.
    """
    if value is None or value != value:  # NaN is the one value that differs from itself
        return None
    text = unicodedata.normalize("NFKC", str(value)).strip()
    if text.lower() in ("", "nan", "none", "null", "na", "无"):
        return None
    number = None if isinstance(value, bool) else re.fullmatch(r"([123])(?:\.0*)?分?", text)
    label = int(number[1]) - 1 if number else find_label(text, SATISFACTION)
    if label is None:
        expected = "1 (unsatisfied), 2 (accepted, unsolved) or 3 (satisfied)"
        raise DataError(f"{value!r:.40}", expected, field="满意度")
    return label


def _plain_name(name: str) -> str:
    """A label's name as it is compared."""
    return _NOT_A_WORD.sub("", unicodedata.normalize("NFKC", name).casefold())


@lru_cache(maxsize=64)
def _label_index(items: tuple[tuple[str, str], ...]) -> dict[str, int]:
    """Class index by English and by Chinese name and by alias, each as it is written and as it is compared."""
    index = {name: i for i, names in enumerate(items) for name in names}
    for aliases, vocabulary in ((INTENT_ALIASES, INTENTS), (ACT_ALIASES, ACTS), (EMOTION_ALIASES, EMOTIONS)):
        if items == tuple(vocabulary.items()):
            index |= {alias: index[name] for alias, name in aliases.items()}
    return {_plain_name(name): i for name, i in index.items()} | index


def _no_such_label(name: Json, vocabulary: Mapping[str, str]) -> DataError:
    return DataError(f"the label {name!r:.60}", f"one of {', '.join(vocabulary.values())}")


_WIDE = str.maketrans({"（": "(", "）": ")", "，": ",", "；": ";", "／": "/", "｜": "|", "－": "-"})
_BLANKS = re.compile(r"\s+")
# Slots in parentheses that close, of which one may have parentheses of its own, 账户余额(欠费); slots in parentheses
# that never close; or a label.
_LABEL_TOKEN = re.compile(r"\(((?:[^()]++|\((?!ent)[^()]*+\))*+)\)|\(([^()]*+)|[^(),、;/|]++")
_ENTITY_SLOT = re.compile(r"ent[-_]?(\d{1,9})[-_]*(.*)", re.IGNORECASE)
_TYPE_INDEX = {name: index for index, name in enumerate(ENTITY_TYPES.values())}
_TYPE_CASE = {"4g套餐": "4G套餐", "5g套餐": "5G套餐"}
_KNOWN_SLOTS = frozenset(SLOTS) | set(PERSONAL_SLOTS) | set(_TYPE_INDEX) | set(_TYPE_CASE)

ParsedIntents = tuple[tuple[int, tuple[tuple[str | None, str], ...]], ...]  # of each intent, its slots (entity, slot)


@lru_cache(maxsize=1 << 16)
def _parse_intents(text: str) -> tuple[ParsedIntents, tuple[str, ...]]:
    """The intents of a user utterance with their slots, and the kinds of repair; cached, as few strings make a corpus.

    `询问(ent-1-业务费用)(业务时长),问候`: parentheses hold slots of the intent before them, a slot without an entity
    belongs to the entity named last in the same intent unless it is personal information or a type. An intent that
    stands twice is one, with the slots of both. A label that is not in the vocabulary is left out with its slots.
    """
    compact, repairs = _plain_labels(text)
    intents: dict[int, dict[tuple[str | None, str], None]] = {}
    entity: str | None = None
    slots: dict[tuple[str | None, str], None] | None = None
    for token, is_slot in _label_tokens(compact, INTENTS):
        if slots is not None and (is_slot or _ENTITY_SLOT.match(token)):
            entity, slot = _parse_slot(token, entity)
            repairs += ["blank_slot"] * (not slot[1]) + ["doubled_slot"] * (slot in slots)
            if slot[1]:
                slots[slot] = None
            continue
        intent = find_label(token, INTENTS)
        entity, slots = None, {}
        if intent is None:
            repairs.append(_unknown_label(token))
            continue
        repairs += ["intent_alias"] * (token in INTENT_ALIASES) + ["doubled_label"] * (intent in intents)
        slots = intents.setdefault(intent, slots)
    return tuple((intent, tuple(found)) for intent, found in intents.items()), tuple(repairs)


def _plain_labels(text: str) -> tuple[str, list[str]]:
    """A label string without blanks, and the kinds of repair that its marks show."""
    compact = _BLANKS.sub("", text)
    plain = compact.translate(_WIDE)
    repairs = [] if plain == text and "、" not in text else ["full_width_intent"]
    if plain.count("(") != plain.count(")") or "((" in plain or ",(" in plain:
        repairs.append("malformed_intent")
    if plain.startswith(",") or plain.endswith(",") or ",," in plain:
        repairs.append("blank_label")
    return compact, repairs


def _unknown_label(name: str) -> str:
    """How the report calls a label that no vocabulary has: by its name, unless it is a text that got there."""
    is_name = len(name) <= _LONGEST_LABEL and not _NUMBER.search(name)
    return f"unknown_label:{printable(name)}" if is_name else "unknown_label"


# Longer ones are no labels, and neither the words of a call nor numbers of its user belong into a report.
_LONGEST_LABEL = 16
_NUMBER = re.compile(r"[\d〇零一二三四五六七八九幺]{4}")


def _label_tokens(compact: str, vocabulary: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """The labels and slots of a label string in order, with whether each is a slot; [""] for an empty string.

    What stands in parentheses is a slot, as it is written there; where they are never closed, a known label ends them.
    """
    if not compact:
        yield "", False
    for part in _LABEL_TOKEN.finditer(compact.translate(_WIDE)):
        group = 1 if part[1] is not None else 2
        if part[group] is None:
            yield part[0], False
            continue
        inside = True
        for token in _slot_names(compact[part.start(group) : part.end(group)]):
            inside = inside and (group == 1 or find_label(token, vocabulary) is None)
            yield token, inside


def _slot_names(inside: str) -> Iterator[str]:
    """The slots in one pair of parentheses; an enumeration comma separates them where each part is known as a slot."""
    if inside[:1] in ("(", "（"):  # parentheses within parentheses: 询问((业务费用)(业务时长))
        inside = re.sub("[()（）]", ",", inside)
    for token in re.split("[,，;；]", inside):
        parts = re.split("[、/|／｜]", token)
        known = len(parts) > 1 and all(x in _KNOWN_SLOTS or _ENTITY_SLOT.match(x) for x in parts)
        yield from filter(None, parts if known else [token])


def _parse_slot(token: str, entity: str | None) -> tuple[str | None, tuple[str | None, str]]:
    """The entity in force after a slot, and the slot."""
    match = _ENTITY_SLOT.fullmatch(token.translate(_WIDE))
    if match:
        entity = f"ent-{int(match[1])}"
        return entity, (entity, token[match.start(2) :])
    slot = re.sub(r"^(NA|ent)?-+", "", token)
    slot = _TYPE_CASE.get(slot, slot)
    if slot in _TYPE_INDEX or slot in PERSONAL_SLOTS or slot != token:
        return entity, (None, slot)
    return entity, (entity, slot)


@lru_cache(maxsize=1 << 16)
def _parse_acts(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The acts of a service utterance, and the kinds of repair; slots of acts have no place in the features."""
    compact, repairs = _plain_labels(text)
    acts: dict[int, None] = {}
    for number, (token, is_slot) in enumerate(_label_tokens(compact, ACTS)):
        if is_slot or (number and _ENTITY_SLOT.match(token)):
            repairs.append("act_slots_left_out")
            continue
        act = find_label(token, ACTS)
        if act is None:
            repairs.append(_unknown_label(token))
            continue
        repairs += ["act_alias"] * (token in ACT_ALIASES) + ["doubled_label"] * (act in acts)
        acts[act] = None
    return tuple(acts), tuple(repairs)


@lru_cache(maxsize=1 << 12)
def _parse_emotions(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The emotions of a user utterance, and the kinds of repair; 无 beside another emotion says nothing."""
    repairs: list[str] = []
    emotions: dict[int, None] = {}
    names = label_names(text)
    for name in names:
        emotion = find_label(name, EMOTIONS)
        if emotion is None:
            repairs.append(_unknown_label(name))
        elif name in EMOTION_ALIASES:
            repairs.append("emotion_alias")
            if len(names) == 1:
                emotions[emotion] = None
        else:
            repairs += ["doubled_label"] * (emotion in emotions)
            emotions[emotion] = None
    return tuple(emotions), tuple(repairs)


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
            if not equal and key in _TEXT_KEYS:
                raise DataError("the key twice in one object with different values", "one value", field=key)
            repairs["doubled_key" if equal else f"doubled_key_last_taken:{printable(key, 40)}"] += 1
        if "\\u" in raw.text:  # only an escape can hold half of a surrogate pair
            turns = _whole_characters(turns, repairs)
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
        value = raw.value.get("满意度") if isinstance(raw.value, dict) else None
        satisfaction = _read_satisfaction(value, repairs)
        if care is not None:
            _merge_care(care, len(turns), utterances, repairs)
            self.merged.add(care_key)
            if care.satisfaction is not None:
                repairs["care_replaces_satisfaction"] += satisfaction not in (None, care.satisfaction)
                satisfaction = care.satisfaction
        _leave_out_undeclared(utterances, repairs)
        row = {"dialogue_id": dialogue_id, "satisfaction": satisfaction, "utterances": utterances}
        return Dialogue("labeled", raw.file.split or split_of(dialogue_id), row)


def _identified(raw: RawDialogue, repairs: Counter[str], may_be_empty: bool = False) -> tuple[str, list[Any]]:
    """A dialogue's id and its raw turns; an id that is missing is made from the content."""
    value = raw.value
    turns = value.get("content") if isinstance(value, dict) else value
    if not isinstance(turns, list) or not (turns or may_be_empty):
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


def _whole_characters(value: Json, repairs: Counter[str]) -> Json:
    """The value with U+FFFD for each half of a surrogate pair, which is JSON, but no text that can be written."""
    if isinstance(value, dict):
        return {_whole_characters(key, repairs): _whole_characters(part, repairs) for key, part in value.items()}
    if isinstance(value, list):
        return [_whole_characters(part, repairs) for part in value]
    if isinstance(value, str) and not _is_unicode(value):
        repairs["half_surrogate"] += 1
        return re.sub("[\ud800-\udfff]", "\ufffd", value)
    return value


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


_DIALOGUE_KEYS = {"id", "content", "满意度"}
_LABELS_OF = {"[SPEAKER 1]": ("客服意图",), "[SPEAKER 2]": ("用户意图", "用户情绪")}
_TEXT_KEYS = {"id", "content", *_SPEAKER_KEYS}  # with two values for one of these it is not known what was said
_KNOWN_KEYS = _ANNOTATIONS | set(_SPEAKER_KEYS) | {_CONFUSED}
_INFO_KEYS = {"ents", "triples"}
_ENTITY_KEYS = {"name", "ent-name", "id", "ent-id", "type", "pos"}
_TRIPLE_KEYS = {"ent-id", "id", "ent-name", "name", "prop", "value", "pos"}


def _count_ignored(keys: Iterable[str], repairs: Counter[str]) -> None:
    """Keys that nobody knows are counted by name, so that a misspelt one is seen."""
    for key in keys:
        repairs[f"ignored_key:{printable(key, 40)}"] += 1


def _speaker_keys(turn: Json, repairs: Counter[str]) -> list[str]:
    """The keys of a turn's utterances in spoken order; keys that nobody knows are counted.

    A turn that has no text and nothing that could be one has no utterance. Raises DataError where texts are missed.
    """
    if not isinstance(turn, dict):
        raise DataError(type(turn).__name__, "an object with the keys [SPEAKER 1] and [SPEAKER 2]")
    keys = [key for key in turn if key in _SPEAKER_KEYS]
    if len(keys) < len(turn):
        others = turn.keys() - _KNOWN_KEYS
        for key in sorted(others):
            if key.startswith("[SPEAKER"):
                raise DataError("another speaker", "[SPEAKER 1] (service) or [SPEAKER 2] (user)", field=key)
        if not keys and any(isinstance(turn[key], str) for key in others):
            raise DataError("no speaker key", "[SPEAKER 1] (service), [SPEAKER 2] (user) or both")
        _count_ignored(others, repairs)
    if not keys:
        repairs["turn_without_utterance"] += 1
    for key in keys:
        if not isinstance(turn[key], str):
            if not _is_missing(turn[key]):
                raise DataError(type(turn[key]).__name__, "a string", field=key)
            repairs["missing_text"] += 1
    return keys


def _is_missing(value: Json) -> bool:
    """Whether it says nothing: null, or the NaN that tables write for an empty cell, the one value unlike itself."""
    return value is None or value != value


def _texts(turn: Row, keys: list[str]) -> list[str]:
    """The texts of a turn as they stand in the file; one that is null is empty."""
    return [turn[key] if isinstance(turn[key], str) else "" for key in keys]


def _clean(text: str, repairs: Counter[str]) -> str:
    if "[UNK]" not in text:
        return text
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
    return [
        {"speaker": _SPEAKER_KEYS[key], "text": _clean(text, repairs), "turn": number}
        for key, text in zip(keys, _texts(turn, keys), strict=True)
    ]


def _labeled_turn(turn: Json, number: int, repairs: Counter[str]) -> list[Row]:
    keys = _speaker_keys(turn, repairs)
    utterances: list[Row] = []
    confused = _CONFUSED in turn or _CONFUSED in f"{turn.get('用户意图')} {turn.get('客服意图')}"
    if confused:
        repairs["confused_intents"] += 1
    raw_texts = _texts(turn, keys)
    for key, raw_text in zip(keys, raw_texts, strict=True):
        speaker, text = _SPEAKER_KEYS[key], _clean(raw_text, repairs)
        labels = (_user_labels if speaker else _service_labels)(turn, confused, repairs)
        utterances.append({"speaker": speaker, "text": text, "turn": number, **labels, "entities": [], "triples": []})
    if len(keys) == 1:
        silent = next(labels for key, labels in _LABELS_OF.items() if key != keys[0])
        repairs.update("label_without_utterance" for key in silent if turn.get(key))
    _add_spans(turn, raw_texts, utterances, repairs)
    return utterances


def _parsed(
    turn: Row, key: str, parse: Callable[[str], tuple[Parsed, tuple[str, ...]]], missing: str, repairs: Counter[str]
) -> Parsed | None:
    """What `parse` makes of a label string of a turn; None where there is none, or nothing in it is a label.

    missing: the kind under which a string that is not there is counted, "" where it need not be there.
    """
    value = turn.get(key)
    if not isinstance(value, str):
        if _is_missing(value):
            repairs.update([missing] if missing else [])
            return None
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            repairs[f"unreadable_label:{key}"] += 1
            return None
        repairs["list_of_labels"] += 1
        value = ",".join(value)
    parsed, kinds = parse(value)
    if kinds:
        repairs.update(kinds)
    return parsed or None


def _user_labels(turn: Row, confused: bool, repairs: Counter[str]) -> Row:
    parsed = None if confused else _parsed(turn, "用户意图", _parse_intents, "missing_intent", repairs)
    emotions = _parsed(turn, "用户情绪", _parse_emotions, "", repairs)
    intents = parsed and [
        {"intent": intent, "slots": [{"entity_id": entity, "slot": slot} for entity, slot in slots]}
        for intent, slots in parsed
    ]
    return {"emotions": list(emotions) if emotions else None, "intents": intents, "acts": None}


def _service_labels(turn: Row, confused: bool, repairs: Counter[str]) -> Row:
    acts = None if confused else _parsed(turn, "客服意图", _parse_acts, "missing_act", repairs)
    return {"emotions": None, "intents": None, "acts": list(acts) if acts else None}


def _read_satisfaction(value: Json, repairs: Counter[str] | None) -> int | None:
    """The satisfaction of a raw dialogue or a care file; None where it is not annotated or, counted, none of the three.

    Raises DataError for the last without `repairs`.
    """
    try:
        label = satisfaction_label(value)
    except DataError as error:
        _lose(error, "unknown_satisfaction", repairs)
        return None
    if repairs is not None and value is not None and str(value) not in _SATISFACTION_NUMBERS:
        repairs["missing_satisfaction" if label is None else "satisfaction_spelling"] += 1
    return label


_SATISFACTION_NUMBERS = ("1", "2", "3")


def _merge_care(care: Care, turns: int, utterances: list[Row], repairs: Counter[str]) -> None:
    emotions, acts = ({t: x for t, x in (labels or {}).items() if t < turns} for labels in (care.emotions, care.acts))
    beyond = len(care.emotions or ()) + len(care.acts or ()) - len(emotions) - len(acts)
    repairs["care_label_beyond_dialogue"] += beyond
    for utterance in utterances:
        turn = utterance["turn"]
        if not utterance["speaker"]:
            added = acts.pop(turn, ())
            utterance["acts"] = (
                list(dict.fromkeys([*(utterance["acts"] or ()), *added])) if added else utterance["acts"]
            )
        elif care.emotions is not None:
            labels = list(emotions.pop(turn, (0,))) or None
            repairs["care_replaces_emotions"] += utterance["emotions"] not in (None, labels)
            utterance["emotions"] = labels
    if emotions or acts:
        repairs["care_label_without_utterance"] += len(emotions) + len(acts)


def _leave_out_undeclared(utterances: list[Row], repairs: Counter[str]) -> None:
    """Takes out the slots and triples of an entity that nothing in the dialogue names."""
    declared = {None} | {e["entity_id"] for u in utterances for e in u["entities"]}
    declared |= {t["entity_id"] for u in utterances for t in u["triples"] if t["entity_name"]}
    for utterance in utterances:
        asked = [intent["slots"] for intent in utterance["intents"] or () if intent["slots"]]
        for labels in [utterance["triples"], *asked] if utterance["triples"] else asked:
            if not all(label["entity_id"] in declared for label in labels):
                known = [label for label in labels if label["entity_id"] in declared]
                repairs["undeclared_entity"] += len(labels) - len(known)
                labels[:] = known


# --------------------------------------------------------------------------------------------------------------------
# Entities and triples: where they stand in the texts.
# --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Turn:
    """A raw turn's raw texts and finished utterances, in spoken order.

    utf16: of each text, whether its positions count UTF-16 units, as JavaScript and Java do, not code points.
    """

    raw_texts: list[str]
    utterances: list[Row]
    utf16: list[bool]
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


_Position = tuple[int, int, int]  # utterance of the turn, start, end


def _add_spans(turn: Row, raw_texts: list[str], utterances: list[Row], repairs: Counter[str]) -> None:
    """Adds the entities and triples of a raw turn to its utterances; what is wrong with one costs that one."""
    info = turn.get("info")
    if _is_missing(info):
        repairs["missing_info"] += 1
        return
    if not isinstance(info, dict):
        repairs["unreadable_label:info"] += 1
        return
    if not info.keys() <= _INFO_KEYS:
        _count_ignored(info.keys() - _INFO_KEYS, repairs)
    entities, triples = _items(info, "ents", _ENTITY_KEYS, repairs), _items(info, "triples", _TRIPLE_KEYS, repairs)
    if not utterances:
        repairs["label_without_utterance"] += len(entities) + len(triples)
        return
    if not entities and not triples:
        return
    named = [(item.get("name", item.get("ent-name")), item) for item in entities]
    named += [(item.get("value"), item) for item in triples]
    utf16 = [_counts_utf16(number, text, named) for number, text in enumerate(raw_texts)]
    context = _Turn(raw_texts, utterances, utf16, repairs)
    for item in entities:
        _add_entity(item, context)
    for item in triples:
        _add_triple(item, context)


def _items(info: Row, key: str, known: set[str], repairs: Counter[str]) -> list[Row]:
    """The objects of a list in a turn's info; what is no object is counted, and so are keys that nobody knows."""
    items = info.get(key)
    if not items or _is_missing(items):
        return []
    if not isinstance(items, list):
        repairs[f"unreadable_label:info.{key}"] += 1
        return []
    found = [item for item in items if isinstance(item, dict)]
    if len(found) < len(items):
        repairs[f"unreadable_label:info.{key}"] += len(items) - len(found)
    for item in found:
        if not item.keys() <= known:
            _count_ignored(item.keys() - known, repairs)
    return found


def _add_entity(item: Row, context: _Turn) -> None:
    repairs = context.repairs
    entity_id = _entity_id(_either(item, "id", "ent-id", repairs), repairs)
    type_ = item.get("type")
    index = _TYPE_INDEX.get(type_) if isinstance(type_, str) else None
    if index is None:
        index = find_label(type_, ENTITY_TYPES)
    if index is None:
        repairs["missing_type" if type_ in (None, "", "NA") else _unknown_label(str(type_))] += 1
    name = _string(_either(item, "name", "ent-name", repairs), repairs)
    for position in _positions(item, context):
        span = _locate(name, position, context)
        if span is None:
            repairs["entity_without_name"] += 1
            continue
        context.utterances[span.utterance]["entities"].append(
            {"entity_id": entity_id, "type": index, "name": span.name, "start": span.start, "end": span.end}
        )


def _add_triple(item: Row, context: _Turn) -> None:
    repairs = context.repairs
    slot = item.get("prop")
    slot = slot.strip() if isinstance(slot, str) else ""
    if not slot:
        repairs["triple_without_slot"] += 1
        return
    span = _locate(_string(item.get("value"), repairs), _positions(item, context)[0], context)
    if span is None:
        repairs["triple_without_value"] += 1
        return
    name = _string(_either(item, "ent-name", "name", repairs), repairs)
    context.utterances[span.utterance]["triples"].append(
        {
            "entity_id": _entity_id(_either(item, "ent-id", "id", repairs), repairs),
            "entity_name": None if name in (None, "", "NA") else name,
            "slot": slot,
            "value": span.name,
            "start": span.start,
            "end": span.end,
        }
    )


def _either(item: Row, key: str, other: str, repairs: Counter[str]) -> Json:
    if key not in item and other in item:
        repairs[f"other_key:{other}"] += 1
        return item[other]
    return item.get(key)


def _entity_id(value: Json, repairs: Counter[str]) -> str | None:
    """An entity's id without blanks, ent-1; None where there is none, or one of another form."""
    if _is_missing(value) or value in ("", "NA"):
        return None
    if isinstance(value, str) and _PLAIN_ENTITY_ID.fullmatch(value):
        return value
    match = _ENTITY_ID.fullmatch(_BLANKS.sub("", value)) if isinstance(value, str) else None
    if match is None:
        repairs["unreadable_entity_id"] += 1
        return None
    return f"ent-{int(match[1])}"


_PLAIN_ENTITY_ID = re.compile("ent-[1-9][0-9]{0,8}")
_ENTITY_ID = re.compile(r"ent[-_－]?(\d{1,9})", re.IGNORECASE)


def _string(value: Json, repairs: Counter[str]) -> str | None:
    """A name or value without [UNK]; a number as it is written, None for anything else."""
    if isinstance(value, str):
        return value.replace("[UNK]", "")
    if _is_missing(value) or not isinstance(value, int | float) or isinstance(value, bool):
        repairs["unreadable_label:name"] += not _is_missing(value)
        return None
    repairs["number_for_text"] += 1
    return str(value)


def _locate(name: str | None, position: _Position | None, context: _Turn) -> _Span | None:
    """Where a name or value stands, repaired where its position does not slice to it; None without both.

    Tried in turn: the position, the nearest other place in the same utterance, the turn's other utterance, both again
    without regard to blanks, pauses and case (the name then becomes what is said there). A name that is nowhere keeps
    no position.
    """
    utterance, start, end = position or (0, 0, 0)
    raw = context.raw_texts[utterance]
    is_inside = position is not None and 0 <= start < end <= len(raw)
    if not name:
        if not is_inside:
            return None
        context.repairs["missing_name"] += 1
        name = raw[start:end].replace("[UNK]", "")
    offset = start - 5 * raw.count("[UNK]", 0, max(start, 0))
    if is_inside and raw[start:end].replace("[UNK]", "") == name:
        return _Span(utterance, offset, name)
    kind = "missing_position" if position is None else "wrong_position"
    for other in (utterance, 1 - utterance)[: len(context.utterances)]:
        found = _nearest(name, context.utterances[other]["text"], offset)
        if found is not None:
            context.repairs[kind if found[1] == name else "extra_blank"] += 1
            return _Span(other, *found)
    context.repairs["name_not_in_text" if position is None else "position_left_out"] += 1
    return _Span(utterance, None, name)


def _positions(item: Row, context: _Turn) -> list[_Position | None]:
    """The positions of an entity or triple, in code points; [None] where there are none that can be read."""
    found: list[_Position | None] = []
    given = _given_positions(item)
    for value in given:
        position = _position(value, len(context.raw_texts))
        if position is None:
            # An empty one stands for none; it is counted where others tell the places.
            kind = "unreadable_position" if value else "empty_position" if len(given) > 1 else ""
            context.repairs.update([kind] if kind else [])
        elif context.utf16[position[0]]:
            context.repairs["utf16_position"] += 1
            found.append(_code_points(position, context.raw_texts[position[0]]))
        else:
            found.append(position)
    return found or [None]


def _given_positions(item: Row) -> list[Json]:
    """What `pos` of an entity or triple holds as a list of positions: it may hold one, [1, 0, 2], or a list of them."""
    value = item.get("pos")
    if value == [] or _is_missing(value):
        return []
    return value if isinstance(value, list) and any(isinstance(x, list) or x is None for x in value) else [value]


def _position(value: Json, speakers: int) -> _Position | None:
    """A raw position [first or second speaker of the turn, start, end]; None where it is none of the kind."""
    if not isinstance(value, list) or len(value) != 3:
        return None
    if type(value[0]) is type(value[1]) is type(value[2]) is int and 1 <= value[0] <= speakers:
        return value[0] - 1, value[1], value[2]
    numbers = [number for number in map(_whole_number, value) if number is not None]
    return (numbers[0] - 1, numbers[1], numbers[2]) if len(numbers) == 3 and 1 <= numbers[0] <= speakers else None


_WHOLE_NUMBER = re.compile(r"(-?\d{1,9})(?:\.0*)?")


def _whole_number(value: Json) -> int | None:
    """The number of 2, 2.0 and "2"; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _WHOLE_NUMBER.fullmatch(str(value).strip())
    return int(match[1]) if match else None


def _counts_utf16(utterance: int, text: str, named: list[tuple[Json, Row]]) -> bool:
    """Whether positions in a text count UTF-16 units: more of them slice to their name so than in code points.

    They differ behind a character beyond U+FFFF, such as an emoji. One and the same number may be right in both, so
    all positions of the text are asked together.
    """
    if text.isascii() or max(text) <= "\uffff":
        return False
    plain = wide = 0
    for name, item in named:
        for value in _given_positions(item) if isinstance(name, str) else ():
            position = _position(value, utterance + 1)
            if position is not None and position[0] == utterance:
                _, start, end = position
                plain += 0 <= start < end and text[start:end] == name
                _, start, end = _code_points(position, text)
                wide += 0 <= start < end and text[start:end] == name
    return wide > plain


def _code_points(position: _Position, text: str) -> _Position:
    """A position in UTF-16 units of a text in code points; one inside a character is moved before it."""
    utterance, start, end = position
    units = text.encode("utf-16-le", "surrogatepass")
    start, end = (len(units[: 2 * max(x, 0)].decode("utf-16-le", "ignore")) for x in (start, end))
    return utterance, start, end


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
    reader = DialogueReader()
    reader.care = read_care(chosen, reader.report) if chosen else {}
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
    """The dialogues of a Track 2 test or result file, in order, also those without exchanges.

    Raises DataError where a field is not of its type.
    """
    files, _ = find_files(path)
    for file in files:
        for raw in raw_dialogues(file):
            value = raw.value
            dialogue_id, turns = _identified(raw, Counter(), may_be_empty=True)
            place: dict[str, str | int | None] = {"file": file.name, "dialogue": dialogue_id}
            if not isinstance(value, dict) or (turns and raw.source_format != "track2"):
                raise DataError(
                    f"a dialogue of the form {raw.source_format!r}", "Track 2's form: {id, KB, content}", **place
                )
            exchanges = tuple(_track2_exchange(turn, number, place) for number, turn in enumerate(turns))
            yield Track2Dialogue(dialogue_id, _track2_kb(value.get("KB"), place), value.get("goal"), exchanges)


def _track2_kb(value: Json, place: Mapping[str, str | int | None]) -> dict[str, dict[str, str]]:
    entries = {} if value is None else value
    if not isinstance(entries, dict):
        raise DataError(type(value).__name__, "an object: id -> entity", **place, field="KB")
    for entity_id, entry in entries.items():
        if not isinstance(entry, dict) or not all(isinstance(text, str) for text in entry.values()):
            raise DataError(f"{entry!r:.60}", "an object of strings: slot -> values", **place, field=f"KB {entity_id}")
    return entries


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
    raise ImportError("the config 'response' needs the installed distribution: pip install cmcc")


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
        care = read_care(chosen, Report()) if chosen else {}
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

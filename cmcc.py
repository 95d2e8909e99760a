"""CMCC, China Mobile Customer Care: its label vocabularies, its features, the reader of its raw files, and load().

    import cmcc
    sample = cmcc.load("sample")                           # 400 synthetic dialogues, nothing needed
    calls = cmcc.load("labeled", data_dir="my/licensed/MobileCS")
    cmcc.ZH["complain_about_a_problem"]                    # 抱怨某问题

The corpus is described in "CMCC: A Comprehensive and Large-Scale Human-Human Dataset for Dialogue Systems" (SereTOD
2022); it is licensed and not part of this package.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import json
import logging
import os
import re
import sys
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from importlib.metadata import entry_points
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, NoReturn, TypeAlias, TypeVar

import datasets
import orjson
import pyarrow as pa
from datasets import ClassLabel, Features, List, Value
from datasets.builder import Key

from cmcc_bench.system_files import is_system_file

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
    "care_entry_without_dialogue", "care_label_beyond_dialogue", "entity_without_name", "triple_without_slot",
    "triple_without_value", "undeclared_entity", "unknown_label", "unknown_satisfaction", "unreadable_care_entry",
    "unreadable_entity_id", "unreadable_id", "unreadable_label",
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

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Report:
        """The report of which `as_dict` made this."""
        read, repaired, set_aside = (Counter(value[name]) for name in ("read", "repaired", "set_aside"))
        return cls(read, repaired, set_aside, value["rejected"])

    @property
    def split_conflicts(self) -> str:
        """A sentence for a person on dialogues that stand in files of two splits; "" where there are none."""
        prefix = "split_conflict:"
        found = {kind.removeprefix(prefix): n for kind, n in sorted(self.repaired.items()) if kind.startswith(prefix)}
        if not found:
            return ""
        counts = ", ".join(f"{splits.replace('+', ' and ')} {count}" for splits, count in found.items())
        return (
            f"dialogues in files named after two splits ({counts}) are in the first of the two alone: test goes before"
            " validation, validation before train"
        )


# --------------------------------------------------------------------------------------------------------------------
# Files: which there are, and the dialogues in each, one at a time.
# --------------------------------------------------------------------------------------------------------------------

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
SPLITS = ("train", "validation", "test")
_SPLIT_RANK = {"test": 0, "validation": 1, "train": 2, None: 3}  # of a file; a dialogue of several is the first one's

# What names say a split. Words: those that the `datasets` library takes, and the Chinese ones.
_SPLIT_WORDS = (
    dict.fromkeys(("train", "training", "trainset", "训练集"), "train")
    | dict.fromkeys(("dev", "devset", "val", "valset", "valid", "validation", "验证集", "开发集"), "validation")
    | dict.fromkeys(("test", "testing", "testset", "eval", "evaluation", "测试集"), "test")
)
_SPLIT_FIRST = re.compile(r"(train|dev|valid|validation|test)(?:[-_.].*)?", re.IGNORECASE | re.DOTALL)
_COPY_OF = re.compile(r"copy of |的?副本|复件|拷贝", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+|\d+|[^\W\d_a-z]+")
_AFTER_SPLIT = {"set", "split", "data", "copy", "v", "part", "of", "new", "old", "final", "labeled", "labelled"}
_NEGATIONS = {"no", "non", "not", "without", "but", "except", "pre", "un"}

GZIP_MAGIC = b"\x1f\x8b"  # how a gzip file begins
_CHUNK = 1 << 20  # characters read at a time
_AHEAD = 1 << 13  # characters read at a time of a file's beginning, to see its form
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
        if not keys <= _SPEAKER_KEYS.keys():
            # Null says nothing: a table of several forms, saved again as JSON, has the keys of all in each dialogue.
            keys = {key for turn in objects for key in turn if not _is_missing(turn[key])}
            keys |= {_KEYS_AS_COMPARED.get(_plain_name(key), key) for key in keys - _KNOWN_KEYS}
        if isinstance(value, dict) and (not _is_missing(value.get("KB")) or "用户" in keys):
            return "track2"
        if "用户情绪" in keys or (isinstance(value, dict) and not _is_missing(value.get("满意度"))):
            return "cmcc"
        if not keys & _ANNOTATIONS:
            return "unlabelled"
        return "mobilecs" if isinstance(value, dict) else "older"


def find_files(data_dir: str | Path) -> tuple[list[RawFile], list[Path]]:
    """The dialogue files and the care files in `data_dir`: a folder, searched whole, or one file.

    Files whose names fix a split come first, test before validation before train, and then the others, each sorted by
    path. A dialogue that several files hold is taken from the first, so it takes the split that a name fixes. Where two
    names fix it differently, test wins over validation over train: no call of an evaluation gets into training.
    A care file is a .json file whose name begins with "care" and whose content is an object without dialogues. What
    lies beside a single file is not looked at. Raises DataError when there is nothing to read.
    """
    root = Path(data_dir)
    if not str(data_dir) or not root.exists():
        raise DataError("no such folder", "a folder of raw files", WHERE_TO_GET, file=str(data_dir))
    paths = [path for path in _paths(root) if path.name.lower().endswith(SUFFIXES)]
    care = [path for path in paths if _is_care_file(path)]
    base = root.parent if root.is_file() else root
    files = [_raw_file(path, base) for path in paths if path not in care]
    files.sort(key=lambda file: _SPLIT_RANK[file.split])
    if not files:
        expected = f"files that end in {', '.join(SUFFIXES)}"
        raise DataError("no dialogue files", expected, WHERE_TO_GET, file=str(data_dir))
    return files, care


def skipped_files(data_dir: str | Path) -> Counter[str]:
    """How many files in `data_dir` are of no kind that is read, by "file_not_read:SUFFIX"."""
    others = [path for path in _paths(Path(data_dir)) if not path.name.lower().endswith(SUFFIXES)]
    return Counter(f"file_not_read:{path.suffix.lower() or 'none'}" for path in others)


def _paths(root: Path) -> list[Path]:
    """The files below a folder, sorted, also those behind links; hidden files are skipped."""
    if root.is_file():
        return [root]
    found, seen = [], set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        kept = [name for name in folders if not (name.startswith(".") or is_system_file(name))]
        folders[:] = [] if real in seen else kept
        if real not in seen:
            found += [Path(folder, name) for name in names if not (name.startswith(".") or is_system_file(name))]
        seen.add(real)
    return sorted(path for path in found if path.is_file())


def _is_care_file(path: Path) -> bool:
    return path.name.lower().startswith("care") and holds_no_dialogues(path)


def holds_no_dialogues(path: Path) -> bool:
    """Whether a .json file is an object without dialogues, so a care file if anything."""
    if not path.name.lower().endswith((".json", ".json.gz")):
        return False
    file, begins = RawFile(path, path.name, None), ""
    try:
        with _opened(file) as (stream, _):
            begins = _Buffer(stream, file).peek()
            stream.seek(0)
            return begins == "{" and not _form_of(_Buffer(stream, file, _AHEAD))[0]
    except DataError as error:
        return error.place.get("line") is not None and begins == "{"  # broken JSON; reading it as labels says so


def _raw_file(path: Path, base: Path) -> RawFile:
    """A file with the split that its name fixes, train.json or test-00.json, or the nearest folder that it is in."""
    name = path.relative_to(base)
    file_name = next(name.name[: -len(end)] for end in reversed(SUFFIXES) if name.name.lower().endswith(end))
    for part in (file_name, *reversed(name.parts[:-1])):
        split = split_in_name(part)
        if split:
            return RawFile(path, name.as_posix(), split)
    return RawFile(path, name.as_posix(), None)


def split_in_name(name: str) -> str | None:
    """The split that the name of a file, without its suffix, or of a folder fixes; None where it is not certain.

    train, dev, valid, validation and test fix it whatever follows after -, _ or a dot: test-00, train_calls. Any word
    for a split does so alone, after other words, and before numbers and words such as "set" and "copy": training,
    MobileCS_train, "test set (1)", train的副本. A name with words for two splits fixes none, nor does "not_test".
    """
    words = _WORD.findall(_COPY_OF.sub(" ", name).lower())
    places = [place for place, word in enumerate(words) if word in _SPLIT_WORDS]
    if len({_SPLIT_WORDS[words[place]] for place in places}) != 1:
        return None
    first = _SPLIT_FIRST.fullmatch(name)
    before, after = words[: places[0]], words[places[-1] + 1 :]
    known = all(word.isdecimal() or word in _AFTER_SPLIT for word in after) and not _NEGATIONS.intersection(before)
    return _SPLIT_WORDS[words[places[0]]] if first or known else None


def split_of(dialogue_id: str) -> str:
    """The split of a dialogue whose file does not fix it: 8 : 1 : 1 by SHA-256 of the id, so it stays as data grow."""
    bucket = int(hashlib.sha256(dialogue_id.encode()).hexdigest(), 16) % 10
    return "train" if bucket < 8 else SPLITS[bucket - 7]


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
    with _opened(file) as (stream, repaired):
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
    with _opened(RawFile(path, path.name, None)) as (stream, _):
        text = stream.read()
    try:
        return orjson.loads(text.encode(errors="surrogatepass"))
    except orjson.JSONDecodeError as error:
        raise DataError(f"a file that cannot be read ({error})", "JSON", file=path.name) from error


@contextmanager
def _opened(file: RawFile) -> Iterator[tuple[io.TextIOWrapper, tuple[str, ...]]]:
    """A file's text, unpacked and decoded, and what was unusual, by kind.

    Raises DataError, also for what is noticed only when the text is read.
    """
    try:
        with file.path.open("rb") as beginning:
            packed = beginning.read(2) == GZIP_MAGIC
        named_packed = file.path.suffix.lower() == ".gz"
        repaired: tuple[str, ...] = () if packed == named_packed else (f"file_form:{'gzip' if packed else 'not_gzip'}",)
        with gzip.open(file.path) if packed else file.path.open("rb") as stream:
            encoding = _encoding_of(stream, file.name)
            stream.seek(0)
            if encoding != "utf-8-sig":
                repaired += (f"file_encoding:{encoding.removesuffix('-le').removesuffix('-be')}",)
            yield io.TextIOWrapper(stream, encoding), repaired
    except PermissionError as error:
        raise DataError("no permission to read it", "a readable file", "Try chmod u+r.", file=file.name) from error
    except UnicodeError as error:
        raise _not_decoded(file.name, getattr(error, "encoding", "utf-8")) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"a damaged gzip file ({error})", "a whole gzip file", file=file.name) from error
    except OSError as error:
        raise DataError(f"{error.strerror or error}", "a readable file", file=file.name) from error


_SNIFFED = 1 << 18  # bytes in which the encoding shows
_LONGEST_ASCII = 1 << 23  # bytes at the beginning that may all be ASCII before the first that shows the encoding
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
# Whole strings of raw and care files: none of them comes about where another encoding is decoded as GB18030.
_CHINESE_KEYS = ("用户意图", "客服意图", "用户情绪", "满意度", "用户", "客服", *EMOTIONS.values(), *ACTS.values())
# Where zeros are among the first four bytes: JSON begins with two ASCII characters.
_ZEROS = {(1, 3): "utf-16-le", (0, 2): "utf-16-be", (1, 2, 3): "utf-32-le", (0, 1, 2): "utf-32-be"}
_EXPORT = "Save its table as JSON lines in UTF-8, a dialogue a line, or get the original JSON file."
_UNPACK = "Unpack it, and put the files that were in it here."
_NOT_JSON = {  # files that somebody renamed, by how they begin: what they are, and what to do
    b"PK\x03\x04": ("a ZIP archive or an Excel workbook", f"{_UNPACK} If it is a workbook: {_EXPORT}"),
    b"Rar!": ("a RAR archive", _UNPACK),
    b"7z\xbc\xaf": ("a 7-Zip archive", _UNPACK),
    b"BZh": ("a bzip2 file", _UNPACK),
    b"\xfd7zXZ": ("an xz file", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("a Zstandard file", _UNPACK),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", _EXPORT),
    b"%PDF": ("a PDF document", "Get the original JSON file."),
    b"PAR1": ("a Parquet file", "Name the built folder as the data set, or get the original JSON file."),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file itself", "Run git lfs pull."),
    b"<": ("an HTML or XML page", "It is often what a download gives without a login. Download the file itself."),
}


def _encoding_of(stream: io.BufferedIOBase, name: str) -> str:
    """The encoding of a file, from its beginning: of the codecs of Python, "utf-8-sig" for the usual one.

    UTF-16 and UTF-32 show by a mark or by zero bytes. What is not UTF-8 is GB18030 (which GBK and GB 2312 are parts of)
    where it decodes strictly and reads as Chinese: it holds a Chinese key or label of our files, or else [SPEAKER, at
    least 10 of the 3,755 most frequent characters, and 9 of them for any other. Raises DataError for what is no text,
    and for any other encoding: Big5 decodes as GB18030 as well, and wrong characters are worse than an error.
    """
    chunk = first = stream.read(_SNIFFED)
    for bom, encoding in _BYTE_ORDER_MARKS.items():
        if first.startswith(bom):
            return encoding
    zeros = tuple(place for place, byte in enumerate(first[:4]) if byte == 0)
    if zeros in _ZEROS:
        return _ZEROS[zeros]
    if first and not first.strip(b"\0"):
        raise DataError("zero bytes alone", "text", "The file is damaged: copy it again.", file=name)
    start = first.lstrip()
    for begins, (found, hint) in _NOT_JSON.items():
        if start.startswith(begins):
            raise DataError(found, "JSON with dialogues", hint, file=name)
    if first[257:262] == b"ustar":
        raise DataError("a tar archive", "JSON with dialogues", _UNPACK, file=name)
    read = len(first)
    while chunk.isascii() and len(chunk) == _SNIFFED and read < _LONGEST_ASCII:
        chunk = stream.read(_SNIFFED)
        read += len(chunk)
    ends = len(chunk) < _SNIFFED
    try:
        codecs.getincrementaldecoder("utf-8")().decode(chunk, ends)
    except UnicodeDecodeError as error:
        try:
            text = codecs.getincrementaldecoder("gb18030")().decode(chunk, ends)
        except UnicodeDecodeError:
            text = ""
        if not _is_chinese(text, first):
            raise _not_decoded(name, "utf-8", read - len(chunk) + error.start) from error
        return "gb18030"
    return "utf-8-sig"


def _is_chinese(text: str, beginning: bytes) -> bool:
    if any(f'"{key}"' in text for key in _CHINESE_KEYS):
        return True
    rows = [character.encode("gb2312", "ignore")[:1] for character in text if not character.isascii()]
    frequent = sum(b"\xb0" <= row <= b"\xd7" for row in rows)
    others = sum(row not in (b"\xa1", b"\xa3") for row in rows) - frequent  # these two rows are punctuation
    has_key = b"[SPEAKER " in beginning or b'"dialogues"' in beginning  # of a care file
    return has_key and frequent >= max(10, 9 * others)


def _not_decoded(name: str, encoding: str, place: int | None = None) -> DataError:
    encoding = encoding.upper().removesuffix("-SIG")
    found = f"bytes that are not {encoding}" + (f" (the first at byte {place})" if place is not None else "")
    hint = "The file is damaged there: get it again."
    if encoding == "UTF-8":
        hint = "Convert it with iconv -f ENCODING -t UTF-8 (Chinese: GB18030 or BIG5), unless it is damaged."
    return DataError(found, f"{encoding} text", hint, file=name)


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


# A file that is no list and has no dialogue a line: `_layout` looks ahead, by the readers below, and says which of them
# shall read it. They decode a dialogue at a time, so a list or an object may be of any length.


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
        hint = "Dialogues are {id, content}; they stand in a list, a line each, or by id in one object."
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
        """Reads on, letting go of what is decoded; False at the end of the file or when an element is too long.

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
        content = read_json(path)
    except DataError as error:
        hint = "Check the path, fix the file, or move it out of the folder to build without its labels."
        raise DataError(error.found, "a care file", error.hint or hint, **error.place) from error
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
    named = re.compile(r"care(_adjudicated)?\.json(\.gz)?", re.IGNORECASE)
    final = [path for path in care_files if named.fullmatch(path.name)] or care_files
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


_LABEL_SEPARATOR = re.compile(r"[,，﹐、､﹑;；﹔/／|｜+＋&＆\r\n]")
_NOT_A_WORD = re.compile(r"[\W_]+")


def label_names(text: str) -> list[str]:
    """The names in a label string, in order: 抱怨某问题、情绪较为激动 has two.

    Names are separated by commas, semicolons, slashes, bars, + or & of any width, or by line ends; blanks around them
    are no part of them, and between two separators there is no name. The string must not have slots in parentheses.
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


_WIDE = str.maketrans("（），﹐､﹑；﹔／｜－＋＆", "(),,、、;;/|-+&")
_BLANKS = re.compile(r"\s+")
_LINE_END = re.compile(r"\s*[\r\n]\s*")
# Slots in parentheses that close, of which one may have parentheses of its own, 账户余额(欠费); slots in parentheses
# that never close; or a label.
_LABEL_TOKEN = re.compile(r"\(((?:[^()]++|\((?!ent)[^()]*+\))*+)\)|\(([^()]*+)|[^(),、;/|+&]++")
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
    compact = _BLANKS.sub("", _LINE_END.sub(",", text.strip()))
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


_NEUTRAL = {"neutral": EMOTIONS["neutral"]}


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
        elif not emotion and find_label(name, _NEUTRAL) is None:  # an alias, however it is written
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

    @cached_property
    def digest(self) -> bytes:
        """A digest of the row."""
        return digest_of(self.row)


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
            has_id = isinstance(raw.value, dict) and _is_id(raw.value.get("id"))
            where = dialogue_id if has_id else f"at index {raw.index}"  # an id that was made is in no file
            raise error.at(file=raw.file.name, dialogue=where) from None
        self.report.read[source_format] += 1
        self.report.repaired += repairs
        return dialogue

    def count_unmerged(self) -> None:
        """Counts the entries of the care file whose dialogue was in none of the files, once all are read."""
        if unmerged := len(self.care.keys() - self.merged):
            self.report.repaired["care_entry_without_dialogue"] += unmerged

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
    """A dialogue's id and its raw turns; an id that is missing, or can be none, is made from the content."""
    value = raw.value
    repairs.update(raw.repaired)
    turns = value.get("content") if isinstance(value, dict) else value
    dialogue_id = value.get("id") if isinstance(value, dict) else None
    if not _is_id(dialogue_id):
        repairs["missing_id" if _is_missing(dialogue_id) or dialogue_id == "" else "unreadable_id"] += 1
        dialogue_id = None
    place = f"at index {raw.index}" if dialogue_id is None else str(dialogue_id)
    if not isinstance(turns, list) or not (turns or may_be_empty):
        found = f"{type(value).__name__} without a list 'content'"
        if turns == []:
            found = "an empty dialogue"
        elif isinstance(value, dict) and "content" in value:
            found += f": it is {type(turns).__name__}"
        expected = "a dialogue: a list of turns, or {id, content}"
        raise DataError(found, expected, _hint_for(value), file=raw.file.name, dialogue=place)
    if dialogue_id is None:
        dialogue_id = hashlib.sha256(_canonical(turns, raw.text)).hexdigest()[:32]
    return str(dialogue_id), turns


def _hint_for(value: Json) -> str:
    """What to do about an object that has its turns elsewhere than in a list 'content'."""
    if not isinstance(value, dict):
        return ""
    if "utterances" in value:
        return "This is a row of a built data set: name its folder as DATASET, or get the raw files."
    if isinstance(value.get("content"), dict):
        return "Is it a table that was written by column? With pandas: to_json(..., orient='records')."
    if isinstance(value.get("content"), str):
        return "A table saved as CSV has lists as text: read them with json.loads, and write JSON again."
    return ""


def _is_id(value: Json) -> bool:
    """Whether it can name a dialogue; not so a fraction, which a spreadsheet may have made of a long number."""
    return type(value) is int or (isinstance(value, str) and value != "" and _is_unicode(value))


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
_KEYS_AS_COMPARED = {_plain_name(key): key for key in sorted(_KNOWN_KEYS)}
_INFO_KEYS = {"ents", "triples"}
_ENTITY_KEYS = {"name", "ent-name", "id", "ent-id", "type", "pos"}
_TRIPLE_KEYS = {"ent-id", "id", "ent-name", "name", "prop", "value", "pos"}


def _count_ignored(keys: Iterable[str], repairs: Counter[str]) -> None:
    """Counts unknown keys by name, so that a misspelled one is seen."""
    for key in keys:
        repairs[f"ignored_key:{printable(key, 40)}"] += 1


def _known_keys(turn: Json, repairs: Counter[str]) -> Row:
    """The turn with each key that is spelled otherwise, such as [Speaker1] or ［SPEAKER 1］, as it should be.

    A turn that is null, as tables fill up their rows, has nothing. Raises DataError for what is no turn, and where a
    text stands under two spellings of its key.
    """
    if _is_missing(turn):
        return {}
    if not isinstance(turn, dict):
        raise DataError(type(turn).__name__, "an object with the keys [SPEAKER 1] and [SPEAKER 2]")
    if turn.keys() <= _KNOWN_KEYS:
        return turn
    known: Row = {}
    for key, value in turn.items():
        name = key if key in _KNOWN_KEYS else _KEYS_AS_COMPARED.get(_plain_name(key), str(key))
        if name != key and (name in turn or name in known):
            if name in _SPEAKER_KEYS and not _is_missing(value):
                raise DataError(f"it again as {printable(key, 40)!r}", "one text of each speaker", field=name)
            name = key
        repairs.update([f"other_key:{printable(key, 40)}"] if name != key else [])
        known[name] = value
    return known


def _speaker_keys(turn: Row, repairs: Counter[str]) -> list[str]:
    """The keys of a turn's utterances in spoken order; unknown keys are counted.

    A turn that has no text and nothing that could be one has no utterance. Raises DataError where texts are missed.
    """
    keys = [key for key in turn if key in _SPEAKER_KEYS]
    if len(keys) < len(turn):
        others = turn.keys() - _KNOWN_KEYS
        for key in sorted(others):
            if key.startswith("[SPEAKER") or re.fullmatch(r"speaker\d*", _plain_name(key)):
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
    turn = _known_keys(turn, repairs)
    keys = _speaker_keys(turn, repairs)
    return [
        {"speaker": _SPEAKER_KEYS[key], "text": _clean(text, repairs), "turn": number}
        for key, text in zip(keys, _texts(turn, keys), strict=True)
    ]


def _labeled_turn(turn: Json, number: int, repairs: Counter[str]) -> list[Row]:
    turn = _known_keys(turn, repairs)
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
    named = [(item.get("ent-name") if _is_missing(item.get("name")) else item["name"], item) for item in entities]
    named += [(item.get("value"), item) for item in triples]
    utf16 = [_counts_utf16(number, text, named) for number, text in enumerate(raw_texts)]
    context = _Turn(raw_texts, utterances, utf16, repairs)
    for item in entities:
        _add_entity(item, context)
    for item in triples:
        _add_triple(item, context)


def _items(info: Row, key: str, known: set[str], repairs: Counter[str]) -> list[Row]:
    """The objects of a list in a turn's info; what is no object is counted, and so are unknown keys."""
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
        repairs["missing_type" if _is_missing(type_) or type_ in ("", "NA") else _unknown_label(str(type_))] += 1
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
    if _is_missing(item.get(key)) and not _is_missing(item.get(other)):
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
    """Knows every dialogue id that was seen: a digest of what stood there, in which file, and its split.

    Files come in the order of `find_files`, so the first split of a dialogue is the one that it gets.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[bytes, str, str]] = {}

    def add(self, dialogue_id: str, digest: bytes, file: RawFile, split: str, report: Report) -> bool:
        """True for a new id, False for a dialogue that was already there with the same content, which is counted.

        split: the one that the dialogue would get here. Where it is another than that of the first file, the report
        counts `split_conflict:test+train` if both names fix one, else `split_differs`. Raises DataError when the
        content differs.
        """
        if dialogue_id not in self._seen:
            self._seen[dialogue_id] = digest, file.name, split
            return True
        known = self._seen[dialogue_id]
        if known[0] != digest:
            hint = "Two different calls have one id: rename one, or leave the second out (on_error: skip)."
            found = f"an id that {known[1]} has for a different dialogue"
            raise DataError(found, "each id once", hint, file=file.name, dialogue=dialogue_id)
        report.set_aside["repeated_dialogue"] += 1
        if split != known[2]:
            report.repaired[f"split_conflict:{known[2]}+{split}" if file.split else "split_differs"] += 1
        return False


def digest_of(row: Row) -> bytes:
    """A digest of a dialogue's content, to tell repeats from clashes."""
    return hashlib.blake2b(orjson.dumps(row), digest_size=16).digest()


OnError: TypeAlias = Callable[[RawDialogue, DataError], None]  # takes a dialogue that cannot be read, and why


def read_dialogues(
    data_dir: str | Path, report: Report | None = None, on_error: OnError | None = None
) -> Iterator[Dialogue]:
    """Every dialogue of a folder, or of one file, labelled or not, with care labels, in the order of `find_files`.

    report: counts what was read, repaired, set aside and rejected.
    on_error: takes a dialogue that cannot be read, and why, instead of raising; what is no JSON still raises.
    Raises DataError, which names file, dialogue, turn and field.
    """
    files, care_files = find_files(data_dir)
    chosen = choose_care_file(care_files)
    reader = DialogueReader()
    reader.care = read_care(chosen, reader.report) if chosen else {}
    unique = Uniqueness()

    def reject(raw: RawDialogue, error: DataError) -> None:
        if on_error is None:
            raise error
        reader.report.rejected.append(str(error))
        on_error(raw, error)

    try:
        for file in files:
            for _, dialogue in read_each(raw_dialogues(file), reader, unique, reject):
                yield dialogue
        reader.count_unmerged()
    finally:
        if report is not None:
            report.add(reader.report)


def read_each(
    raws: Iterable[RawDialogue], reader: DialogueReader, unique: Uniqueness, reject: OnError
) -> Iterator[tuple[RawDialogue, Dialogue]]:
    """The dialogues among raw ones that can be read and are not there yet; `reject` takes the others, or raises.

    This is what every reading does with a dialogue: `cmcc build`, `load` and `read_dialogues`.
    """
    for raw in raws:
        try:
            dialogue = reader.read(raw)
            if dialogue is None:
                continue
            dialogue_id = dialogue.row["dialogue_id"]
            is_new = unique.add(dialogue_id, dialogue.digest, raw.file, dialogue.split, reader.report)
        except DataError as error:
            reject(raw, error)
            continue
        if is_new:
            yield raw, dialogue


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
            has_id = isinstance(value, dict) and _is_id(value.get("id"))
            where = dialogue_id if has_id else f"at index {raw.index}"
            place: dict[str, str | int | None] = {"file": file.name, "dialogue": where}
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
    raise ImportError("the config 'response' needs the whole package: run `pip install .` where pyproject.toml is")


def table_of(rows: Iterable[Row], config: str) -> pa.Table:
    """Rows of a config as an Arrow table with that config's schema."""
    return pa.Table.from_pylist(list(rows), schema=FEATURES[config]().arrow_schema)


# --------------------------------------------------------------------------------------------------------------------
# The builder of `datasets`, and load().
# --------------------------------------------------------------------------------------------------------------------

BLOCK = 500  # dialogues in a table
_CACHED_REPORT = "reading_report.json"  # beside the cached rows
_LOG = logging.getLogger("cmcc")


@dataclass
class CMCCConfig(datasets.BuilderConfig):  # type: ignore[misc]
    """A config of the data set: `name` is one of cmcc.FEATURES, `data_dir` the folder of raw files.

    on_error: "raise", or "skip" to leave out dialogues that cannot be read; it is part of the cache key.
    """

    on_error: str = "raise"

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


# `datasets` would put functions in the place of this module's open and Path that take `::` in a path for an address.
_patched_for_streaming = True


class CMCC(datasets.ArrowBasedBuilder):  # type: ignore[misc]
    """Builds a config from raw files: CMCC(config_name="labeled", data_dir="FOLDER").

    Shards are files; a dialogue that several files hold is taken from the first. All files are read once before the
    first row is given, streamed or not: only then is it known which dialogues stand twice. What that reading counted is
    in `report`; it is kept beside the cached rows, so that rows from the cache have it, too.
    """

    VERSION = datasets.Version(VERSION)
    BUILDER_CONFIG_CLASS = CMCCConfig
    _report: Report | None = None
    BUILDER_CONFIGS = [CMCCConfig(name=name, version=datasets.Version(VERSION)) for name in FEATURES]  # noqa: RUF012

    def _info(self) -> datasets.DatasetInfo:
        description = "China Mobile Customer Care: customer-service calls with care-oriented labels."
        if self.config.name == "sample":
            description = "SYNTHETIC sample of CMCC: simulated calls with the features of `labeled`."
        return datasets.DatasetInfo(description=description, features=FEATURES[self.config.name]())

    @property
    def report(self) -> Report:
        """What the reading of all files counted. Raises FileNotFoundError before the rows were prepared or streamed."""
        if self._report is None:
            self._report = Report.from_dict(orjson.loads(Path(self.cache_dir, _CACHED_REPORT).read_bytes()))
        return self._report

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:
        folder = self.config.folder
        if folder is None:
            raise DataError("no data_dir", "a folder of raw files", WHERE_TO_GET, config=self.config.name)
        files, care_files = find_files(folder)
        chosen = choose_care_file(care_files)
        reader = DialogueReader()
        reader.care = care = read_care(chosen, reader.report) if chosen else {}
        wanted = self._dialogues_by_split(files, reader)
        if not wanted:
            needed = {"emotion": " with emotions", "satisfaction": " with satisfaction"}.get(self.config.name, "")
            found, expected = f"no {self._source} dialogues{needed}", f"some for the config {self.config.name!r}"
            if reader.report.rejected:
                found += f" ({len(reader.report.rejected)} were skipped; the first: {reader.report.rejected[0]})"
            raise DataError(found, expected, WHERE_TO_GET, file=str(folder))
        self._report = reader.report
        if not dl_manager.is_streaming:
            Path(self._output_dir, _CACHED_REPORT).write_bytes(orjson.dumps(self._report.as_dict()))
        return [
            datasets.SplitGenerator(
                split, {"files": [files[n] for n in by_file], "wanted": list(by_file.values()), "care": care}
            )
            for split, by_file in sorted(wanted.items(), key=lambda item: SPLITS.index(item[0]))
        ]

    @property
    def _source(self) -> str:
        return "unlabeled" if self.config.name == "unlabeled" else "labeled"

    def _dialogues_by_split(self, files: list[RawFile], reader: DialogueReader) -> dict[str, dict[int, set[int]]]:
        """Of each split that has rows: by number of the file, the places in it of the dialogues that make them."""
        unique, with_rows = Uniqueness(), set[str]()
        found: dict[str, dict[int, set[int]]] = {}

        def reject(_: RawDialogue | str, error: DataError) -> None:
            if self.config.on_error == "raise":
                raise error
            reader.report.rejected.append(str(error))

        for number, file in enumerate(files):
            for raw, dialogue in read_each(raw_dialogues(file, reject), reader, unique, reject):
                if dialogue.config == self._source:
                    found.setdefault(dialogue.split, {}).setdefault(number, set()).add(raw.index)
                    if dialogue.split not in with_rows and view(self.config.name)(dialogue.row):
                        with_rows.add(dialogue.split)
        reader.count_unmerged()
        return {split: by_file for split, by_file in found.items() if split in with_rows}

    def _generate_tables(
        self, files: list[RawFile], wanted: list[set[int]], care: CareLabels
    ) -> Iterator[tuple[Key, pa.Table]]:
        for shard, (file, indices) in enumerate(zip(files, wanted, strict=True)):
            rows = _rows_at(indices, file, care)
            for number, block in enumerate(blocks(rows, BLOCK)):
                viewed = chain.from_iterable(map(view(self.config.name), block))
                yield Key(shard, number), table_of(viewed, self.config.name)


def _rows_at(places: set[int], file: RawFile, care: CareLabels) -> Iterator[Row]:
    """The dialogues at some places of a file, which was read whole before: what could not be read is at no place."""
    reader = DialogueReader(care)
    for raw in raw_dialogues(file, lambda *_: None):
        if raw.index in places and (dialogue := reader.read(raw)):
            yield dialogue.row


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
    on_error: Literal["raise", "skip"] = "raise",
    report: Report | None = None,
) -> Loaded:
    """A config of the data set made from raw files, as `datasets` objects: load("labeled", data_dir="FOLDER").

    config: one of cmcc.FEATURES; `sample` takes no data_dir, it is synthetic and ships with the package.
    split: train, validation or test; without it all that have rows, in a dict.
    streaming: gives iterable data sets; nothing is written to the cache.
    num_proc: processes, each takes whole files; not with streaming.
    on_error: "skip" leaves out what `cmcc build --on-error skip` leaves out, of all configs and splits: a dialogue that
    cannot be read or whose id another has, and a line that is not JSON. A warning of the logger "cmcc" says how many.
    report: takes the counts of what was read, repaired and set aside in all files, and why each dialogue was skipped;
    the same when the rows come from the cache.
    Raises DataError when there are no files, or when one holds what cannot be repaired or, whatever on_error says, is
    no JSON; ValueError for arguments that do not go together.
    """
    if config not in FEATURES:
        raise ValueError(f"no config {config!r}; there are {', '.join(FEATURES)}")
    if streaming and num_proc:
        raise ValueError("num_proc is of no use with streaming: leave one of them out")
    if on_error not in ("raise", "skip"):
        raise ValueError(f"no on_error {on_error!r}; there are raise, skip")
    if config == "sample":
        if data_dir is not None:
            raise ValueError("the config 'sample' takes no data_dir: it is the sample; load 'labeled' from a folder")
        builder = CMCC(config_name=config)
    elif data_dir is None:
        raise DataError("no data_dir", "a folder of raw files", WHERE_TO_GET, config=config)
    else:
        folder = str(Path(data_dir).resolve()) if str(data_dir) else ""
        builder = CMCC(config_name=config, data_dir=folder, on_error=on_error)
    if not streaming:
        builder.download_and_prepare(num_proc=num_proc)
    loaded: Loaded = builder.as_streaming_dataset(split) if streaming else builder.as_dataset(split)
    _tell(builder.report, data_dir)
    if report is not None:
        report.add(builder.report)
    return loaded


def _tell(report: Report, data_dir: str | Path | None) -> None:
    """Warns of dialogues that were skipped, labels left out, and dialogues whose split two names fix differently."""
    if report.rejected:
        _LOG.warning(
            "%s: skipped %d dialogues or lines that cannot be read; the first: %s. To see all: report = cmcc.Report();"
            " cmcc.load(..., report=report); report.rejected",
            *(data_dir, len(report.rejected), report.rejected[0]),
        )
    if left_out := report.left_out:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(left_out.items()))
        _LOG.warning("%s: %d labels could not be read and are left out: %s", data_dir, left_out.total(), kinds)
    conflicts = report.split_conflicts
    if conflicts:
        _LOG.warning("%s: %s", data_dir, conflicts)

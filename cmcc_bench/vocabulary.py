"""The label vocabularies: English and Chinese names, aliases that annotators write, and reading of any spelling.

ACTS.names[10], ACTS.chinese[10]   "comfort", "安抚"; the id of a label is its position in the vocabulary
ACTS["comfort"]                    "安抚"; a vocabulary maps English names to Chinese names
ACTS.id_of("comfort")              10, by the exact name
ACTS.find(" 安抚。")               10, by any spelling; None if there is no such label
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from cmcc_bench.errors import DataError
from cmcc_bench.types import Json

_LABEL_SEPARATOR = re.compile(r"[,，﹐、､﹑;；﹔/／|｜+＋&＆\r\n]")
_NOT_A_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, eq=False)
class Vocabulary(Mapping[str, str]):
    """The labels of one kind in a fixed order, as a mapping of English to Chinese names. A label's id is its position.

    aliases: maps other names that annotators write to the Chinese name of the label.
    """

    chinese_names: Mapping[str, str]
    aliases: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The English names by id, as in the ClassLabel features."""
        return tuple(self.chinese_names)

    @cached_property
    def chinese(self) -> tuple[str, ...]:
        """The Chinese names by id, as models read and write them."""
        return tuple(self.chinese_names.values())

    def id_of(self, name: str) -> int:
        """The id of a label by its exact English name. Raises ValueError if there is no such label."""
        return self.names.index(name)

    def find(self, name: Json) -> int | None:
        """The id of a label by its English or Chinese name or an alias; None if there is no such label.

        Case, spaces, punctuation and the width of characters are ignored. A value that is not a string gives None.
        """
        if not isinstance(name, str):
            return None
        label = self._ids.get(name)
        if label is None and (plain := plain_name(name)):
            label = self._ids.get(plain)
        return label

    @cached_property
    def _ids(self) -> dict[str, int]:
        """Ids by all names and aliases, each as written and in the form of `plain_name`."""
        ids = {name: id_ for id_, pair in enumerate(self.items()) for name in pair}
        ids |= {alias: ids[name] for alias, name in self.aliases.items()}
        return {plain_name(name): id_ for name, id_ in ids.items()} | ids

    def __getitem__(self, name: str) -> str:
        return self.chinese_names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.chinese_names)

    def __len__(self) -> int:
        return len(self.chinese_names)


def plain_name(name: str) -> str:
    """The form of a name in which names are compared: NFKC, lower case, without spaces and punctuation."""
    return _NOT_A_WORD.sub("", unicodedata.normalize("NFKC", name).casefold())


SYNTHETIC_ID = "synthetic-"  # the prefix of the ids of all simulated dialogues, and of no others
SPEAKERS = Vocabulary({"service": "客服", "user": "用户"})

# Other names that annotators wrote, and the labels that they mean.
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

# "neutral" and the emotions of the paper's table 8, in its order of frequency.
EMOTIONS = Vocabulary(
    {
        "neutral": "中性",
        "complain_about_a_problem": "抱怨某问题",
        "emotionally_more_agitated": "情绪较为激动",
        "very_anxious_and_having_a_bad_attitude": "非常着急且态度恶劣",
        "dissatisfied_with_service": "对客服代表服务不满",
        "express_concern_or_anxiety": "表示担忧或焦虑",
        "dissatisfied_with_business_rules": "对业务规定不满",
        "difficulty_performing_an_operation": "执行某项操作有困难",
        "not_satisfied_but_no_longer_pursues": "不太满意但不再追究",
    },
    EMOTION_ALIASES,
)

# The acts of the paper's tables 6 and 7, in order of frequency.
ACTS = Vocabulary(
    {
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
    },
    ACT_ALIASES,
)

# The paper says that there are 4 caring acts, without a list: the 17 acts of its tables without the 13 of MobileCS.
CARING_ACTS = ("comfort", "explain", "empathy", "agree")

# The paper says that CMCC has 14 intents, and that it adds the last two to those of MobileCS, which are 14 already.
# It does not say which two were removed, so all 16 are valid. The Chinese names of the two new ones are ours.
INTENTS = Vocabulary(
    {
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
    },
    INTENT_ALIASES,
)

# In raw files: 1, 2 and 3.
SATISFACTION = Vocabulary({"unsatisfied": "不满意", "accepted_unsolved": "接受但未解决", "satisfied": "满意"})

ENTITY_TYPES = Vocabulary(
    {
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
)

# A query for a type returns the entities of these types (MobileCS's type tree).
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

# Slots that belong to the user, not to an entity. Source: the normalization of SereTOD 2022's track 2.
PERSONAL_SLOTS = ("用户需求", "用户要求", "用户状态", "短信", "持有套餐", "账户余额", "流量余额", "话费余额", "欠费")
ZH = {**SPEAKERS, **EMOTIONS, **INTENTS, **ACTS, **SATISFACTION, **ENTITY_TYPES}
VOCABULARIES = {
    "emotions": EMOTIONS,
    "acts": ACTS,
    "intents": INTENTS,
    "satisfaction": SATISFACTION,
}  # by field


def label_names(text: str) -> list[str]:
    """The names in a label string, in order; 抱怨某问题、情绪较为激动 has two.

    The separators are commas, semicolons, slashes, bars, + and & of any width, and line breaks. Spaces around names and
    empty names are dropped. The string must not contain slots in parentheses.
    """
    return [name for part in _LABEL_SEPARATOR.split(text) if (name := part.strip())]


def find_label(name: Json, vocabulary: Mapping[str, str]) -> int | None:
    """The class index of a label by its name; None if the vocabulary has no such label. See `Vocabulary.find`.

    vocabulary: EMOTIONS, ACTS, INTENTS, ENTITY_TYPES, SPEAKERS or another dict of English to Chinese names. For the
    numbers 1 to 3 of satisfaction use `satisfaction_label`.
    """
    return (vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)).find(name)


def satisfaction_label(value: Json) -> int | None:
    """The class index of a raw satisfaction value: 1, 2 or 3 as a number or text, or a name of SATISFACTION.

    None, NaN, an empty string and 无 mean not annotated and give None. Raises DataError for any other value.
    """
    if value is None or value != value:  # only NaN differs from itself
        return None
    text = unicodedata.normalize("NFKC", str(value)).strip()
    if text.lower() in ("", "nan", "none", "null", "na", "无"):
        return None
    number = None if isinstance(value, bool) else re.fullmatch(r"([123])(?:\.0*)?分?", text)
    label = int(number[1]) - 1 if number else SATISFACTION.find(text)
    if label is None:
        expected = "1 (unsatisfied), 2 (accepted, unsolved) or 3 (satisfied)"
        raise DataError(f"{value!r:.40}", expected, "Correct the value.", field="满意度")
    return label


def no_such_label(name: Json, vocabulary: Vocabulary) -> DataError:
    """The error for a name that is not in the vocabulary."""
    return DataError(f"the label {name!r:.60}", f"one of {', '.join(vocabulary.chinese)}", "Correct the label.")

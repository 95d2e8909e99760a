"""Finds personal data in texts and masks it for output.

Callers say numbers in groups: 幺三零，零零零零 嗯 零零零零. So numbers are found in three steps:

1. `_CHAIN` finds digits and the words and punctuation between them; `_groups` reduces them to groups of digits.
2. Groups that together have the length and form of a telephone number, an identity card or a bank card are one number,
   with any text between them (`_find_forms`).
3. The rest of a chain is a number if it has at least seven digits and does not look like amounts, dates or counting
   (`_is_likely_number`).

Each step looks at a limited number of groups after each group, so the time grows linearly with the length of the text.
Only digits are masked, not the text between them, so lines and positions do not change.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cmcc_bench.errors import DataError

_SPOKEN_DIGITS = ("零〇○洞", "一幺壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒拐", "八捌", "九玖勾")
_VALUES = {digit: str(value) for value, digits in enumerate(_SPOKEN_DIGITS) for digit in digits}
_DIGITS = rf"\d{''.join(_VALUES)}"
_DIGIT = rf"(?!一[下想看])[{_DIGITS}]"
# 三个零 means 000, but 两个一百, 八个八个 and 18个18个 are amounts.
_REPEATED = (
    rf"(?:[一幺两二三四五六七八九]个{_DIGIT}|(?<!\d)[1-9１-９]个\d(?!\d))"
    "(?![十百千万亿块元角毛分兆个点折年月号日天])"
)
_TOKEN = re.compile(rf"{_REPEATED}|{_DIGIT}")

# Text between the groups of a number: punctuation and spaces, except those of amounts, times, addresses and masks;
# hesitations; the speaker at the beginning of a transcript's line; short replies of the other speaker; and notes of the
# transcriber, such as [停顿] and <sil>.
_BETWEEN = (
    r"(?:[^\w:：%％‰¥￥$€£°℃@＠*＊]|_|[嗯啊呃额哦噢喔唔哎诶欸唉呀哈嘛呢吧的对是好行再杠转]"
    r"|[那这]个?|就是|然后|接着|后[面边头]|横杠|[您你]说|继续|没错|不对|不是|错了|等一下|等等|稍等|我[想看]一?[想看下]"
    r"|(?:客服|用户)[：:]|[\[<【〈][^\W\d]{1,8}[\]>】〉])"
)
_CHAIN = re.compile(
    rf"(?:{_TOKEN.pattern})+(?:{_BETWEEN}{{1,16}}(?:{_TOKEN.pattern})+)*"
    rf"(?:{_BETWEEN}{{0,4}}(?P<check>[XxＸｘ叉](?![A-Za-z])))?"  # the check character of an identity card
)
_TIGHT = re.compile(r"[ _-]?")  # between the groups of one written number

_AREA = r"(?:10|2\d|[3-9]\d\d)"
_TELEPHONE = re.compile(
    r"(?:(?:00)?86|0)?1[3-9]\d{9}"  # mobile
    rf"|(?:0|(?:00)?860?){_AREA}[1-9]\d{{6,7}}"  # with an area code
)
_ID_CARD = re.compile(r"[1-8]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]")
_BANK_CARD = re.compile(r"[3-6]\d{15,18}")
_LENGTHS = range(10, 20)  # number of digits of numbers with a form
_USUAL_GROUPS = {
    (3, 4, 4), (3, 8), (7, 4), (4, 4, 3), (3, 3, 5), (4, 3, 4), (3, 2, 3, 3), (2, 3, 4, 4), (2, 11), (2, 3, 8),
    (3, 7), (4, 7), (4, 8), (4, 4, 4),  # with an area code
    (6, 8, 4), (6, 8, 3, 1), (6, 4, 4, 4), (3, 3, 4, 4, 4), (6, 6, 6), (6, 12), (10, 8), (14, 4), (17, 1),  # identity
    (4, 4, 4, 4), (4, 4, 4, 4, 1), (4, 4, 4, 4, 2), (4, 4, 4, 4, 3), (6, 13), (6, 10), (8, 8), (4, 6, 5),  # bank
}  # fmt: skip

_MINIMUM = 7  # minimum number of digits of a number without a form
_CUE = re.compile("号码|手机号|电话|身份证|[卡账帐户单]号|密码|验证码|编号|号是")
_SERVICE = re.compile(r"1[12]\d|100[01]\d|1008\d|12\d{3}|9[56]\d{3}")  # not personal: 110, 10086, 12345, 95588
_YEAR = re.compile(r"(?:19|20)\d\d")
_MONTH, _DAY = re.compile(r"0?[1-9]|1[0-2]"), re.compile(r"0?[1-9]|[12]\d|3[01]")
_WHOLE_DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_UNIT = re.compile(r"\s?(?:元|块|万|亿|人|户|次|条|秒|分|兆|字节|[KMGT]?B|[KMG])", re.IGNORECASE)

# The most frequent surnames. The text after "my name is" is a name only if it begins with one ("我叫你别动" is not).
_SURNAME = (
    "(?:欧阳|司马|上官|诸葛|司徒|夏侯|皇甫|东方|尉迟|公孙|慕容|令狐"
    "|[王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖"
    "贾夏韦付傅方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤温康施文牛樊葛邢安齐易乔伍庞颜倪庄聂章鲁岳翟殷詹申欧耿关兰焦俞左柳甘祝包宁尚"
    "符舒阮柯纪梅童凌毕单季裴霍涂成苗谷盛曲翁冉骆蓝路游辛靳管柴蒙鲍华喻祁蒲房滕屈饶解牟艾尤阳时穆农司卓古吉缪简车项连芦麦褚娄窦戚岑景党宫费卜冷晏席卫米柏宗瞿"
    "桂全佟应臧闵苟邬边卞姬师和仇栾隋商刁沙荣巫寇桑郎甄丛仲虞敖巩明佘池查麻苑迟邝])"
)

_E_MAIL = re.compile(
    r"[A-Za-z0-9._%+-]{1,64}[@＠][A-Za-z0-9-]+(?:[.．][A-Za-z0-9-]+)+"  # 64: RFC 5321; without a limit not linear
    rf"|[A-Za-z._%+\-{_DIGITS}]{{1,64}} ?(?:[@＠]|艾特|小老鼠| at ) ?"  # spoken
    rf"[A-Za-z\-{_DIGITS}]{{1,64}} ?(?:[.．点]| dot ) ?(?:com|cn|net|org|edu)(?![A-Za-z])",
    re.IGNORECASE,
)
_AT = ("@", "＠", "艾特", "小老鼠", " at ", " AT ", " At ", " aT ")  # every e-mail address has one of them
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z][ ·]?[A-Za-z0-9]{5,6}(?![A-Za-z0-9])"
)
_NAME = re.compile(
    rf"(?:(?<=我叫)|(?<=名叫)|(?<=名字叫)|(?<=姓名是)){_SURNAME}[一-龥]{{1,2}}|(?<=姓)(?<!百姓){_SURNAME}"
)

_PLACE_IN_FILE = re.compile(r"((?:line|column|char) \d+)")  # in messages of JSON parsers

CERTAIN_KINDS = ("telephone", "id_card", "bank_card", "e_mail", "plate")  # the form makes these almost certain


@dataclass(frozen=True)
class Personal:
    """Personal data in a text, with positions in code points. kind: one of CERTAIN_KINDS, "number" or "name"."""

    kind: str
    start: int
    end: int


def find_personal(text: str) -> Iterator[Personal]:
    """Finds personal data in a text, in order; positions are in code points."""
    return (personal for personal, _ in _find(text))


def mask(text: str) -> str:
    """Replaces personal numbers, addresses and names in a text by asterisks; the length does not change.

    Of numbers only the digits are masked: 138 0000 0000 becomes *** **** ****.
    """
    return find_and_mask(text)[1]


def find_and_mask(text: str) -> tuple[list[Personal], str]:
    """What `find_personal` and `mask` return, from one search."""
    results = _find(text)
    if not results:
        return [], text
    masked = list(text)
    for _, spans in results:
        for start, end in spans:
            masked[start:end] = "*" * (end - start)
    return [personal for personal, _ in results], "".join(masked)


def mask_lines(lines: Iterable[str]) -> list[str]:
    """Masks the lines of a transcript together, so that numbers across several lines are found too.

    Lines must not contain line breaks.
    """
    lines = list(lines)
    return mask("\n".join(lines)).split("\n") if lines else []


def mask_error(error: DataError) -> DataError:
    """Masks the problem of an error that quotes the data, that is, an error with a dialogue, line, turn or field.

    The place is not masked: ids, file names and line numbers are not personal data, and users need them.
    """
    if not error.place.keys() & {"dialogue", "line", "turn", "field"}:
        return error
    parts = _PLACE_IN_FILE.split(error.found)
    found = "".join(part if number % 2 else mask(part) for number, part in enumerate(parts))
    return DataError(found, error.expected, error.hint, **error.place)


Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Group:
    """Adjacent digits. tokens: the span of each digit or of a word such as 三个零. before: the text before them."""

    digits: str
    text: str
    tokens: tuple[Span, ...]
    before: str

    @property
    def start(self) -> int:
        """The position of the first digit in the text."""
        return self.tokens[0][0]

    @property
    def end(self) -> int:
        """The position after the last digit."""
        return self.tokens[-1][1]


def _find(text: str) -> list[tuple[Personal, list[Span]]]:
    """Finds personal data, in order, each with the spans to mask.

    Numbers are searched after e-mail addresses, plates and names are masked, so masking twice changes nothing.
    """
    results: list[tuple[Personal, list[Span]]] = []
    for pattern, kind in ((_E_MAIL, "e_mail"), (_PLATE, "plate"), (_NAME, "name")):
        if kind == "e_mail" and not any(sign in text for sign in _AT):
            continue
        matches = [match.span() for match in pattern.finditer(text)]
        if matches:
            results += [(Personal(kind, *span), [span]) for span in matches]
            text = pattern.sub(lambda match: "*" * len(match[0]), text)
    for chain in _CHAIN.finditer(text):
        if len(chain[0]) < _MINIMUM and "个" not in chain[0]:  # most chains: too short for a number, unless 七个零
            continue
        for kind, groups in _numbers(_groups(chain), text):
            tokens = [token for group in groups for token in group.tokens]
            results.append((Personal(kind, groups[0].start, groups[-1].end), tokens))
    return sorted(results, key=lambda result: result[0].start)


def _groups(chain: re.Match[str]) -> list[_Group]:
    """The groups of digits in a match of `_CHAIN`; the check character X is a separate group."""
    text, first = chain.string, chain.start()
    tokens = [match.span() for match in _TOKEN.finditer(text, first, chain.end())]
    if chain["check"]:
        tokens.append(chain.span("check"))
    borders = [0, *(i for i in range(1, len(tokens)) if tokens[i - 1][1] < tokens[i][0]), len(tokens)]
    if chain["check"] and borders[-2] != len(tokens) - 1:
        borders.insert(-1, len(tokens) - 1)
    groups: list[_Group] = []
    for start, end in pairwise(borders):
        spans = tuple(tokens[start:end])
        before = text[groups[-1].end : spans[0][0]] if groups else ""
        digits = "".join(_digits(text[a:b]) for a, b in spans)
        groups.append(_Group(digits, text[spans[0][0] : spans[-1][1]], spans, before))
    return groups


def _digits(token: str) -> str:
    """The ASCII digits of a token; 三个零 gives 000."""
    value = _VALUES.get(token[-1]) or str(unicodedata.decimal(token[-1], "X"))
    times = 1 if len(token) == 1 else int(_VALUES.get(token[0]) or unicodedata.decimal(token[0]))
    return value * times


def _numbers(groups: Sequence[_Group], text: str) -> Iterator[tuple[str, Sequence[_Group]]]:
    """Yields the personal numbers of a chain: the kind and the groups of each."""
    if sum(len(group.digits) for group in groups) < _MINIMUM:
        return
    rest = 0
    for kind, first, last in [*_find_forms(groups), ("", len(groups), len(groups))]:
        for part in _split_at_dates(groups[rest:first]):
            digits = [group for group in part if group.digits.isdecimal()]  # X counts only after a number
            if _is_likely_number(digits, text):
                yield "number", part
        if kind:
            yield kind, groups[first:last]
        rest = last


def _find_forms(groups: Sequence[_Group]) -> list[tuple[str, int, int]]:
    """The runs of groups that have a form: (kind, index of the first group, index after the last group).

    Overlapping runs are merged, so digits before a number, such as those of another number, cannot hide it.
    """
    digits = "".join(group.digits for group in groups)
    ends, position = {}, 0
    for number, group in enumerate(groups, 1):
        position += len(group.digits)
        ends[position] = number
    runs: list[tuple[str, int, int]] = []
    position = 0
    for first, group in enumerate(groups):
        for length in _LENGTHS:
            last = ends.get(position + length)
            kind = last and _form(digits[position : position + length])
            if last and kind:
                kind = _kind_or_number(kind, groups[first:last])
                if runs and first < runs[-1][2]:
                    previous_kind, start, end = runs.pop()
                    kind = previous_kind if previous_kind in CERTAIN_KINDS else kind
                    runs.append((kind, start, max(end, last)))
                else:
                    runs.append((kind, first, last))
        position += len(group.digits)
    return runs


def _form(digits: str) -> str | None:
    """The kind of number with this form: "number" for a card with a wrong check digit; None if digits have no form."""
    if len(digits) < 16:
        return "telephone" if _TELEPHONE.fullmatch(digits) else None
    if _ID_CARD.fullmatch(digits):
        return "id_card" if _is_id_card(digits) else "number"
    if _BANK_CARD.fullmatch(digits):
        return "bank_card" if _passes_luhn(digits) else "number" if digits.startswith("62") else None
    return None


def _kind_or_number(kind: str, groups: Sequence[_Group]) -> str:
    """The kind, or "number" if the groups may have this form by chance, such as a list of prices."""
    sizes = tuple(len(group.digits) for group in groups)
    is_one_number = all(_TIGHT.fullmatch(group.before) for group in groups[1:])
    # Amounts are not said digit by digit, with 幺, or with a leading zero.
    is_code = all(size == 1 for size in sizes) or any(map(_is_code_alone, groups))
    return kind if is_one_number or sizes in _USUAL_GROUPS or is_code else "number"


def _is_code_alone(group: _Group) -> bool:
    is_read = group.digits[0] == "0" or not group.text.isdecimal()
    return "幺" in group.text or (len(group.digits) > 2 and is_read)


def _split_at_dates(groups: Sequence[_Group]) -> Iterator[Sequence[_Group]]:
    """The parts of a chain between dates, such as 2022.11.27, 27/11/2022, 2022-11 and 20221127."""
    start = index = 0
    while index < len(groups):
        size = _date_at(groups, index)
        if size:
            yield groups[start:index]
            start = index + size
        index += size or 1
    yield groups[start:]


def _date_at(groups: Sequence[_Group], index: int) -> int:
    """The number of groups of the date that begins at a group; 0 if there is none."""
    texts = [group.digits for group in groups[index : index + 3]]
    forms = ((_YEAR, _MONTH, _DAY), (_DAY, _MONTH, _YEAR), (_MONTH, _DAY, _YEAR), (_YEAR, _MONTH), (_WHOLE_DATE,))
    for form in forms:
        if len(texts) >= len(form) and all(part.fullmatch(text) for part, text in zip(form, texts, strict=False)):
            return len(form)
    return 0


def _is_likely_number(groups: Sequence[_Group], text: str) -> bool:
    """Whether groups without a form are probably a personal number, not amounts, years or counting."""
    total = sum(len(group.digits) for group in groups)
    if total < _MINIMUM or all(map(_is_ordinary, groups)) or _are_amounts(groups, text) or _is_counting(groups):
        return False
    if any(size >= _MINIMUM for size in _tight_sizes(groups)):
        return True
    ordinary = sum(len(group.digits) for group in groups if _is_ordinary(group))
    if total - ordinary < _MINIMUM:
        return False
    code = sum(len(group.digits) for group in groups if _is_code_alone(group) and not _is_ordinary(group))
    is_spelled = all(len(group.digits) == 1 for group in groups)
    return is_spelled or code >= 3 or bool(_CUE.search(text, max(groups[0].start - 12, 0), groups[0].start))


def _tight_sizes(groups: Sequence[_Group]) -> Iterator[int]:
    """The number of digits of each part of a chain that is written as one number."""
    size = 0
    for group in groups:
        if size and not _TIGHT.fullmatch(group.before):
            yield size
            size = 0
        size += len(group.digits)
    yield size


def _is_ordinary(group: _Group) -> bool:
    """Whether a group is a year or a service number, which are not personal."""
    return bool(_YEAR.fullmatch(group.digits) or _SERVICE.fullmatch(group.digits))


def _are_amounts(groups: Sequence[_Group], text: str) -> bool:
    """Whether groups are amounts: 100，200，300 or 1,000,000 or 1000000 or 9.9 19.9 29.9, or with a unit 10 20 301M."""
    digits = [group.digits for group in groups]
    if not all(group.text.isdecimal() for group in groups):
        return False
    points = [group.before in (".", "．") for group in groups]
    if points == [False, True] * (len(groups) // 2):  # 8.8 28.8 0.50
        return all(re.fullmatch(r"0|[1-9]\d{0,3}", whole) for whole in digits[::2]) and max(map(len, digits[1::2])) < 3
    if digits[0][0] == "0":
        return False
    if len(groups) > 1 and all(group.before in (",", "，") and len(group.digits) == 3 for group in groups[1:]):
        return len(digits[0]) < 4  # thousands separators
    if any(group[0] == "0" for group in digits):
        return False
    if len(groups) == 1:
        is_round = not digits[0][1:].strip("0")
    else:
        is_round = all(len(group) > 1 and group[-1] == "0" for group in digits)
    return is_round or (len("".join(digits)) < 11 and _UNIT.match(text, groups[-1].end) is not None)


def _is_counting(groups: Sequence[_Group]) -> bool:
    """Whether groups are 1、2、3, ... or another sequence with equal steps."""
    if len(groups) < 3 or any(len(group.digits) > 4 or not group.digits.isdecimal() for group in groups):
        return False
    steps = {int(after.digits) - int(before.digits) for before, after in pairwise(groups)}
    return len(steps) == 1 and steps != {0}


def _is_id_card(digits: str) -> bool:
    """Whether 17 digits and a check character are an identity card's number. Source: GB 11643-1999."""
    if not digits[:17].isdecimal():
        return False
    total = sum(int(digit) * (1 << (17 - index)) for index, digit in enumerate(digits[:17]))
    return digits[17] == "10X98765432"[total % 11]


def _passes_luhn(digits: str) -> bool:
    """Whether the last digit is the correct check digit. Source: ISO/IEC 7812-1, annex B."""
    doubled = (int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0

"""Values and names as people say them, drawn from templates so wide that a model has to copy them.

A template is plain text with blanks (see world.toml, which holds them all):

    {count 2-36}个月          两个月 ... 三十六个月; `by 10` keeps to multiples: {count 50-900 by 10}分钟
    {number 1-28}号           二号: an ordinal, where a count would be 两
    {digits 3-4}              三零幺: so many digits, one by one
    {money 3-130}             三十八块六毛, 三十八块钱, 三十八元
    {data 100-30000}          三百五十兆, 三个半G, 十二点五G; in megabytes, of 1,000 to the G
    {WORD}                    one of the templates of that name in [words]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import TypeAlias

from cmcc_bench.simulate.draws import choose

_DIGITS = "零一二三四五六七八九"
_DIGITS_ON_THE_PHONE = "零幺二三四五六七八九"
_BLANK = re.compile(r"\{(\w+)(?: (\d+)-(\d+)(?: by (\d+))?)?\}")
_MEGABYTES = 1_000  # of a G, as people count

WordLists: TypeAlias = Mapping[str, Sequence[str]]


def fill(rng: Random, template: str, words: WordLists) -> str:
    """Returns the template with a value in each blank. Raises LookupError for an unknown blank."""

    def value(blank: re.Match[str]) -> str:
        """The text that replaces a blank."""
        kind, low, high, step = blank[1], int(blank[2] or 0), int(blank[3] or 0), int(blank[4] or 1)
        if not high:
            return fill(rng, choose(rng, words[kind]), words)
        match kind:
            case "count":
                return spoken_count(between(rng, low, high, step))
            case "number":
                return spoken_number(between(rng, low, high, step))
            case "digits":
                return "".join(choose(rng, _DIGITS_ON_THE_PHONE) for _ in range(between(rng, low, high)))
            case "money":
                return draw_price(rng, low, high)
            case "data":
                return spoken_data(draw_data(rng, low, high))
        raise LookupError(f"{template!r} has the unknown blank {blank[0]!r}")

    return _BLANK.sub(value, template)


def between(rng: Random, low: int, high: int, step: int = 1) -> int:
    """A multiple of `step`, counted from `low`, from low to high, both included."""
    return low + step * int(rng.random() * ((high - low) // step + 1))


def spoken_number(number: int) -> str:
    """A number below 10,000 as it is spoken: 38 -> 三十八, 108 -> 一百零八, 200 -> 两百, 1050 -> 一千零五十."""
    text, rest, gap = "", number, False
    for size, unit in ((1000, "千"), (100, "百"), (10, "十")):
        digit, rest = divmod(rest, size)
        if digit:
            spoken = "两" if digit == 2 and size > 10 else _DIGITS[digit]
            text += ("零" if gap else "") + ("" if size == 10 and digit == 1 and not text else spoken) + unit
        gap = bool(text) and not digit
    return text + ("零" if gap and rest else "") + (_DIGITS[rest] if rest or not number else "")


def spoken_count(number: int) -> str:
    """The same before a measure word: 2 -> 两."""
    return "两" if number == 2 else spoken_number(number)


def draw_price(rng: Random, low: int, high: int) -> str:
    """A price of low to high yuan: 三十八块钱, 三十八元, 三十八块, now and then 三十八块六毛."""
    whole, form = spoken_count(between(rng, low, high)), rng.random()
    if form < 0.12:
        return f"{whole}块{spoken_count(between(rng, 1, 9))}毛"
    return whole + ("块钱" if form < 0.6 else "元" if form < 0.85 else "块")


def draw_balance(rng: Random, low: int, high: int) -> str:
    """An amount of low to high yuan of no fixed tariff: mostly exact (三十八块六毛), at times 一百二十来块."""
    form = rng.random()
    if form < 0.12 and high >= 20:
        tens = spoken_count(between(rng, -(-low // 10) * 10 or 10, high, 10))
        return choose(rng, (f"{tens}来块", f"{tens}多块", f"{tens}多块钱", f"不到{tens}块钱"))
    whole, dimes = spoken_count(between(rng, low, high)), between(rng, 0, 9)
    if not dimes or form > 0.85:
        return f"{whole}块钱"
    if form > 0.75:
        return f"{whole}块{spoken_count(dimes)}毛{_DIGITS[between(rng, 1, 9)]}分"
    return f"{whole}块{spoken_count(dimes)}毛"


def draw_data(rng: Random, low: int, high: int) -> int:
    """A volume in megabytes, as round as what people speak of; each order of magnitude is about as likely."""
    rough: float = low * (high / low) ** rng.random()
    step = 10 if rough < _MEGABYTES else 500 if rough < 5 * _MEGABYTES else _MEGABYTES
    return max(low, min(high, round(rough / step) * step))


def spoken_data(megabytes: int) -> str:
    """A volume as it is spoken: 350 -> 三百五十兆, 2000 -> 两个G, 3500 -> 三个半G, 12300 -> 十二点三G."""
    whole, rest = divmod(megabytes, _MEGABYTES)
    if not whole:
        return spoken_number(megabytes) + "兆"
    if rest == _MEGABYTES // 2 and whole < 10:
        return f"{spoken_count(whole)}个半G"
    tenth = rest // 100
    if tenth:
        return f"{spoken_number(whole)}点{_DIGITS[tenth]}G"
    return spoken_count(whole) + ("G" if whole > 10 and not whole % 10 else "个G")


def draw_remaining(rng: Random, megabytes: int) -> str:
    """What is left of a volume: less than that, exact (四百三十二兆, 两点三G) or about (三个G多, 不到一个G)."""
    left = max(1, int(megabytes * (0.02 + 0.9 * rng.random())))
    whole = left // _MEGABYTES
    if whole and rng.random() < 0.4:
        count = spoken_count(whole)
        return choose(rng, (f"{count}个G多", f"{count}个多G", f"差不多{count}个G"))
    if _MEGABYTES * 0.9 < left < _MEGABYTES:
        return "不到一个G"
    return spoken_data(left if not whole else left // 100 * 100)

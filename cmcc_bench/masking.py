"""Personal data in texts that a tool prints: numbers that name a person or an account, and e-mail addresses, masked."""

from __future__ import annotations

import re

_DIGIT = "[0-9０-９零〇一二三四五六七八九幺]"

_PERSONAL = re.compile(
    rf"{_DIGIT}(?:[ _-]?{_DIGIT}){{6,}}[Xx]?"  # telephone, identity card, bank card, account: seven digits and more
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"  # e-mail address
    r"|[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Za-z][ ·]?[A-Za-z0-9]{5,6}"  # number plate
)


def mask(text: str) -> str:
    """The text with personal numbers and addresses as asterisks, as long as they were."""
    return _PERSONAL.sub(lambda found: "*" * len(found.group()), text)

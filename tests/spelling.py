"""Spelling variants of label names, as people and language models write them, for tests of label parsers."""

from hypothesis import strategies as st

_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
_FORMS = (
    str,
    str.upper,
    lambda name: name.translate(_WIDE),
    lambda name: f" {name}\u3000",
    lambda name: name.replace("_", " "),
    lambda name: name[:1] + " " + name[1:],
)
SEPARATORS = (",", "，", "、", "/", "|", ";", "；", ", ", " / ", "\n")


def spellings(vocabulary):
    """A strategy for (Chinese name, spelling variant). vocabulary: English name -> Chinese name."""
    written = st.sampled_from([(zh, name) for en, zh in vocabulary.items() for name in (en, zh)])
    return st.builds(lambda pair, form: (pair[0], form(pair[1])), written, st.sampled_from(_FORMS))

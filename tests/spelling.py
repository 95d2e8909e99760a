"""Ways in which people and language models write a label's name, for the tests of whatever reads labels."""

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
    """(Chinese name, how it is written) of any label of a vocabulary, English to Chinese names."""
    written = st.sampled_from([(zh, name) for en, zh in vocabulary.items() for name in (en, zh)])
    return st.builds(lambda pair, form: (pair[0], form(pair[1])), written, st.sampled_from(_FORMS))

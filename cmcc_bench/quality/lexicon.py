"""Reads and validates the lexicon of cue words, lexicon.toml, and searches utterances for cues."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.vocabulary import VOCABULARIES

_CHECKED_FIELDS = ("emotions", "acts")  # the fields that a care file has for each utterance
_CHECKS = {"missing", "uncued"}
_KEYS = {"cues", "unless", "check"}
_MARKS = re.compile(r"[\s_，。？！、；：,.?!;:…]")


@dataclass(frozen=True)
class Cues:
    """The cue words of one label. label: its index in the vocabulary of `field`.

    unless: phrases that contain a cue but mean something else. missing: whether an utterance with a cue but without
    the label is shown to an annotator; uncued: whether one with the label but without a cue is.
    """

    field: str
    label: int
    cues: tuple[str, ...]
    unless: tuple[str, ...] = ()
    missing: bool = False
    uncued: bool = False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        parts = [map(plain_text, cue.split("…")) for cue in sorted(self.cues, key=len, reverse=True)]
        patterns = [r"[^\n]{0,8}?".join(map(re.escape, texts)) for texts in parts]
        return re.compile("|".join(patterns) or "(?!)")

    def find(self, text: str) -> str | None:
        """The first cue in a text, as written there without pauses and punctuation; None if there is none."""
        plain = plain_text(text)
        for phrase in self.unless:
            plain = plain.replace(plain_text(phrase), "\n")
        match = self._pattern.search(plain)
        return match.group() if match else None


@dataclass(frozen=True)
class Lexicon:
    """The cues of all labels in a lexicon, by field and class index."""

    cues: Mapping[str, Mapping[int, Cues]]

    def checked(self, field: str) -> list[Cues]:
        """The cues of the labels of a field that are checked, in the order of the vocabulary."""
        return [cues for _, cues in sorted(self.cues.get(field, {}).items()) if cues.missing or cues.uncued]

    def find(self, field: str, label: int, text: str) -> str | None:
        """The first cue of a label in a text; None if there is none."""
        cues = self.cues.get(field, {}).get(label)
        return cues.find(text) if cues else None


@lru_cache(maxsize=256)  # the cues of each label are searched in the same utterance
def plain_text(text: str) -> str:
    """A text without pauses, blanks and punctuation, in which cues are searched."""
    return _MARKS.sub("", text)


def lexicon_text() -> str:
    """The text of the lexicon that ships with the package."""
    return files("cmcc_bench.quality").joinpath("lexicon.toml").read_text("utf-8")


def load_lexicon(path: Path | None = None) -> Lexicon:
    """Reads a lexicon: the one at `path`, or the one that ships with the package.

    Labels that are not in the file have no cues and are not checked. Raises cmcc.DataError, which names file, label and
    key, if the file is not a valid lexicon.
    """
    name = path.name if path else "lexicon.toml"
    try:
        tables = tomllib.loads(path.read_text("utf-8") if path else lexicon_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        hint = "Start from a copy: cmcc check --write-lexicon FILE."
        raise DataError(f"the file is not valid TOML ({error})", "", hint, file=name) from error
    try:
        return Lexicon({field: _labels(field, table) for field, table in tables.items()})
    except DataError as error:
        raise error.at(file=name) from None


def _labels(field: str, table: object) -> dict[int, Cues]:
    if field not in VOCABULARIES:
        raise DataError(f"the table {field!r:.40}", f"one of {', '.join(VOCABULARIES)}")
    if not isinstance(table, dict):
        raise DataError(type(table).__name__, "a table of labels", table=field)
    names = VOCABULARIES[field].names
    cues = {}
    for name, entry in table.items():
        if name not in names:
            raise DataError(f"the label {name!r:.60}", f"one of {', '.join(names)}", table=field)
        label = names.index(name)
        cues[label] = _cues(field, label, entry, f"{field}.{name}")
    return cues


def _cues(field: str, label: int, entry: object, place: str) -> Cues:
    if not isinstance(entry, dict) or not entry.keys() <= _KEYS:
        raise DataError(f"{entry!r:.60}", f"the keys {', '.join(sorted(_KEYS))}", label=place)
    lists = {key: _strings(entry.get(key, []), place, key) for key in sorted(_KEYS)}
    checks = set(lists["check"])
    if not checks <= _CHECKS or (checks and field not in _CHECKED_FIELDS):
        expected = f"missing or uncued, and only for {' and '.join(_CHECKED_FIELDS)}"
        raise DataError(", ".join(sorted(checks)), expected, label=place, key="check")
    return Cues(field, label, lists["cues"], lists["unless"], "missing" in checks, "uncued" in checks)


def _strings(value: object, place: str, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and plain_text(item) for item in value):
        raise DataError(f"{value!r:.60}", "a list of words", label=place, key=key)
    return tuple(value)

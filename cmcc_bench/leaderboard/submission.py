"""The description of a submission: what its author wrote, and what the Hub adds. Checked before it is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from cmcc_bench.distribution import VERSION
from cmcc_bench.errors import DataError, printable
from cmcc_bench.reports.facts import SystemFacts, check_facts
from cmcc_bench.tasks import Place, task_of

DESCRIPTION_BYTES = 16 << 10
FOLDER = "submission"  # in the pull request
TITLE = "Submission: "  # the prefix of the pull request's title
DESCRIPTION_NAME, PREDICTIONS_NAME = "submission.json", "predictions.jsonl"

_USE_SUBMIT = "Create the pull request with cmcc submit."
_LONGEST = {"model": 80, "training_data": 500, "paper": 300}
_RESERVED = re.compile(r"gold|majority|random|names known from training|character n grams.*|.*as published.*")
# Invisible characters that str.isprintable does not exclude.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]")
# Letters of other scripts that look like Latin letters. Capitals are mapped before casefold, which would change the
# shape of some: Greek Η looks like H, but η like n. NFKC and NFKD handle width, font and diacritics.
_CAPITALS = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧΚАВЕЅІЈКМНОРСТУХԌԚԜҮՏԼՕՍᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃꓐꓚꓓꓰꓖꓧꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ",
    "abezhikmnoptyxkabesijkmhopctyxgqwyslouabcdeghjklmprstvwzbcdeghjklmnoprstuvwxyz",
)
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһӏгѵԛԝүвнтмкпьαβγεηικνορτυχωօոսհցզեյʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢıȷɑɡɩʋɯαɐ",
    "aeopcyxijsdhlrvqwybhtmknbabyenikvoptuxwonuhgqejbcdeghijklmnoprstuvwyzijagiuwaa",
)
_SAME_SHAPE = str.maketrans("01i|", "olll")  # Latin letters and digits that look alike; i stands for a capital I
_ADDRESS = re.compile(r"[!#-&(-;=?-\[\]_a-z~]+")  # no blanks, quotes or angle brackets


@dataclass(frozen=True)
class Description:
    """An author's description of a system.

    paper: an address, or None. toolkit: the version of this package. system: what it is and what its answers took.
    """

    model: str
    task: str
    training_data: str
    paper: str | None = None
    toolkit: str = ""
    system: SystemFacts = field(default_factory=SystemFacts)

    def as_json(self) -> bytes:
        """The content of submission.json in the pull request."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True)
class Stored:
    """An accepted submission as it is stored.

    number, author, date: of its pull request, from the Hub; date is YYYY-MM-DD. commit: the one that was read.
    reviewed: a maintainer has checked a perfect score and set this in the stored file; then it is ranked.
    """

    description: Description
    number: int
    author: str
    date: str
    commit: str
    reviewed: bool = False

    @property
    def name(self) -> str:
        """The name of its folder in submissions/, and its key in every table."""
        return f"{self.number:05d}-{slug(self.description.model)}"

    def as_json(self) -> bytes:
        """The content of submission.json beside the stored predictions."""
        value = asdict(self.description) | {
            "pull_request": self.number,
            "author": self.author,
            "date": self.date,
            "commit": self.commit,
            "reviewed": self.reviewed,
        }
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def describe(
    model: str, task: str, training_data: str, paper: str | None, system: SystemFacts | None = None
) -> Description:
    """A description with this version of the toolkit. Raises cmcc.DataError if a field is not valid."""
    return description_of(
        {
            "model": model,
            "task": task,
            "training_data": training_data,
            "paper": paper,
            "toolkit": f"cmcc {VERSION}",
            "system": asdict(system or SystemFacts()),
        }
    )


def read_description(content: bytes, **place: str | int | None) -> Description:
    """Parses submission.json of a pull request. Raises cmcc.DataError with the field that is not valid."""
    place = dict[str, str | int | None](file=DESCRIPTION_NAME) | place
    if len(content) > DESCRIPTION_BYTES:
        raise DataError(f"{len(content)} bytes", f"at most {DESCRIPTION_BYTES}", _USE_SUBMIT, **place)
    return description_of(_object(content, place), **place)


def read_stored(content: bytes, **place: str | int | None) -> Stored:
    """Parses submission.json of a stored submission. Raises cmcc.DataError with the field that is not valid."""
    place = dict[str, str | int | None](file=DESCRIPTION_NAME) | place
    value = _object(content, place)
    number = value.get("pull_request")
    if type(number) is not int or number < 1:
        hint = "Restore the file that cmcc leaderboard update wrote."
        raise DataError(f"{number!r:.40}", "a whole number of 1 or more", hint, **place, field="pull_request")
    author, date, commit = (_line(value, field, 100, place) for field in ("author", "date", "commit"))
    return Stored(description_of(value, **place), number, author, date, commit, value.get("reviewed") is True)


def description_of(value: Mapping[str, Any], **place: str | int | None) -> Description:
    """A description from a decoded JSON object. Raises cmcc.DataError with the field that is not valid."""
    model = _line(value, "model", _LONGEST["model"], place)
    if _is_reserved(model):
        hint = "Choose another --model: this name is reserved for rows that are not submissions."
        raise DataError(model, "a name that is not reserved", hint, **place, field="model")
    task = task_of(_line(value, "task", 40, place)).name
    training_data = _line(value, "training_data", _LONGEST["training_data"], place)
    toolkit = _line(value, "toolkit", 40, place) if value.get("toolkit") else ""
    system = check_facts(value.get("system"), **place)
    return Description(model, task, training_data, _address(value.get("paper"), place), toolkit, system)


def slug(name: str) -> str:
    """A name as a part of a path: at most 40 of a-z, 0-9 and hyphens; `system` if nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "system"


def same_name(name: str) -> str:
    """A name with case, width and blanks normalized: an author's submissions with the same name are of one system."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def skeleton(name: str) -> str:
    """A form of a name that is the same for names that look alike.

    Like `_appearance`, without blanks and punctuation, and with 0 and o, 1, l and i, rn and m, vv and w made equal.
    """
    letters = _appearance(name).replace(" ", "").translate(_SAME_SHAPE)
    return letters.replace("rn", "m").replace("vv", "w")


def _appearance(name: str) -> str:
    """A name in lower case without diacritics, words separated by a blank, similar letters replaced by Latin ones."""
    letters = unicodedata.normalize("NFKC", name).translate(_CAPITALS).casefold()
    letters = unicodedata.normalize("NFKD", letters)
    plain = "".join(letter for letter in letters if not unicodedata.category(letter).startswith(("M", "Cf")))
    return re.sub(r"[\W_]+", " ", plain.translate(_LOOKALIKES)).strip()


def _is_reserved(name: str) -> bool:
    """Whether a name is, or looks like, the name of a row that is not a submission."""
    appearance = _appearance(name)
    digits = (str.maketrans("01", "ol"), str.maketrans("01", "oi"))
    return any(_RESERVED.fullmatch(variant) for variant in (appearance, *map(appearance.translate, digits)))


def _object(content: bytes, place: Place) -> dict[str, Any]:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DataError(f"not valid JSON ({error})", "", _USE_SUBMIT, **place) from error
    if not isinstance(value, dict):
        raise DataError(f"a JSON {type(value).__name__}", "a JSON object", _USE_SUBMIT, **place)
    return value


def _line(value: Mapping[str, Any], field: str, longest: int, place: Place) -> str:
    """A field as one line of printable text with letters or digits, at most `longest` characters."""
    text = value.get(field)
    place = place | {"field": field}
    if not isinstance(text, str):
        found = "no such field" if field not in value else f"{text!r:.40}"
        raise DataError(found, "a line of text", f"Give the field {field} as text.", **place)
    if not text.isprintable() or _BLANK.search(text):  # line breaks, and characters that turn the text's direction
        hint = "Remove line breaks and invisible characters."
        raise DataError(f"{text!r:.60}", "printable characters only", hint, **place)
    text = text.strip()
    if not any(map(str.isalnum, text)) or len(text) > longest:
        hint = "Change the text."
        raise DataError(f"{len(text)} characters", f"1 to {longest}, with letters among them", hint, **place)
    return text


def _address(value: object, place: Place) -> str | None:
    """The address of a paper, which becomes a link: see `is_web_address`."""
    if value in (None, ""):
        return None
    place = place | {"field": "paper"}
    if not isinstance(value, str) or len(value) > _LONGEST["paper"]:
        expected, hint = f"an address of at most {_LONGEST['paper']} characters", "Give a shorter --paper."
        raise DataError(f"{value!r:.60}", expected, hint, **place)
    if not is_web_address(value):
        hint = "Give the full address, without blanks and quotes."
        raise DataError(printable(value, 60), "an address that begins with https://", hint, **place)
    return value


def is_web_address(text: str) -> bool:
    """Whether a text is a safe link: https and a host, no user name or password, no quotes, blanks or brackets."""
    try:
        parts = urlsplit(text)
        is_web = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
    return is_web and _ADDRESS.fullmatch(text.lower()) is not None

"""What is said of a submission: by whoever made it, and by the Hub of how it came; checked before anything is shown."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from cmcc_bench.distribution import VERSION
from cmcc_bench.errors import DataError, printable
from cmcc_bench.tasks import Place, task_of

DESCRIPTION_BYTES = 16 << 10
FOLDER = "submission"  # in the pull request
TITLE = "Submission: "  # how the pull request's title begins
DESCRIPTION_NAME, PREDICTIONS_NAME = "submission.json", "predictions.jsonl"

_LONGEST = {"model": 80, "training_data": 500, "paper": 300}
_RESERVED = re.compile(r"gold|majority|random|names known from training|character n grams.*|.*as published.*")
# Letters without a shape, and a joiner, that Unicode does not count among what cannot be printed.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0]")
# Letters of other scripts that look like Latin ones. Capitals come first, as casefold would give some of them another
# shape: Greek Η is H, but η is n. What is only a matter of width, font or marks is left to NFKC and NFKD.
_CAPITALS = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧΚАВЕЅІЈКМНОРСТУХԌԚԜҮՏԼՕՍᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃꓐꓚꓓꓰꓖꓧꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ",
    "abezhikmnoptyxkabesijkmhopctyxgqwyslouabcdeghjklmprstvwzbcdeghjklmnoprstuvwxyz",
)
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһӏгѵԛԝүвнтмкпьαβγεηικνορτυχωօոսհցզեյʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢıȷɑɡɩʋɯαɐ",
    "aeopcyxijsdhlrvqwybhtmknbabyenikvoptuxwonuhgqejbcdeghijklmnoprstuvwyzijagiuwaa",
)
_SAME_SHAPE = str.maketrans("01i|", "olll")  # within Latin letters and digits, and i as a capital I
_ADDRESS = re.compile(r"[!#-&(-;=?-\[\]_a-z~]+")  # no blanks, quotes or angle brackets


@dataclass(frozen=True)
class Description:
    """What its author says of a system. paper: an address, or None. toolkit: the version of this package."""

    model: str
    task: str
    training_data: str
    paper: str | None = None
    toolkit: str = ""

    def as_json(self) -> bytes:
        """The file in the pull request."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@dataclass(frozen=True)
class Stored:
    """An accepted submission as it is kept.

    number, author, date: of its pull request, as the Hub tells them; date is YYYY-MM-DD. commit: that was read.
    reviewed: a maintainer looked at a perfect score and wrote so into the stored file; then it is ranked.
    """

    description: Description
    number: int
    author: str
    date: str
    commit: str
    reviewed: bool = False

    @property
    def name(self) -> str:
        """Its folder's name below submissions/, and its key in every table."""
        return f"{self.number:05d}-{slug(self.description.model)}"

    def as_json(self) -> bytes:
        """The file that is kept beside the predictions."""
        value = asdict(self.description) | {
            "pull_request": self.number,
            "author": self.author,
            "date": self.date,
            "commit": self.commit,
            "reviewed": self.reviewed,
        }
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def describe(model: str, task: str, training_data: str, paper: str | None) -> Description:
    """A description by this version of the toolkit. Raises cmcc.DataError where a field cannot be shown."""
    return description_of(
        {
            "model": model,
            "task": task,
            "training_data": training_data,
            "paper": paper,
            "toolkit": f"cmcc {VERSION}",
        }
    )


def read_description(content: bytes, **place: str | int | None) -> Description:
    """submission.json. Raises cmcc.DataError, which names the field, for anything else."""
    place = dict[str, str | int | None](file=DESCRIPTION_NAME) | place
    if len(content) > DESCRIPTION_BYTES:
        raise DataError(f"{len(content)} bytes", f"at most {DESCRIPTION_BYTES}", **place)
    return description_of(_object(content, place), **place)


def read_stored(content: bytes, **place: str | int | None) -> Stored:
    """What an update kept of a submission. Raises cmcc.DataError for anything else."""
    place = dict[str, str | int | None](file=DESCRIPTION_NAME) | place
    value = _object(content, place)
    number = value.get("pull_request")
    if type(number) is not int or number < 1:
        raise DataError(f"{number!r:.40}", "a whole number of 1 or more", **place, field="pull_request")
    author, date, commit = (_line(value, field, 100, place) for field in ("author", "date", "commit"))
    return Stored(description_of(value, **place), number, author, date, commit, value.get("reviewed") is True)


def description_of(value: Mapping[str, Any], **place: str | int | None) -> Description:
    """A decoded JSON object as a description. Raises cmcc.DataError, which names the field, where it is none."""
    model = _line(value, "model", _LONGEST["model"], place)
    if _is_reserved(model):
        hint = "Such names stand for rows that are no submissions."
        raise DataError(model, "a name of its own", hint, **place, field="model")
    task = task_of(_line(value, "task", 40, place)).name
    training_data = _line(value, "training_data", _LONGEST["training_data"], place)
    toolkit = _line(value, "toolkit", 40, place) if value.get("toolkit") else ""
    return Description(model, task, training_data, _address(value.get("paper"), place), toolkit)


def slug(name: str) -> str:
    """A name as a part of a path: a-z, 0-9 and hyphens, at most 40; `system` where nothing is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "system"


def same_name(name: str) -> str:
    """A name but for case, width and blanks: two submissions of one author with the same are of one system."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def skeleton(name: str) -> str:
    """What a name looks like at a glance: names that a reader could take for each other have the same.

    As `_as_seen`, and without blanks and punctuation; 0 and o, 1, l and i, rn and m, vv and w are the same.
    """
    letters = _as_seen(name).replace(" ", "").translate(_SAME_SHAPE)
    return letters.replace("rn", "m").replace("vv", "w")


def _as_seen(name: str) -> str:
    """A name as it looks at a glance: small letters without marks, words a blank apart, lookalikes as Latin letters."""
    letters = unicodedata.normalize("NFKC", name).translate(_CAPITALS).casefold()
    letters = unicodedata.normalize("NFKD", letters)
    plain = "".join(letter for letter in letters if not unicodedata.category(letter).startswith(("M", "Cf")))
    return re.sub(r"[\W_]+", " ", plain.translate(_LOOKALIKES)).strip()


def _is_reserved(name: str) -> bool:
    """Whether a name is, or looks like, that of a row which is no submission."""
    seen = _as_seen(name)
    digits = (str.maketrans("01", "ol"), str.maketrans("01", "oi"))
    return any(_RESERVED.fullmatch(written) for written in (seen, *map(seen.translate, digits)))


def _object(content: bytes, place: Place) -> dict[str, Any]:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DataError(f"no JSON ({error})", "a JSON object", "Make it with cmcc submit.", **place) from error
    if not isinstance(value, dict):
        raise DataError(f"a JSON {type(value).__name__}", "an object", "Make it with cmcc submit.", **place)
    return value


def _line(value: Mapping[str, Any], field: str, longest: int, place: Place) -> str:
    """A field as one line that can be shown: some letters, no control characters, not too long."""
    text = value.get(field)
    place = place | {"field": field}
    if not isinstance(text, str):
        raise DataError("no such field" if field not in value else f"{text!r:.40}", "a line of text", **place)
    if not text.isprintable() or _BLANK.search(text):  # neither line breaks nor what turns the direction of a text
        raise DataError(f"{text!r:.60}", "characters that can be shown", **place)
    text = text.strip()
    if not any(map(str.isalnum, text)) or len(text) > longest:
        raise DataError(f"{len(text)} characters", f"1 to {longest}, with letters among them", **place)
    return text


def _address(value: object, place: Place) -> str | None:
    """The address of a paper, which becomes a link: https and a host, nothing that a page could take for more."""
    if value in (None, ""):
        return None
    place = place | {"field": "paper"}
    if not isinstance(value, str) or len(value) > _LONGEST["paper"]:
        raise DataError(f"{value!r:.60}", f"an address of at most {_LONGEST['paper']} characters", **place)
    if not is_web_address(value):
        raise DataError(printable(value, 60), "an address that begins with https://", **place)
    return value


def is_web_address(text: str) -> bool:
    """Whether a browser may follow it: https and a host, no password, nothing that a page could take for more."""
    try:
        parts = urlsplit(text)
        is_web = parts.scheme == "https" and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False
    return is_web and _ADDRESS.fullmatch(text.lower()) is not None

"""A raw file as text: compression, encoding, and what a file really is that is not JSON."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.vocabulary import ACTS, EMOTIONS

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
GZIP_MAGIC = b"\x1f\x8b"  # how a gzip file begins


@dataclass(frozen=True)
class RawFile:
    """A file of dialogues: `name` is its path below the data folder, `split` the one its name fixes."""

    path: Path
    name: str
    split: str | None

    @property
    def unpacked_size(self) -> int:
        """Its bytes once it is unpacked."""
        with self.path.open("rb") as stream:
            if stream.read(2) != GZIP_MAGIC or self.path.stat().st_size < 4:
                return self.path.stat().st_size
            stream.seek(-4, 2)  # gzip ends with the size of what it packed
            return int.from_bytes(stream.read(4), "little")


@contextmanager
def open_text(file: RawFile) -> Iterator[tuple[io.TextIOWrapper, tuple[str, ...]]]:
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
_CHINESE_KEYS = ("用户意图", "客服意图", "用户情绪", "满意度", "用户", "客服", *EMOTIONS.chinese, *ACTS.chinese)

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

"""Opens a raw file as text: compression, encoding, and clear errors for files that are not JSON."""

from __future__ import annotations

import codecs
import gzip
import io
import shlex
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.vocabulary import ACTS, EMOTIONS

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
GZIP_MAGIC = b"\x1f\x8b"  # the first bytes of a gzip file


@dataclass(frozen=True)
class RawFile:
    """A file of dialogues: `name` is its path in the data folder, `split` the split that its name sets, if any."""

    path: Path
    name: str
    split: str | None

    @property
    def unpacked_size(self) -> int:
        """The size in bytes, unpacked."""
        with self.path.open("rb") as stream:
            if stream.read(2) != GZIP_MAGIC or self.path.stat().st_size < 4:
                return self.path.stat().st_size
            stream.seek(-4, 2)  # the last four bytes of a gzip file are the unpacked size
            return int.from_bytes(stream.read(4), "little")


@contextmanager
def open_text(file: RawFile) -> Iterator[tuple[io.TextIOWrapper, tuple[str, ...]]]:
    """Opens a file as unpacked and decoded text. Also gives the kinds of repair, for instance of the encoding.

    Raises DataError, also while the text is read.
    """
    try:
        with file.path.open("rb") as stream:
            is_gzip = stream.read(2) == GZIP_MAGIC
        has_suffix = file.path.suffix.lower() == ".gz"
        repaired: tuple[str, ...] = () if is_gzip == has_suffix else (f"file_form:{'gzip' if is_gzip else 'not_gzip'}",)
        with gzip.open(file.path) if is_gzip else file.path.open("rb") as stream:
            encoding = _encoding_of(stream, file.name)
            stream.seek(0)
            if encoding != "utf-8-sig":
                repaired += (f"file_encoding:{encoding.removesuffix('-le').removesuffix('-be')}",)
            elif stream.read(3) != codecs.BOM_UTF8:
                encoding = "utf-8"  # the same text; this decoder is in C
            stream.seek(0)
            yield io.TextIOWrapper(stream, encoding), repaired
    except PermissionError as error:
        hint = f"Fix the permissions: chmod u+r {shlex.quote(str(file.path))}"
        raise DataError("no permission to read the file", "", hint, file=file.name) from error
    except UnicodeError as error:
        raise _not_decoded(file.name, getattr(error, "encoding", "utf-8")) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"the gzip file is damaged ({error})", "", _DOWNLOAD, file=file.name) from error
    except OSError as error:
        problem = f"cannot read the file: {error.strerror or error}"
        raise DataError(problem, "", "Check the path and the disk.", file=file.name) from error


_SNIFFED = 1 << 18  # bytes from which the encoding is detected
_LONGEST_ASCII = 1 << 23  # bytes to search for the first one that is not ASCII

_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

# Strings of raw and care files. Text in another encoding, decoded as GB18030, contains none of them.
_CHINESE_KEYS = ("用户意图", "客服意图", "用户情绪", "满意度", "用户", "客服", *EMOTIONS.chinese, *ACTS.chinese)

# Positions of the zero bytes among the first four. This works because JSON begins with two ASCII characters.
_ZEROS = {(1, 3): "utf-16-le", (0, 2): "utf-16-be", (1, 2, 3): "utf-32-le", (0, 1, 2): "utf-32-be"}
_EXPORT = "Export its table as JSON lines in UTF-8, one dialogue per line, or use the original JSON file."
_UNPACK = "Unpack it here and remove the archive."
_DOWNLOAD = "Copy or download it again."

_NOT_JSON = {  # renamed files, by their first bytes: the kind of file, and the hint
    b"PK\x03\x04": ("a ZIP archive or an Excel workbook", f"{_UNPACK} For a workbook: {_EXPORT}"),
    b"Rar!": ("a RAR archive", _UNPACK),
    b"7z\xbc\xaf": ("a 7-Zip archive", _UNPACK),
    b"BZh": ("a bzip2 file", _UNPACK),
    b"\xfd7zXZ": ("an xz file", _UNPACK),
    b"\x28\xb5\x2f\xfd": ("a Zstandard file", _UNPACK),
    b"\xd0\xcf\x11\xe0": ("an old Excel or Word file", _EXPORT),
    b"%PDF": ("a PDF document", "Use the original JSON file."),
    b"PAR1": ("a Parquet file", "Use the built folder as DATASET, or use the original JSON file."),
    b"version https://git-lfs": ("a pointer of Git LFS, not the file itself", "Run git lfs pull."),
    b"<": ("an HTML or XML page", "It is often the result of a download without login. Download the file itself."),
}


def _encoding_of(stream: io.BufferedIOBase, name: str) -> str:
    """Detects the encoding from the beginning of a file. Returns the name of a Python codec, by default "utf-8-sig".

    UTF-16 and UTF-32 are recognized by a byte order mark or by zero bytes. Text that is not UTF-8 is GB18030 (which
    includes GBK and GB 2312) if it decodes without errors and is likely to be Chinese: it has a Chinese key or label of
    raw files, or else `[SPEAKER` and at least 10 of the 3,755 most frequent characters, 9 of them for each other one.
    Raises DataError for binary files and all other encodings. Big5 also decodes as GB18030, and wrong characters are
    worse than an error.
    """
    chunk = first = stream.read(_SNIFFED)
    for bom, encoding in _BYTE_ORDER_MARKS.items():
        if first.startswith(bom):
            return encoding
    zeros = tuple(index for index, byte in enumerate(first[:4]) if byte == 0)
    if zeros in _ZEROS:
        return _ZEROS[zeros]
    if first and not first.strip(b"\0"):
        raise DataError("the file is damaged: it has zero bytes only", "", _DOWNLOAD, file=name)
    start = first.lstrip()
    for magic, (kind, hint) in _NOT_JSON.items():
        if start.startswith(magic):
            raise DataError(kind, "JSON with dialogues", hint, file=name)
    if first[257:262] == b"ustar":
        raise DataError("a tar archive", "JSON with dialogues", _UNPACK, file=name)
    read = len(first)
    while chunk.isascii() and len(chunk) == _SNIFFED and read < _LONGEST_ASCII:
        chunk = stream.read(_SNIFFED)
        read += len(chunk)
    is_end = len(chunk) < _SNIFFED
    try:
        codecs.getincrementaldecoder("utf-8")().decode(chunk, is_end)
    except UnicodeDecodeError as error:
        try:
            text = codecs.getincrementaldecoder("gb18030")().decode(chunk, is_end)
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


def _not_decoded(name: str, encoding: str, position: int | None = None) -> DataError:
    encoding = encoding.upper().removesuffix("-SIG")
    problem = f"the file is not {encoding} text" + (f" (first wrong byte: {position})" if position is not None else "")
    hint = f"The file is damaged. {_DOWNLOAD}"
    if encoding == "UTF-8":
        hint = "Convert it: iconv -f ENCODING -t UTF-8 (Chinese: GB18030 or BIG5). If it is damaged, copy it again."
    return DataError(problem, "", hint, file=name)

"""What takes long to fit and is fitted once for a data set: kept in the cache of the Hugging Face libraries.

    model = kept("ngrams", key_of([texts, gold], [__file__]), fit, save, load)

The report, the leaderboard and the statistics of one data set use the same simple baselines. The key is a digest of all
that decides the result: the training rows, the settings and the code. A folder of another key is never read, so nothing
gets stale; all of it may be removed at any time. It is under HF_ASSETS_CACHE, else HF_HOME/assets/cmcc.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from huggingface_hub import cached_assets_path

from cmcc_bench.distribution import VERSION
from cmcc_bench.errors import DataError
from cmcc_bench.files import add_folder

Made = TypeVar("Made")


def kept(
    name: str,
    key: str,
    make: Callable[[], Made],
    save: Callable[[Made, Path], None],
    load: Callable[[Path], Made],
) -> Made:
    """What `load` reads from the cache, if it is there; else what `make` returns, which is saved for the next time.

    name: of the folder, for people. key: from key_of. load: raises cmcc.DataError or OSError if the folder is damaged;
    it is then made again. Processes may do this at the same time: the first folder that is whole stays. Where the cache
    cannot be written, nothing is kept.
    """
    try:
        folder = cached_assets_path("cmcc", namespace="kept") / f"{name}-{key[:16]}"
    except OSError:
        return make()
    if folder.is_dir():
        with suppress(DataError, OSError):
            return load(folder)
        shutil.rmtree(folder, ignore_errors=True)
    made = make()
    with suppress(OSError), add_folder(folder) as part:
        save(made, part)
    return made


def key_of(parts: Iterable[bytes], code: Iterable[str]) -> str:
    """The SHA-256 digest of the parts of the input and of the files of code, with the package's version."""
    digest = hashlib.sha256(VERSION.encode())
    for content in (*(Path(file).read_bytes() for file in code), *parts):
        digest.update(f"{len(content)} ".encode() + content)
    return digest.hexdigest()

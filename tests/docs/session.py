"""Runs the code blocks of all pages in order, in one process and one folder, as one reader would.

    python -m tests.docs.session RESULTS.json        # in an empty folder; tests/docs/run.py starts it

Commands run as they are written, but for two things. `cmcc train` gets settings of a very small model, and a training
or a decoding that an earlier page has run word for word is not run again. The Hub is tests/hub_server.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shlex
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import datasets

from tests.docs.pages import CODE, ROOT, Block, blocks, folded, page_paths
from tests.docs.tables import with_tables

_SMALLER = {
    "dialogue": "--epochs 1 --layers 1 --width 16 --heads 2 --max_length 192",
    "emotion": "--epochs 1 --layers 1 --width 16 --heads 2 --max_length 64",
    "joint": "--epochs 1 --width 16 --heads 2 --max_length 64",
    "satisfaction": "--epochs 1 --layers 1 --width 16 --heads 2 --max_length 64",
}
_ONCE = ("train", "predict")


def prepare() -> None:
    """Raw files under the names that pages give to licensed ones, and the folders of a checkout that they name."""
    from cmcc_bench.simulate import write_corpus

    write_corpus(Path("my/raw/files"), 24, 6, 1)  # those of the quickstart, so that what is trained fits both
    Path("metrics").symlink_to(ROOT / "metrics")


class Session:
    """What blocks leave for later ones: Python names by page, and the output of commands that run once."""

    def __init__(self) -> None:
        self.names: dict[str, dict[str, Any]] = {}
        self.done: dict[tuple[str, ...], str] = {}

    def run(self, block: Block) -> dict[str, Any]:
        """Runs a block. Returns its output, how it ended, and the seconds that it took."""
        begin, stream = time.process_time(), io.StringIO()
        typed = io.StringIO("".join(f"{line}\n" for line in block.note("input").split("\n") if line))
        status: int | str = 0
        before, sys.stdin = sys.stdin, typed
        try:
            with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
                if block.language == "sh":
                    status = self._shell(block.text, stream)
                else:
                    exec(compile(block.text, block.place, "exec"), self.names.setdefault(block.page, {}))
        except BaseException:
            status = traceback.format_exc()
        finally:
            sys.stdin = before
        output = stream.getvalue().replace(os.environ["HF_ENDPOINT"], "https://huggingface.co")
        output = folded(output, str(Path.cwd()))
        return {"place": block.place, "output": output, "status": status, "seconds": time.process_time() - begin}

    def _shell(self, text: str, stream: io.StringIO) -> int | str:
        status: int | str = 0
        for line in text.replace("\\\n", " ").split("\n"):
            words = shlex.split(line, comments=True)
            if not words:
                continue
            if status:
                return f"{status} before {line!r}"
            if words[0] != "cmcc":
                return f"no program of this session: {line!r}"
            status = self._cmcc(words[1:], stream)
        return status

    def _cmcc(self, words: list[str], stream: io.StringIO) -> int | str:
        from cmcc_bench.cli import main

        if tuple(words) in self.done:
            stream.write(self.done[tuple(words)])
            return 0
        begin = stream.tell()
        trained = words[1] if words[0] == "train" and "ngrams" not in words else ""  # n-grams are small as they are
        smaller = _SMALLER.get(trained, "").split()
        try:
            status: int | str = main([*words, *smaller])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else str(end.code)
        if words[0] in _ONCE and not status:
            self.done[tuple(words)] = stream.getvalue()[begin:]
        return status


def main() -> None:
    """Runs all blocks; what came of them, and the pages with their tables, is written to the file that is named."""
    datasets.disable_progress_bars()
    results, session = Path(sys.argv[1]).resolve(), Session()
    prepare()
    found = []
    for page in page_paths():
        for block in blocks(page):
            if block.title:
                path = Path(block.title)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(f"{block.text}\n", encoding="utf-8")
            elif block.language in CODE and not block.note("not run"):
                found.append(session.run(block))
    pages = {page: with_tables((ROOT / page).read_text("utf-8")) for page in page_paths()}
    results.write_text(json.dumps({"blocks": found, "pages": pages}, ensure_ascii=False), encoding="utf-8")
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)


if __name__ == "__main__":
    main()

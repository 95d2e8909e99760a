"""The command `cmcc`: parses arguments, shows progress, prints results. The work is done by the modules it calls.

    cmcc simulate --dialogues 400 --seed 0 --out raw
    cmcc build --data-dir raw --out cmcc
    cmcc stats cmcc

Exit status: 0 (success), 1 (an error, or a check that failed) or 2 (wrong usage).
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from pathlib import Path

from cmcc_bench.commands import (
    annotate,
    chat,
    data,
    export,
    figures,
    hub,
    leaderboard,
    predict,
    quality,
    report,
    score,
    train,
)
from cmcc_bench.commands.console import HelpFormatter, errors
from cmcc_bench.distribution import DATA_VERSION, VERSION, requirement
from cmcc_bench.errors import DataError, printable
from cmcc_bench.masking import mask_error
from cmcc_bench.terminal import make_streams_tolerant

# Optional modules and the extra that installs each.
_EXTRAS = {
    "torch": "train",
    "transformers": "train",
    "accelerate": "train",
    "safetensors": "train",
    "tensorboard": "train",
    "peft": "adapters",
    "sklearn": "quality",
    "krippendorff": "quality",
    "matplotlib": "figures",
    "pycirclize": "figures",
    "plotly": "figures",
    "gradio": "leaderboard",
    "starlette": "annotate",
    "uvicorn": "annotate",
    "httpx2": "hub",
}


def main(arguments: list[str] | None = None) -> int:
    """Runs the command and returns its exit status."""
    make_streams_tolerant()
    options = _parser().parse_args(arguments)
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")  # `datasets` is imported only when needed
    if "sample" in vars(options).values() and Path("sample").is_dir():
        hint = "`sample` is the synthetic sample that comes with cmcc. For the folder sample, write ./sample."
        errors.print(f"cmcc: {hint}", soft_wrap=True)
    try:
        status: int = options.run(options)
    except DataError as error:
        _print_error(str(mask_error(error)))
        return 1
    except OSError as error:
        name = error.filename2 or error.filename  # of a rename, the path that the user chose
        path = f"{name}: " if name else ""
        _print_error(_sentences(f"{path}{error.strerror or error}", *_notes(error), _ADVICE.get(error.errno or 0, "")))
        return 1
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        _print_error(f"this command needs {error.name}. Install it: pip install '{requirement(_EXTRAS[error.name])}'")
        return 1
    except KeyboardInterrupt as error:
        _print_error(_sentences("stopped", *_notes(error)))
        return 1
    return status


_RETRY = "then run it again."
_ADVICE = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), f"Free space, {_RETRY}") | dict.fromkeys(
    (errno.EACCES, errno.EPERM, errno.EROFS), f"Fix the permissions or choose another path, {_RETRY}"
)
_ADVICE |= dict.fromkeys((errno.ENOENT, errno.ENOTDIR, errno.EISDIR), f"Check the path, {_RETRY}")
_ADVICE |= {errno.EEXIST: f"Choose another path or move the existing one, {_RETRY}"}  # by errno


def _notes(error: BaseException) -> list[str]:
    """The notes of an error, such as "Nothing was changed."."""
    return getattr(error, "__notes__", [])


def _sentences(*parts: str) -> str:
    return " ".join(f"{part.removesuffix('.')}." for part in parts if part)


def _print_error(message: str) -> None:
    """Prints a message in red, with control characters escaped: it may quote text from files."""
    lines = [printable(line, len(line)) for line in f"cmcc: {message}".split("\n")]
    errors.print("\n".join(lines), style="red", markup=False, highlight=False, soft_wrap=True)


_DESCRIPTION = """\
The open toolkit for CMCC, real Chinese customer-service calls with care labels:
build and check the data set; train, score and publish models."""
_EPILOG = """\
`cmcc COMMAND --help` shows the arguments of a command, with examples.
Exit status: 0 (success), 1 (an error, or a check that failed) or 2 (wrong
usage)."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cmcc", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=HelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"cmcc {VERSION}, data {DATA_VERSION}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for kind in (data, figures, train, predict, score, report, chat, export, quality, annotate, hub, leaderboard):
        kind.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())

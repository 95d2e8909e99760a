"""Commands on terminals and pipes of any encoding, and on pipes that are closed early."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cmcc_bench.dataset import build
from tests import raw

ROOT = Path(__file__).parents[1]
ENCODINGS = ("ascii", "cp1252", "latin-1", "gbk", "utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("terminal")
    raw.write(folder / "raw", "train.json", [raw.dialogue(f"call-{n}") for n in range(3)])
    build(folder / "raw", folder / "资料 é")
    return folder


def command(folder, *arguments, **environment):
    line = [sys.executable, "-m", "cmcc_bench.cli", *map(str, arguments)]
    variables = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"} | environment
    return subprocess.Popen(line, env=variables, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_an_encoding_lacks_is_replaced_and_files_are_written_in_utf_8(folder, tmp_path, encoding):
    markdown = tmp_path / "表.md"
    process = command(folder, "stats", "资料 é", "--markdown", markdown, PYTHONIOENCODING=encoding)
    out, err = process.communicate()
    assert process.returncode == 0 and b"Traceback" not in err
    assert "dialogues by split" in out.decode(encoding) and ("通知" in out.decode(encoding)) == (
        encoding in ("gbk", "utf-8")
    )
    assert "通知" in markdown.read_text("utf-8")


@pytest.mark.parametrize(
    "arguments", [("stats", "没有"), ("check", "资料 é"), ("--help",), ("build", "--data-dir", "原")]
)
def test_messages_are_replaced_too_in_a_plain_c_locale(folder, arguments):
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    process = command(folder, *arguments, **plain)
    out, err = process.communicate()
    assert process.returncode in (0, 1) and b"Traceback" not in err and (out + err).isascii() and out + err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_input_that_cannot_be_decoded_is_replaced(encoding):
    code = "from cmcc_bench.terminal import make_streams_tolerant as t; t(); print('\\ufffd' in input())"
    variables = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    text = b"\xc4\xfa\x8f\x81\n"  # GBK
    done = subprocess.run([sys.executable, "-c", code], env=variables, input=text, capture_output=True)
    assert done.stdout.split() == [b"True"] and not done.stderr


def test_a_pipe_that_is_closed_early_stops_no_command(folder, tmp_path):
    process = command(
        folder, "stats", "资料 é", "--json", tmp_path / "counts.json", "--markdown", tmp_path / "tables.md"
    )
    process.stdout.close()  # as `| head -0`
    assert process.wait() == 0 and process.stderr.read().strip() == b""
    assert json.loads((tmp_path / "counts.json").read_bytes()) and (tmp_path / "tables.md").read_text("utf-8")
    process.stderr.close()

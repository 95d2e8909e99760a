"""The messages of the library, all in one file to read."""

import ast

from tests.messages import ROOT, messages
from tests.write_golden import GOLDEN


def test_the_golden_file_holds_all_messages_as_they_are_now():
    hint = "read the new messages in the difference, then: python -m tests.write_golden"
    assert messages() == (GOLDEN / "messages.txt").read_text("utf-8"), hint


def test_no_error_about_data_is_missing_in_it():
    calls = 0
    for path in [ROOT / "cmcc.py", *sorted((ROOT / "cmcc_bench").rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            calls += isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DataError"
    assert calls > 100 and messages().count("\n  ") >= calls * 0.95  # the same message may stand twice in a file

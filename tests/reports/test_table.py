"""Tables as Markdown: what a cell says is shown as it is."""

import pytest

from cmcc_bench.reports.table import ReportTable


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("a|b", r"a\|b"),
        (r"a\|b", r"a\\\|b"),  # the backslash of the text must not end the cell
        ("![x](http://example.org/x.png)", r"![x]\(http:&#47;&#47;example.org/x.png)"),
        ("https://a.b WWW.a.b x@a.b ~~no~~", r"https:&#47;&#47;a.b WWW&#46;a.b x&#64;a.b \~\~no\~\~"),
        ("号码***是***吗", r"号码\*\*\*是\*\*\*吗"),  # masks, no emphasis
        ("`code` &lt;", r"\`code\` &amp;lt;"),
        ("__init__ 好_的 a_b", r"\_\_init\_\_ 好_的 a_b"),
        ("one\ntwo", "one<br>two"),
        ("0.642 [0.61, 0.67]", "0.642 [0.61, 0.67]"),
    ],
)
def test_mark_up_in_a_text_is_no_mark_up(text, written):
    lines = ReportTable(text.replace("\n", " "), ("x", "y"), (("a", text),)).markdown().split("\n")
    assert lines[4] == f"| a | {written} |" and lines[0] == f"### {written.replace('<br>', ' ')}"

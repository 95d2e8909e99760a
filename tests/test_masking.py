"""Masking of personal data in texts."""

import json
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench.masking import find_personal, mask, mask_error, mask_lines
from tests.masking_kinds import harmless_texts

CASES = Path(__file__).parents[2] / "shared" / "cases"
SPOKEN = str.maketrans("0123456789", "零幺二三四五六七八九")
SEPARATORS = [
    *"，、,.。_/ 　-‐‑–—－−～~()（）[]【】·;；\n\r\t…\u200b",
    *["__", "嗯", "啊", "呃", "那个", "哦", "然后", "后面是", "，嗯，"],
]
DIGITS = "0123456789"


def kinds(text):
    return [found.kind for found in find_personal(text)]


@pytest.mark.parametrize(
    "personal",
    ["13800000000", "幺三八零零零零零零零零", "11010119900101001X", "6222020000000000000",
     "someone.else@mail.example.cn", "京A12345", "粤B·D12345"],
)  # fmt: skip
def test_personal_data_is_masked(personal):
    assert mask(f"我的是{personal}啊") == f"我的是{'*' * len(personal)}啊"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("号码是幺三零，零零零零，零零零零我要投诉", "号码是***，****，****我要投诉"),
        ("我的号是130 0000 0000", "我的号是*** **** ****"),
        ("138.1234.5678", "***.****.****"),
        ("+86-138-1234-5678", "+**-***-****-****"),
        ("八六幺三八幺二三四五六七八", "*************"),
        ("一三八嗯一二三四啊五六七八", "***嗯****啊****"),
        ("幺三八__一二三四__五六七八", "***__****__****"),
        ("一三八，四个零，那个两个八两个六", "***，***，那个******"),
        ("138三个0，12345", "******，*****"),
        ("(010) 6552-9988", "(***) ****-****"),
        ("零幺零，八八八八，六六六六", "***，****，****"),
        ("零五七一 八八八 八六六六", "**** *** ****"),
        ("110105，19491231，002X", "******，********，****"),
        ("幺幺零幺零五，幺九四九幺二三幺，零零二，叉", "******，********，***，*"),
        ("6222，0212，3456，7890，128", "****，****，****，****，***"),
        ("幺三零，零零零零，零零", "***，****，**"),  # seven digits of an incomplete number
        ("我的号码是1234，5678，9", "我的号码是****，****，*"),
        ("138\n1234\r\n5678", "***\n****\r\n****"),
        ("一百块，13812345678，二百块", "一百块，***********，二百块"),
        ("3，13812345678，100", "3，***********，100"),
        ("１３８１２３４５６７８", "***********"),
        ("一三八就是零零零零那零零零零", "***就是****那****"),
        ("一三八我想一想零零零零等一下零零零零", "***我想一想****等一下****"),
        ("一三八零零零零零零不对零零零零", "*********不对****"),
        ("一三八[停顿]零零零零<sil>零零零零", "***[停顿]****<sil>****"),
        ("一三八，一个零，一个四，六个零", "***，***，***，***"),
        ("密码是九个八", "密码是***"),  # nine digits in three characters
    ],
)
def test_numbers_in_groups_are_masked_digit_by_digit(text, masked):
    assert mask(text) == masked


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_the_numbers_of_the_shared_case_are_masked():
    for dialogue in json.loads((CASES / "privacy.json").read_text("utf-8")):
        text = dialogue["content"][0]["[SPEAKER 2]"]
        assert kinds(text) == ["telephone"] and not any(c in mask(text) for c in "0123456789零幺")


@pytest.mark.parametrize("kind", harmless_texts())
def test_amounts_dates_and_counts_are_not_masked(kind):
    assert {text: mask(text) for text in harmless_texts()[kind] if mask(text) != text} == {}


@pytest.mark.parametrize(
    ("text", "kind"),
    [("一三八一二三四五六七八", "telephone"), ("01012345678", "telephone"), ("11010519491231002X", "id_card"),
     ("110105194912310021", "number"), ("6222021234567890120", "number"), ("4111 1111 1111 1111", "bank_card"),
     ("1234567", "number"), ("粤B·D12345", "plate"), ("a@b.example", "e_mail"), ("+86 138，1234，5678", "telephone"),
     ("110105，19491231，002X", "id_card"), ("00000000000", "number")],
)  # fmt: skip
def test_kinds_of_numbers_are_distinguished_by_their_check_digits(text, kind):
    assert kinds(f"是{text}吧") == [kind]


@pytest.mark.parametrize(
    "address",
    [
        "someone艾特qq点com",
        "一二三零零艾特幺六三点com",
        "Some.One @ QQ.COM",
        "some at mail dot net",
        "SOME AT MAIL DOT NET",
        "Some At Mail Dot Net",
        "some aT mail dot net",
        "一二小老鼠qq点com",
        "a＠qq.com",
    ],
)
def test_spoken_e_mail_addresses_are_masked(address):
    assert mask(f"邮箱是{address}吧") == f"邮箱是{'*' * len(address)}吧"


@pytest.mark.parametrize("text", ["10个 @ 9.9元", "请艾特客服", "三点来看看", "a艾特b"])
def test_text_that_is_not_an_e_mail_address_is_not_masked(text):
    assert mask(text) == text


@pytest.mark.parametrize("prices", ["138、158、188、58", "139，18，28，3888"])
def test_prices_that_look_like_a_telephone_number_are_masked_but_not_a_certain_kind(prices):
    assert kinds(prices) == ["number"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [("我叫王小明", "我叫***"), ("我姓李", "我姓*"), ("姓欧阳的", "姓**的"), ("户主名叫张三", "户主名叫**")],
)
def test_names_are_masked_after_words_such_as_my_name_is(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize("text", ["我叫你别动", "您贵姓", "姓名是什么", "老百姓时间宝贵", "叫什么名字"])
def test_text_that_is_not_a_name_is_not_masked(text):
    assert list(find_personal(text)) == []


def test_a_number_that_runs_over_several_utterances_is_masked():
    lines = ["用户：号码是幺三八", "客服：嗯", "用户：零零零零", "客服：对", "用户：零零零零"]
    assert mask_lines(lines) == ["用户：号码是***", "客服：嗯", "用户：****", "客服：对", "用户：****"]
    assert mask_lines([]) == [] and mask_lines(["", ""]) == ["", ""]


def test_an_error_about_the_data_is_masked_and_keeps_its_place():
    place = {"file": "calls-20221127.json", "dialogue": "13812345678", "line": 1234567}
    shown = str(mask_error(cmcc.DataError("the text '号码13812345678'", "a number", "Fix it.", **place)))
    assert shown == (
        "file calls-20221127.json, dialogue 13812345678, line 1234567: found the text '号码***********'; "
        "expected a number. Fix it."
    )
    parser = cmcc.DataError("no JSON (line 1 column 1234568 (char 1234567))", "JSON", line=1)
    assert str(mask_error(parser)) == str(parser)
    about_a_file = cmcc.DataError("the folder 20221127001", "a file", option="--out")
    assert mask_error(about_a_file) is about_a_file


mobile = st.tuples(st.sampled_from("3456789"), st.text(DIGITS, min_size=9, max_size=9)).map(lambda x: "1" + "".join(x))
area = st.sampled_from(["010", "021", "0755", "0571"])
landline = st.tuples(area, st.sampled_from("2345678"), st.text(DIGITS, min_size=7, max_size=7)).map("".join)
birth = st.dates().filter(lambda day: 1900 <= day.year < 2100).map(lambda day: day.strftime("%Y%m%d"))
card = st.tuples(st.sampled_from(["110105", "440304"]), birth, st.text(DIGITS, min_size=4, max_size=4)).map("".join)
bank = st.text(DIGITS, min_size=14, max_size=17).map(lambda rest: "62" + rest)


@st.composite
def dictated(draw):
    """A number in random groups with random separators, in ASCII, full-width or Chinese digits."""
    number = draw(st.one_of(mobile, landline, card, bank))
    places = draw(st.sets(st.integers(1, len(number) - 1), max_size=len(number) - 1))
    groups = [number[a:b] for a, b in pairwise([0, *sorted(places), len(number)])]
    said = draw(st.sampled_from([lambda x: x, lambda x: x.translate(SPOKEN)]))
    text = said(groups[0])
    for group in groups[1:]:
        text += "".join(draw(st.lists(st.sampled_from(SEPARATORS), min_size=1, max_size=3))) + said(group)
    return text


@given(
    number=dictated(),
    before=st.sampled_from(["", "我的号码是", "三十八块，", "打"]),
    after=st.sampled_from(["", "，好"]),
)
@settings(max_examples=500, deadline=None)
def test_a_number_in_any_groups_with_any_separators_is_masked(number, before, after):
    masked = mask(before + number + after)
    assert not set(masked.removeprefix(before)) & set(DIGITS + "零幺二三四五六七八九")
    assert len(masked) == len(before + number + after)


texts = st.lists(
    st.one_of(st.text(max_size=6), st.sampled_from([*SEPARATORS, *"0123456789零幺二两三个Xx@a.京姓王", "13800000000"])),
    max_size=40,
).map("".join)


@given(text=texts)
@settings(max_examples=500, deadline=None)
def test_masking_keeps_the_length_and_masking_again_changes_nothing(text):
    masked = mask(text)
    assert len(masked) == len(text) and mask(masked) == masked
    assert all(a == b or b == "*" for a, b in zip(text, masked, strict=True))
    for found in find_personal(text):
        assert masked[found.start] == masked[found.end - 1] == "*"


@pytest.mark.parametrize(
    "part",
    ["1", "1，", "1 3 8 ", "13800000000，", "1嗯", "三个零", "1X", "，", "a.", "a@", "a@b.", "2022.11.27.", "62，",
     "京A", "1,000", f"{'1' * 5000}，", "a艾特", "1艾特1点", "[停顿]1", "[停", "一个", "8.8 "],
)  # fmt: skip
def test_the_time_grows_linearly_with_the_length(part):
    start = time.process_time()
    mask((part * 100_000)[:100_000])
    assert time.process_time() - start < 20  # about 1 second; quadratic time would be minutes

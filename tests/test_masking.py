"""What is masked where a tool prints texts."""

import pytest

from cmcc_bench.masking import mask


@pytest.mark.parametrize(
    "personal",
    ["13800000000", "138 0000 0000", "幺三八零零零零零零零零", "11010119900101001X", "6222020000000000000",
     "someone.else@mail.example.cn", "京A12345", "粤B·D12345"],
)  # fmt: skip
def test_personal_data_are_masked(personal):
    assert mask(f"我的是{personal}啊") == f"我的是{'*' * len(personal)}啊"


@pytest.mark.parametrize("harmless", ["十块钱一百兆", "三十八块钱_二十八", "10086", "2022年", "您好"])
def test_prices_and_short_numbers_are_not(harmless):
    assert mask(harmless) == harmless

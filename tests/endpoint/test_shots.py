"""Examples: by seed the same for all, by n-grams the nearest, never of the dialogue that is asked about."""

import pytest

from cmcc_bench.endpoint.shots import Shots
from cmcc_bench.tasks import EMOTION

TEXTS = ["流量包多少钱", "怎么取消彩铃", "流量包怎么取消", "你好", "我要投诉", "流量包多少钱一个月"]
ROWS = [{"dialogue_id": f"d{number // 2}", "text": text} for number, text in enumerate(TEXTS)]


def test_the_seed_chooses_the_same_examples_for_all_texts():
    shots = Shots(EMOTION, ROWS, 3, 1, nearest=False)
    assert (
        shots.pick("流量包", "other") == shots.pick("你好", "other") != Shots(EMOTION, ROWS, 3, 2, False).pick("", "x")
    )
    assert len(set(shots.pick("流量包", "other"))) == 3


def test_the_nearest_examples_share_the_rarest_words_and_the_best_comes_last():
    picked = [TEXTS[place] for place in Shots(EMOTION, ROWS, 2, 0, nearest=True).pick("流量包多少钱呢", "other")]
    assert picked == ["流量包多少钱一个月", "流量包多少钱"]
    assert len(Shots(EMOTION, ROWS, 2, 0, nearest=True).pick("xyz", "other")) == 2


@pytest.mark.parametrize("nearest", [False, True])
def test_no_example_is_of_the_dialogue_that_is_asked_about(nearest):
    picked = Shots(EMOTION, ROWS, 6, 0, nearest).pick("流量包多少钱", "d0")
    assert len(picked) == 4 and not {0, 1} & set(picked)

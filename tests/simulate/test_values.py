"""Names and values: how they are spoken, and that there are too many of them to be learned by heart."""

import re
from collections import Counter
from random import Random

import pytest

import cmcc
from cmcc_bench.simulate.agenda import load_world, make_product
from cmcc_bench.simulate.values import (
    between,
    draw_balance,
    draw_data,
    draw_price,
    draw_remaining,
    fill,
    spoken_count,
    spoken_data,
    spoken_number,
)
from cmcc_bench.tasks.strict import plain, says
from cmcc_bench.views.response import response_rows

# Slots whose values are phrases rather than amounts, or go by few words in any world.
FEW = {"国内被叫", "用户状态", "用户需求", "用户要求"}


@pytest.mark.parametrize(
    ("number", "spoken"),
    [
        (0, "零"), (10, "十"), (18, "十八"), (38, "三十八"), (108, "一百零八"), (110, "一百一十"), (200, "两百"),
        (219, "两百一十九"), (1000, "一千"), (1005, "一千零五"), (1050, "一千零五十"), (2200, "两千两百"),
        (2012, "两千零一十二"),
    ],
)  # fmt: skip
def test_numbers_are_spoken_as_in_chinese(number, spoken):
    assert spoken_number(number) == spoken


def test_two_is_another_word_before_a_measure():
    assert (spoken_count(2), spoken_number(2), spoken_count(12)) == ("两", "二", "十二")


@pytest.mark.parametrize(
    ("megabytes", "spoken"),
    [(350, "三百五十兆"), (2000, "两个G"), (3500, "三个半G"), (12300, "十二点三G"), (10000, "十个G"), (30000, "三十G")],
)
def test_volumes_are_spoken_in_the_unit_that_people_use(megabytes, spoken):
    assert spoken_data(megabytes) == spoken


def test_a_template_is_filled_and_an_unknown_blank_is_an_error():
    words = {"街": ["{城}路"], "城": ["南京"]}
    assert fill(Random(0), "到{街}营业厅", words) == "到南京路营业厅"
    assert re.fullmatch("[一二三]号", fill(Random(0), "{number 1-3}号", words))
    assert re.fullmatch("[一两三]天", fill(Random(0), "{count 1-3}天", words))
    assert len(fill(Random(0), "{digits 4-4}", words)) == 4
    with pytest.raises(LookupError):
        fill(Random(0), "{name}", words)
    with pytest.raises(LookupError, match="unknown blank"):
        fill(Random(0), "{name 1-2}", words)


def test_numbers_keep_to_their_bounds_and_steps():
    rng = Random(0)
    assert {between(rng, 3, 5) for _ in range(100)} == {3, 4, 5}
    assert {between(rng, 10, 40, 10) for _ in range(200)} == {10, 20, 30, 40}
    assert all(100 <= draw_data(rng, 100, 60000) <= 60000 for _ in range(200))


def test_every_template_of_the_world_can_be_filled():
    world, rng = load_world(), Random(0)
    for kind in world.kinds.values():
        for template in [*kind.names, *(text for said in kind.values.values() for text in said)]:
            assert not re.search("[{}]", fill(rng, template, world.words)), template


def test_a_product_never_excludes_itself():
    rng = Random(0)
    products = [make_product(rng, kind) for kind in load_world().kinds for _ in range(200)]
    assert all(product.slots.get("互斥业务") != product.name for product in products)


def test_amounts_are_said_in_many_ways_and_each_is_found_where_it_is_said():
    rng = Random(0)
    told = {draw_price(rng, 8, 198) for _ in range(500)} | {draw_balance(rng, 2, 260) for _ in range(500)}
    told |= {draw_remaining(rng, 20000) for _ in range(200)}
    assert len(told) > 700
    assert all(says(plain(f"现在还有{value}可以用"), plain(value)) for value in told)
    assert not says("一百三十八块六毛", "三十八块六毛")


def test_values_and_names_are_too_many_to_be_learned_by_heart(many_rows):
    values, names = {}, Counter()
    for row in many_rows:
        for utterance in row["utterances"]:
            names.update({entity["name"] for entity in utterance["entities"]})
            for triple in utterance["triples"]:
                values.setdefault(triple["slot"], Counter())[triple["value"]] += 1
    assert len(names) > 2000
    assert set(values) == set(cmcc.SLOTS)
    for slot, found in values.items():
        if slot not in FEW:
            # The commonest value is said of a product or a user in a part of the cases that no guess can live on.
            assert found.most_common(1)[0][1] < 0.3 * found.total(), slot
            assert len(found) > 25, slot


def test_gold_replies_say_what_is_asked_for(sample_rows):
    """The strict score finds a value in the reply that tells it, whatever stands before and after it."""
    told = heard = 0
    for row in sample_rows:
        for exchange in response_rows(row):
            spoken = [
                triple["value"]
                for utterance in row["utterances"]
                if utterance["text"] == exchange["response"]
                for triple in utterance["triples"]
            ]
            told += len(spoken)
            heard += sum(says(plain(exchange["response"]), plain(value)) for value in spoken)
    assert heard == told > 2000

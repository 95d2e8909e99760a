"""patterns.toml and world.toml: enough of them, and every blank can be filled."""

from random import Random

import pytest

import cmcc
from cmcc_bench.simulate.agenda import load_world, make_product
from cmcc_bench.simulate.patterns import BLANK, LITERAL, PAUSE, Family, compile_pattern, load_patterns, pick


def test_there_are_at_least_400_patterns_and_no_family_is_empty():
    patterns = load_patterns()
    assert patterns.count() >= 400
    assert all(family.patterns for family in patterns.families.values())


def test_every_blank_is_a_slot_a_product_or_a_word():
    patterns = load_patterns()
    known = {*cmcc.SLOTS, "它", "全称", "另一个", "另一个.业务费用", "清单", "立刻", "类名", *patterns.words}
    blanks = {t for f in patterns.families.values() for p in f.patterns for kind, t in p.segments if kind == BLANK}
    assert blanks - known == set()


def test_every_label_of_a_family_is_in_its_vocabulary():
    known = {*cmcc.INTENTS.values(), *cmcc.ACTS.values()}
    labels = {label for family in load_patterns().families.values() for label in family.labels}
    assert labels - known == set()


def test_a_pattern_says_where_to_pause_what_to_fill_and_what_it_asks():
    pattern = compile_pattern("那{它}呢，多少钱 | 业务费用")
    assert pattern.segments == ((LITERAL, "那"), (BLANK, "它"), (LITERAL, "呢"), (PAUSE, ""), (LITERAL, "多少钱"))
    assert pattern.asks == ("业务费用",)
    assert pattern.needs == {"业务费用"}
    assert pattern.told == frozenset()


def test_a_pattern_that_the_product_cannot_fill_is_not_picked():
    family = Family((), (compile_pattern("{短信}"), compile_pattern("{业务费用}")))
    picked = {pick(Random(seed), family, {"业务费用": "十元"}, set()).told for seed in range(20)}
    assert picked == {frozenset({"业务费用"})}
    with pytest.raises(LookupError, match="no pattern of"):
        pick(Random(0), family, {"业务时长": "一年"}, set())


def test_the_world_has_the_ten_types_and_a_product_has_every_slot_of_its_type():
    world = load_world()
    assert {kind.type for kind in world.kinds.values()} == set(cmcc.ENTITY_TYPES.values())
    for name, kind in world.kinds.items():
        assert set(make_product(Random(0), name).slots) == set(kind.slots)

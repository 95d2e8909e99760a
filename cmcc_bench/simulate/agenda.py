"""The goal of a call, over the 10 entity types and 26 slots, and the products that calls are about (world.toml)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from cmcc_bench.simulate.draws import choose
from cmcc_bench.simulate.patterns import PERSONAL_SLOTS, Pattern, compile_pattern
from cmcc_bench.simulate.values import (
    WordLists,
    draw_balance,
    draw_data,
    draw_price,
    draw_remaining,
    fill,
    spoken_data,
)

# Slots that users ask for when they report a fault.
_ASKED_ABOUT_FAULTS = ("业务费用", "业务规则", "扣费日期", "业务时长")
_HELD_TYPES = ("主套餐", "套餐", "4G套餐")
_OFFERED_AGAIN = ("流量包", "主套餐", "4G套餐", "5G套餐", "国际漫游业务", "长途业务")


@dataclass(frozen=True)
class Topic:
    """A topic of calls: the kinds of product, and the slots that users often ask for; see world.toml."""

    name: str
    kinds: tuple[str, ...]
    curious: tuple[str, ...]
    cancellable: bool
    fault: bool


@dataclass(frozen=True)
class ProductKind:
    """A kind of product: its entity type (a Chinese name), names, prices in yuan, slots and their possible values.

    names, values: templates; see values.py. fees, data: lowest and highest, in yuan and in megabytes.
    """

    type: str
    word: str
    names: tuple[str, ...]
    fees: tuple[int, int]
    data: tuple[int, int]
    slots: tuple[str, ...]
    values: Mapping[str, Sequence[str]]
    aliases: tuple[Pattern, ...]


@dataclass(frozen=True)
class World:
    """world.toml: kinds of product and topics by name, the possible states of a user's line by topic, and words."""

    kinds: Mapping[str, ProductKind]
    topics: Mapping[str, Topic]
    states: Mapping[str, Sequence[str]]
    words: WordLists


@dataclass(slots=True)
class Product:
    """An entity of a call; `entity_id` is set when it is first mentioned. data: megabytes, 0 where it has none."""

    kind: ProductKind
    name: str
    slots: dict[str, str]
    data: int = 0
    entity_id: str | None = None


@dataclass(slots=True)
class CallGoal:
    """What the user wants and what the service knows.

    held: the package that the user has. person: the personal slots of the user. questions: slots that the user may
    ask for, in this order. solvable: whether the problem can be solved in the call.
    """

    topic: Topic
    product: Product
    held: Product
    person: dict[str, str]
    questions: list[str]
    solvable: bool


@cache
def load_world() -> World:
    """The content of world.toml, read once."""
    text = files("cmcc_bench.simulate").joinpath("world.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    kinds = {
        name: _kind(name, table, tables["values"] | tables["values_of"].get(name, {}))
        for name, table in tables["types"].items()
    }
    topics = {
        name: Topic(
            name,
            tuple(table["types"]),
            tuple(table["curious"]),
            table.get("cancellable", False),
            table.get("fault", False),
        )
        for name, table in tables["topics"].items()
    }
    return World(kinds, topics, tables["states"], tables["words"])


def _kind(name: str, table: Mapping[str, Any], values: Mapping[str, Sequence[str]]) -> ProductKind:
    """Makes a kind of product. Broadband has the type 业务 but its own kind, because users do not call it 那个业务."""
    broadband = name == "宽带"
    word = table["word"]
    aliases = [f"这个{word}", f"那个{word}", f"这个{word}"]
    if not broadband:
        aliases += [f"{{业务费用}}的{word}", f"{{业务费用}}那个{word}"]
    if name == "流量包":
        aliases += ["{流量总量}的流量包", "{流量总量}那个包"]
    return ProductKind(
        "业务" if broadband else name,
        word,
        tuple(table["names"]),
        (table["fees"][0], table["fees"][1]),
        tuple(table.get("data", (0, 0))),
        tuple(table["slots"]),
        values,
        tuple(compile_pattern(text) for text in aliases),
    )


def make_goal(rng: Random, topic: Topic, solvable: bool) -> CallGoal:
    """A goal on the topic: the product that it is about, the user's own facts, and the questions to ask."""
    product = make_product(rng, choose(rng, topic.kinds))
    own = product.kind.type in _HELD_TYPES and topic.fault
    held = product if own else _make_other(rng, product, choose(rng, _HELD_TYPES))
    balance = "零块钱" if topic.name == "suspended" else draw_balance(rng, 2, 260)
    states = load_world().states
    person = {
        "账户余额": balance,
        "剩余话费": balance,
        "欠费": draw_balance(rng, 3, 190),
        "流量余额": draw_remaining(rng, product.data or held.data),
        "持有套餐": held.name,
        "用户状态": choose(rng, states.get(topic.name, states["usual"])),
    }
    return CallGoal(topic, product, held, person, _questions(rng, product, topic), solvable)


def _questions(rng: Random, product: Product, topic: Topic) -> list[str]:
    """Slots to ask for, in the order of asking: those that the topic makes likely tend to come first."""
    likely = [slot for slot in topic.curious if slot in PERSONAL_SLOTS or slot in product.slots]
    ranked = [(rng.random() * 0.5, slot) for slot in likely]
    own = [slot for slot in product.slots if not topic.fault or slot in _ASKED_ABOUT_FAULTS]
    ranked += [(rng.random(), slot) for slot in own if slot not in likely]
    if rng.random() < 0.25:
        extra = choose(rng, ("账户余额", "流量余额", "持有套餐", "剩余话费", "用户状态"))
        # In a call about an earlier report, 用户状态 is the report's.
        unfit = extra in likely or (extra == "用户状态" and topic.name == "follow")
        ranked += [] if unfit else [(0.5 + rng.random(), extra)]
    return [slot for _, slot in sorted(ranked)]


def make_product(rng: Random, kind: str) -> Product:
    """A product of the kind with a value for each slot of the kind."""
    world = load_world()
    product_kind = world.kinds[kind]
    name = fill(rng, choose(rng, product_kind.names), world.words)
    data = draw_data(rng, *product_kind.data) if "流量总量" in product_kind.slots else 0
    slots = {"业务费用": draw_price(rng, *product_kind.fees)}
    for slot in product_kind.slots:
        if slot == "流量总量":
            slots[slot] = spoken_data(data)
        elif slot != "业务费用":
            slots[slot] = fill(rng, choose(rng, product_kind.values[slot]), world.words)
    while slots.get("互斥业务") == name:
        slots["互斥业务"] = fill(rng, choose(rng, product_kind.values["互斥业务"]), world.words)
    return Product(product_kind, name, slots, data)


def make_offer(rng: Random, beside: Product) -> Product:
    """Another product that the service may offer to the owner of the first, of its kind or another."""
    again = beside.kind.type in _OFFERED_AGAIN and rng.random() < 0.45
    return _make_other(rng, beside, beside.kind.type if again else choose(rng, entity_types()))


def entity_types() -> tuple[str, ...]:
    """The types that a user can ask for, Chinese names: the kinds of product but broadband."""
    return tuple(kind.type for name, kind in load_world().kinds.items() if name == kind.type)


def _make_other(rng: Random, beside: Product, kind: str) -> Product:
    product = make_product(rng, kind)
    while product.name == beside.name:
        product = make_product(rng, kind)
    return product

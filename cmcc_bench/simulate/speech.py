"""Builds one utterance from patterns, with the positions of all products and values."""

from __future__ import annotations

from dataclasses import dataclass

from cmcc_bench.simulate.agenda import Product
from cmcc_bench.simulate.draws import choose
from cmcc_bench.simulate.noise import Noise
from cmcc_bench.simulate.patterns import BLANK, LITERAL, PAUSE, PERSONAL_SLOTS, Pattern
from cmcc_bench.simulate.scene import Scene

# Placeholders that are filled with the name of a product.
_NAMING = frozenset(("它", "全称", "另一个", "清单"))


@dataclass(slots=True)
class Mention:
    """A product's name in the text, code points [start, end)."""

    product: Product
    name: str
    start: int
    end: int


@dataclass(slots=True)
class Value:
    """A slot's value in the text, code points [start, end); `product` is None for the user's own facts."""

    product: Product | None
    slot: str
    value: str
    start: int
    end: int


class Speech:
    """An utterance that is being built."""

    __slots__ = (
        "_clause_open",
        "_length",
        "_parts",
        "acts",
        "answer",
        "answer_number",
        "asked",
        "emotions",
        "intents",
        "mentions",
        "move",
        "noise",
        "scene",
        "values",
    )

    def __init__(self, scene: Scene, noise: Noise) -> None:
        self.scene = scene
        self.noise = noise
        self.move = ""  # the kind of utterance, which the other speaker answers
        self.acts: list[str] = []  # of the service, Chinese names
        self.answer: str = ""  # the family whose pattern of the same number answers the user's question
        self.answer_number = 0
        self.asked: list[str] = []  # slots that the user asks for, or repeats to be sure of
        self.emotions: tuple[str, ...] = ("neutral",)
        self.intents: dict[str, list[str]] = {}  # intents of the user, with the slots that they ask for
        self.mentions: list[Mention] = []
        self.values: list[Value] = []
        self._parts: list[str] = []
        self._length = 0
        self._clause_open = False

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts)

    def say(self, pattern: Pattern) -> None:
        """Adds a pattern as one or more clauses; the product that is talked about fills its blanks."""
        product = self.scene.product
        if self._length:
            self._add(self.noise.between(self.scene.rng))
        self._clause_open = False
        self._introduce(pattern, product)
        for kind, text in pattern.segments:
            if kind == LITERAL:
                self._add(self.noise.clause(self.scene.rng, text, not self._clause_open, not self._length))
            elif kind == PAUSE:
                self._add(self.noise.between(self.scene.rng))
                self._clause_open = False
                continue
            else:
                self._fill(text, pattern, product)
            self._clause_open = True

    def _add(self, text: str) -> None:
        if text:
            self._parts.append(text)
            self._length += len(text)

    def _introduce(self, pattern: Pattern, product: Product) -> None:
        """Names a product before something is asked or said about it for the first time."""
        if product.entity_id is not None or not pattern.needs:
            return
        if not any(kind == BLANK and name in _NAMING for kind, name in pattern.segments):
            self._mention(product, product.name)
            self._add(self.noise.between(self.scene.rng) or "的话")

    def _fill(self, blank: str, pattern: Pattern, product: Product) -> None:
        scene = self.scene
        if blank == "它":
            self._refer(product, "业务费用" in pattern.needs or "流量总量" in pattern.needs)
        elif blank == "全称":
            self._mention(product, product.name)
        elif blank == "另一个" and scene.offered:
            self._mention(scene.offered, scene.offered.name)
        elif blank == "另一个.业务费用" and scene.offered:
            self._value(scene.offered, "业务费用", scene.offered.slots["业务费用"])
        elif blank == "清单":
            self._list()
        elif blank == "持有套餐":
            self._value(None, blank, scene.goal.held.name)
            last = self.values[-1]
            scene.name(scene.goal.held)
            self.mentions.append(Mention(scene.goal.held, last.value, last.start, last.end))
        elif blank in PERSONAL_SLOTS:
            self._value(None, blank, scene.goal.person[blank])
        elif blank in product.slots:
            self._value(product, blank, product.slots[blank])
        elif blank == "立刻":
            self._add(scene.words["立刻_急" if scene.upset else "立刻_平"])
        else:
            self._add(scene.words[blank])

    def _refer(self, product: Product, priced: bool) -> None:
        """Names the product: in full at first and often later, by an alias otherwise, without saying a value twice."""
        alias = choose(self.scene.rng, product.kind.aliases)
        if product.entity_id is None or self.scene.happens(0.35) or (priced and alias.needs):
            self._mention(product, product.name)
            return
        start = self._length
        for kind, text in alias.segments:
            if kind == BLANK:
                self._value(product, text, product.slots[text])
            else:
                self._add(text)
        self.mentions.append(Mention(product, self.text[start:], start, self._length))

    def _mention(self, product: Product, name: str) -> None:
        self.scene.name(product)
        self.mentions.append(Mention(product, name, self._length, self._length + len(name)))
        self._add(name)

    def _value(self, product: Product | None, slot: str, value: str) -> None:
        self.values.append(Value(product, slot, value, self._length, self._length + len(value)))
        self._add(value)

    def _list(self) -> None:
        """Products of the scene's list, with the price of some."""
        for number, product in enumerate(self.scene.listed):
            if number:
                self._add(
                    "还有" if number == len(self.scene.listed) - 1 else self.noise.between(self.scene.rng) or "、"
                )
            if self.scene.happens(0.6):
                self._value(product, "业务费用", product.slots["业务费用"])
                self._add("的")
            self._mention(product, product.name)

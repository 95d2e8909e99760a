"""What both speakers of a simulated call share: the goal, what was named and told, what the service waits for."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from cmcc_bench.simulate.agenda import CallGoal, Product, make_product
from cmcc_bench.simulate.draws import choose
from cmcc_bench.simulate.patterns import PERSONAL_SLOTS, Family, Pattern, pick

# The published annotation has ids up to ent-12 or so.
_MOST_ENTITIES = 12


@dataclass(frozen=True, slots=True)
class Cue:
    """What a service utterance calls for.

    expects: "problem", "number", "yes", "told", "last" ...; told: the slot that it told, if any; cared: whether it held
    a caring act; answers: the family of fitting answers, where the question has its own.
    """

    expects: str
    told: str | None = None
    cared: bool = False
    answers: str = ""


@dataclass(slots=True)
class Scene:
    """The state of a call.

    product: what is talked about now. words: one word for each blank that is no slot. offered, listed: products that
    the service brought up. upset: whether the user's last utterance expressed a negative emotion. wanted_type: the type
    that the user asked for last; demanded: 用户需求 or 用户要求, whichever the user stated last.
    """

    rng: Random
    goal: CallGoal
    product: Product
    words: dict[str, str]
    offered: Product | None = None
    listed: list[Product] = field(default_factory=list)
    upset: bool = False
    wanted_type: str = ""
    demanded: str = ""
    _said: set[int] = field(default_factory=set)
    _told: set[tuple[str, str]] = field(default_factory=set)
    _names: set[str] = field(default_factory=set)

    def happens(self, share: float) -> bool:
        """Whether something with this probability happens."""
        return self.rng.random() < share

    def pick(self, family: Family) -> Pattern:
        """A pattern of the family that fits the product, rather one that was not said in this call."""
        return pick(self.rng, family, self.product.slots, self._said)

    def is_first(self, pattern: Pattern) -> bool:
        """Whether the pattern was not said in this call before; from now on it was."""
        first = id(pattern) not in self._said
        self._said.add(id(pattern))
        return first

    def name(self, product: Product) -> str:
        """The product's id in this call; the first product to be named is ent-1."""
        if product.entity_id is None:
            self._names.add(product.name)
            product.entity_id = f"ent-{len(self._names)}"
        return product.entity_id

    @property
    def room(self) -> int:
        """How many more products the call may name, besides the user's package."""
        return _MOST_ENTITIES - len(self._names) - (self.goal.held.entity_id is None)

    def list_products(self, kinds: tuple[str, ...], number: int) -> None:
        """Puts products of the kinds on the list, at most `number`, none of a name that this call has heard."""
        self.listed = []
        for _ in range(3 * number):
            product = make_product(self.rng, choose(self.rng, kinds))
            known = self._names.union([self.goal.held.name], (other.name for other in self.listed))
            if product.name not in known and len(self.listed) < min(number, self.room):
                self.listed.append(product)

    def note_told(self, pattern: Pattern) -> None:
        """Remembers which values were said, so that nobody asks for them or tells them again unprompted."""
        for slot in pattern.told:
            self._told.add(_fact(self.product, slot))
        questions = self.goal.questions
        questions[:] = [slot for slot in questions if _fact(self.product, slot) not in self._told]

    def is_news(self, pattern: Pattern) -> bool:
        """Whether the product can fill the pattern, and neither it nor one of its values was said before."""
        if id(pattern) in self._said or not pattern.needs <= self.product.slots.keys():
            return False
        return all(_fact(self.product, slot) not in self._told for slot in pattern.told)


def _fact(product: Product, slot: str) -> tuple[str, str]:
    """What a value is about: the product, or the user. The money left goes by two names."""
    if slot in PERSONAL_SLOTS:
        return "", "账户余额" if slot == "剩余话费" else slot
    return product.name, slot

"""The state that both speakers of a simulated call share: the goal, and what was mentioned so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from cmcc_bench.simulate.agenda import CallGoal, Product, make_product
from cmcc_bench.simulate.draws import choose
from cmcc_bench.simulate.patterns import PERSONAL_SLOTS, Family, Pattern, pick

# The published annotation has ids up to about ent-12.
_MOST_ENTITIES = 12


@dataclass(frozen=True, slots=True)
class Cue:
    """What a service utterance expects of the user.

    expects: "problem", "number", "yes", "told", "last" ... told: the slot whose value it gave, if any. cared: whether
    it had a caring act. answers: the family of answers, where the question has its own.
    """

    expects: str
    told: str | None = None
    cared: bool = False
    answers: str = ""


@dataclass(slots=True)
class Scene:
    """The state of a call.

    product: the current product. words: one word for each placeholder that is not a slot. offered, listed: products
    that the service mentioned. upset: whether the user's last utterance expressed a negative emotion. wanted_type:
    the type that the user asked for last. demanded: 用户需求 or 用户要求, whichever the user stated last.
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
        """Returns True with this probability."""
        return self.rng.random() < share

    def pick(self, family: Family) -> Pattern:
        """Picks a pattern that fits the product, preferably one that was not used in this call."""
        return pick(self.rng, family, self.product.slots, self._said)

    def is_first(self, pattern: Pattern) -> bool:
        """Whether the pattern was not used in this call before; marks it as used."""
        first = id(pattern) not in self._said
        self._said.add(id(pattern))
        return first

    def name(self, product: Product) -> str:
        """Returns the id of the product in this call, and sets it at the first mention: ent-1, ent-2, ..."""
        if product.entity_id is None:
            self._names.add(product.name)
            product.entity_id = f"ent-{len(self._names)}"
        return product.entity_id

    @property
    def room(self) -> int:
        """The number of products that the call can still mention, besides the user's package."""
        return _MOST_ENTITIES - len(self._names) - (self.goal.held.entity_id is None)

    def list_products(self, kinds: tuple[str, ...], number: int) -> None:
        """Fills `listed` with at most `number` products of the kinds, without names that this call mentioned."""
        self.listed = []
        for _ in range(3 * number):
            product = make_product(self.rng, choose(self.rng, kinds))
            used = self._names.union([self.goal.held.name], (other.name for other in self.listed))
            if product.name not in used and len(self.listed) < min(number, self.room):
                self.listed.append(product)

    def note_told(self, pattern: Pattern) -> None:
        """Records which values were given, so that they are not asked for or given again without a reason."""
        for slot in pattern.told:
            self._told.add(_fact(self.product, slot))
        questions = self.goal.questions
        questions[:] = [slot for slot in questions if _fact(self.product, slot) not in self._told]

    def is_news(self, pattern: Pattern) -> bool:
        """Whether the product can fill the pattern, and neither the pattern nor its values were used before."""
        if id(pattern) in self._said or not pattern.needs <= self.product.slots.keys():
            return False
        return all(_fact(self.product, slot) not in self._told for slot in pattern.told)


def _fact(product: Product, slot: str) -> tuple[str, str]:
    """The key of a value: product (or "" for the user) and slot. The balance has two slots, which count as one."""
    if slot in PERSONAL_SLOTS:
        return "", "账户余额" if slot == "剩余话费" else slot
    return product.name, slot

"""Simulates one call: who speaks when, and the raw dialogue in the CMCC format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from cmcc_bench.simulate import weights
from cmcc_bench.simulate.agenda import load_world, make_goal
from cmcc_bench.simulate.draws import choose, draw_in_turn, weighted
from cmcc_bench.simulate.noise import make_noise
from cmcc_bench.simulate.patterns import load_patterns
from cmcc_bench.simulate.scene import Scene
from cmcc_bench.simulate.service import Service
from cmcc_bench.simulate.speech import Speech
from cmcc_bench.simulate.user import EMOTION_NAMES, User
from cmcc_bench.vocabulary import SYNTHETIC_ID

# Part of every id: predictions for calls of one version are never scored against those of another, and `cmcc stats`,
# reports and runs say which they are of. Version 1 had none in its ids, and few values of each slot.
SIMULATOR = 2

SERVICE, USER = "[SPEAKER 1]", "[SPEAKER 2]"


@dataclass(frozen=True, slots=True)
class Shape:
    """The course of a call, independent of its topic.

    mixed: one raw turn has its speakers in the opposite order. single_last: the last raw turn has one speaker.
    guide_at: how many user utterances are left when the service asks for anything else; 0 for never.
    """

    turns: int
    user_first: bool
    mixed: bool
    single_last: bool
    guide_at: int


def dialogue_id(seed: int, index: int, labeled: bool = True) -> str:
    """The id of a simulated dialogue; it begins with "synthetic-", which marks the data as synthetic everywhere."""
    return f"{SYNTHETIC_ID}s{SIMULATOR}-{'' if labeled else 'u'}{seed}-{index:06d}"


def simulate_dialogue(seed: int, index: int, labeled: bool = True) -> dict[str, Any]:
    """Dialogue `index` of a seed as a raw dialogue: id, 满意度 and content (labeled), or id and content.

    The result depends on the arguments alone, so the parts of a corpus can be simulated in any order.
    Raises ValueError for a negative index.
    """
    if index < 0:
        raise ValueError(f"the index of a dialogue is {index}: it must be 0 or more")
    identifier = dialogue_id(seed, index, labeled)
    utterances, satisfaction = _call(f"{seed}:{'labeled' if labeled else 'unlabeled'}", index)
    pairs = [utterances[at : at + 2] for at in range(0, len(utterances), 2)]
    if not labeled:
        return {"id": identifier, "content": [{key: speech.text for key, speech in pair} for pair in pairs]}
    content = [_raw_turn(pair) for pair in pairs]
    return {"id": identifier, "满意度": satisfaction, "content": content}


def _call(key: str, index: int) -> tuple[list[tuple[str, Speech]], int]:
    """Returns the utterances of a call with their speakers, and the satisfaction, 1 to 3."""
    rng = Random(f"{key}:{index}")
    arc = draw_in_turn(f"{key}:arc", index, weights.ARCS)
    shape = _shape(rng, draw_in_turn(f"{key}:turns", index, weights.TURNS))
    scene = _scene(rng, arc[0])
    service_noise, user_noise = make_noise(rng)
    service = Service(scene, service_noise, shape.guide_at, shape.user_first)
    service.holds_first = shape.mixed
    service.lists_all = shape.turns >= 11 and scene.happens(weights.MANY_PRODUCTS)
    user = User(scene, arc, user_noise, shape.user_first and scene.happens(weights.HELLO_FIRST))
    return _talk(shape, service, user), user.satisfaction


def _shape(rng: Random, turns: int) -> Shape:
    user_first = rng.random() < weights.USER_FIRST
    guide_at = weighted(rng, weights.GUIDE_AT)
    # When the service has the last word, it answers the user's last one: there is no turn left for another.
    guide_at = min(guide_at, 1) if user_first else guide_at
    mixed = turns >= 8 and rng.random() < weights.MIXED
    return Shape(turns, user_first, mixed, rng.random() < weights.SINGLE_LAST, guide_at)


def _scene(rng: Random, mood: str) -> Scene:
    """Makes the scene of a call for a user with this mood."""
    topic = load_world().topics[weighted(rng, weights.TOPIC_WEIGHTS[mood])]
    # A calm question is always answered; only a fault or the problem of an upset user can stay unsolved.
    solvable = rng.random() < weights.SOLVED[mood] or (mood == "calm" and not topic.fault)
    goal = make_goal(rng, topic, solvable)
    families = load_patterns().families
    for slot in ("用户需求", "用户要求"):
        wish = choose(rng, families[f"topic.{topic.name}.{slot}"].patterns)
        goal.person[slot] = wish.segments[0][1]
    words = {name: choose(rng, options) for name, options in load_patterns().words.items()}
    words["客户"] = {"我老公": "女士", "我老婆": "先生"}.get(words["家人"], words["客户"])
    return Scene(rng, goal, goal.product, words, wanted_type=goal.product.kind.type)


def _talk(shape: Shape, service: Service, user: User) -> list[tuple[str, Speech]]:
    """Lets both speakers speak in turn until the raw turns are full.

    In a mixed call, the speaker who waits while the service looks something up speaks first: that raw turn has its
    speakers in the opposite order.
    """
    spoken: list[tuple[str, Speech]] = []
    left = shape.turns - shape.mixed
    asks_after = shape.mixed
    if not shape.user_first:
        spoken.append((SERVICE, service.greet()))
    while left:
        if asks_after and shape.user_first and service.cue.expects == "wait":
            spoken += [(SERVICE, service.ask_after()), (USER, user.be_there())]
            asks_after = False
        heard = user.speak(service.cue)
        left -= 1
        spoken.append((USER, heard))
        if asks_after and not shape.user_first and heard.move == "wait":
            spoken += [(USER, user.ask_after()), (SERVICE, service.be_there())]
            asks_after = False
        if left or shape.user_first:
            spoken.append((SERVICE, service.reply(heard, left)))
    if shape.single_last:
        spoken.pop()
    return spoken


def _raw_turn(pair: Sequence[tuple[str, Speech]]) -> dict[str, Any]:
    """A raw turn: texts by speaker, first speaker first, then intents, emotion and info."""
    turn: dict[str, Any] = {key: speech.text for key, speech in pair}
    for key, speech in pair:
        if key == USER:
            turn["用户意图"] = ",".join(
                name + "".join(f"({slot})" for slot in slots) for name, slots in speech.intents.items()
            )
        else:
            turn["客服意图"] = ",".join(speech.acts)
    for key, speech in pair:
        if key == USER:
            turn["用户情绪"] = ",".join(EMOTION_NAMES[emotion] for emotion in speech.emotions)
    ents = [entity for number, (_, speech) in enumerate(pair, 1) for entity in _entities(number, speech)]
    triples = [triple for number, (_, speech) in enumerate(pair, 1) for triple in _triples(number, speech)]
    return turn | {"info": {"ents": ents, "triples": triples}}


def _entities(number: int, speech: Speech) -> list[dict[str, Any]]:
    """One entry per name and product, with all of its positions in the utterance."""
    entries: dict[tuple[str | None, str], dict[str, Any]] = {}
    for mention in speech.mentions:
        product = mention.product
        entry = entries.setdefault(
            (product.entity_id, mention.name),
            {"name": mention.name, "id": product.entity_id, "type": product.kind.type, "pos": []},
        )
        entry["pos"].append([number, mention.start, mention.end])
    return list(entries.values())


def _triples(number: int, speech: Speech) -> list[dict[str, Any]]:
    """One entry per value; ent-name is the name of the entity in the same utterance, or NA."""
    names = {mention.product.entity_id: mention.name for mention in reversed(speech.mentions)}
    return [
        {
            "ent-id": value.product.entity_id if value.product else "NA",
            "ent-name": names.get(value.product.entity_id, "NA") if value.product else "NA",
            "prop": value.slot,
            "value": value.value,
            "pos": [number, value.start, value.end],
        }
        for value in speech.values
    ]

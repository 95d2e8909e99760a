"""The user in a simulated call: an emotional state that the acts of the service change, and the next utterance."""

from __future__ import annotations

from cmcc_bench.simulate import weights
from cmcc_bench.simulate.agenda import entity_types, load_world
from cmcc_bench.simulate.draws import choose, weighted
from cmcc_bench.simulate.noise import Noise
from cmcc_bench.simulate.patterns import PERSONAL_SLOTS, Family, Pattern, load_patterns
from cmcc_bench.simulate.scene import Cue, Scene
from cmcc_bench.simulate.speech import Speech

EMOTION_NAMES = {
    "neutral": "中性",
    "complain": "抱怨某问题",
    "agitated": "情绪较为激动",
    "furious": "非常着急且态度恶劣",
    "service": "对客服代表服务不满",
    "concern": "表示担忧或焦虑",
    "rules": "对业务规定不满",
    "difficulty": "执行某项操作有困难",
    "letgo": "不太满意但不再追究",
}
NEUTRAL = ("neutral",)
UNSATISFIED, ACCEPTED, SATISFIED = 1, 2, 3

# The intent of an utterance that only expresses an emotion.
_VENT_INTENTS = {
    "complain": "投诉反馈",
    "agitated": "投诉反馈",
    "furious": "投诉反馈",
    "service": "投诉反馈",
    "concern": "提供信息",
    "rules": "提出批评",
    "difficulty": "求助-故障",
    "letgo": "其他",
}
# Answers that consist of one pattern.
_ANSWERS = {
    "number": "user.number",
    "contact": "user.can",
    "wait": "user.wait",
    "consent": "user.consent",
    "own": "user.own",
}
_ONCE = frozenset(("demand", "suggest", "criticise", "cancel", "ask_type"))


class User:
    """One user; `upset` is the emotional state, `satisfaction` (1 to 3) is known when the call is over."""

    def __init__(self, scene: Scene, arc: tuple[str, ...], noise: Noise, opens_with_hello: bool) -> None:
        """arc: the mood and what is expressed in turn, a key of weights.ARCS."""
        self.scene = scene
        self.noise = noise
        self.upset = False
        self.satisfaction = SATISFIED
        mood, *rest = arc
        self._arc = [tuple(step.split("+")) for step in rest]
        # What is kept for the end: letting the matter rest, or the last outburst about a problem that stays unsolved.
        keeps = not scene.goal.solvable and len(rest) > 1 and scene.happens(weights.LAST_WORD)
        self._last_word = self._arc.pop() if mood == "letgo" or keeps else None
        self._opens_with_hello = opens_with_hello
        self._opened = False
        self._done: set[str] = set()
        self._said: list[tuple[Pattern, Family]] = []  # of the last utterance, to be said again when it was not heard

    # -- what is said next

    def speak(self, cue: Cue) -> Speech:
        """The next utterance, after the service's last one."""
        speech = Speech(self.scene, self.noise)
        if self._opened:
            self._feel(cue.cared)
        self.scene.upset = False
        if cue.expects == "again":
            for pattern, family in self._said:
                self._utter(speech, pattern, family)
            speech.move = "detail"
        else:
            self._said = []
            self._speak(speech, cue)
        self.scene.upset = speech.emotions != NEUTRAL
        return speech

    def _speak(self, speech: Speech, cue: Cue) -> None:
        if self._opens_with_hello:
            self._opens_with_hello = False
            self._say(speech, "user.hello_first")
            speech.move = "greeting"
        elif cue.expects == "problem":
            self._open(speech)
        elif cue.expects in ("last", "end"):
            self._finish(speech, cue.expects)
        elif cue.expects == "bye":
            self._say(speech, "user.bye")
            speech.move = "bye"
        elif cue.expects in weights.EXPRESSED:
            self._reply(speech, cue)
        elif self.upset:
            self._vent(speech, self._arc.pop(0))
        else:
            self._go_on(speech, cue)

    def ask_after(self) -> Speech:
        """Asks whether the service is still there."""
        speech = Speech(self.scene, self.noise)
        self._say(speech, "user.anyone")
        return speech

    def be_there(self) -> Speech:
        """Answers the service's question whether the user is still there."""
        speech = Speech(self.scene, self.noise)
        self._say(speech, "user.here")
        return speech

    def _feel(self, cared: bool) -> None:
        """The emotional state after what the service did: care calms, and so does any answer, more slowly."""
        chance = weights.STAY_UPSET if self.upset else weights.RELAPSE
        if cared:
            chance *= weights.AFTER_CARE
            if self.upset and self._arc and self.scene.happens(weights.SETTLED_BY_CARE):
                self._arc.pop(0)
        self.upset = bool(self._arc) and self.scene.happens(chance)

    # -- clauses

    def _happens(self, occasion: str) -> bool:
        return self.scene.happens(weights.USER[occasion])

    def _say(self, speech: Speech, name: str) -> None:
        """Says a pattern of the family, with its intents and what it asks for."""
        family = load_patterns().families[name]
        pattern = self.scene.pick(family)
        self._said.append((pattern, family))
        self._utter(speech, pattern, family)

    def _utter(self, speech: Speech, pattern: Pattern, family: Family) -> None:
        speech.say(pattern)
        for intent in family.labels:
            speech.intents.setdefault(intent, [])
        if not pattern.asks:
            return
        asking = next((label for label in family.labels if label in ("询问", "求助-查询")), family.labels[0])
        for slot in pattern.asks:
            if slot == "类型":
                written = self.scene.wanted_type
            else:
                written = slot if slot in PERSONAL_SLOTS else f"{self.scene.name(self.scene.product)}-{slot}"
            speech.intents[asking].append(written)
            speech.asked.append(slot)

    def _express(self, speech: Speech, emotions: tuple[str, ...]) -> None:
        """A clause for each emotion, not always a clear one."""
        for emotion in emotions:
            speech.say(self.scene.pick(load_patterns().families[self._wording(emotion)]))
        speech.emotions = emotions

    def _wording(self, emotion: str) -> str:
        """The family of patterns that words an emotion this time; most complaints are about the topic."""
        if self.scene.happens(weights.AMBIGUOUS):
            return "vent.ambiguous"
        if self.scene.happens(weights.BORROWED):
            return f"vent.{choose(self.scene.rng, weights.NEIGHBORS[emotion])}"
        if emotion == "complain" and self.scene.happens(0.6):
            return f"topic.{self.scene.goal.topic.name}.vent"
        return f"vent.{emotion}"

    def _add_context(self, speech: Speech) -> None:
        """Says something about the circumstances; now and then a grumble that is not yet an emotion."""
        self._say(speech, "vent.ambiguous" if self.scene.happens(weights.GRUMBLES) else "user.context")

    def _demand(self, speech: Speech) -> None:
        """Says what is needed or demanded; the service comes back to just that."""
        self.scene.demanded = choose(self.scene.rng, ("用户需求", "用户要求"))
        self._say(speech, f"user.demand.{self.scene.demanded}")

    # -- moves that the service calls for

    def _open(self, speech: Speech) -> None:
        """States the problem: as a complaint when upset about it, otherwise as a question or a request."""
        topic = self.scene.goal.topic.name
        speech.move = "open"
        self._opened = True
        self.upset = bool(self._arc) and self.scene.happens(weights.UPSET_AT_FIRST)
        if self._happens("greets"):
            self._say(speech, "user.greet")
        emotions = self._arc.pop(0) if self.upset else NEUTRAL
        complains = "complain" in emotions or (not self.upset and self.scene.happens(weights.CALM_COMPLAINT))
        self._say(speech, f"topic.{topic}.{'open_upset' if complains else 'open'}")
        others = tuple(emotion for emotion in emotions if emotion not in ("complain", "neutral"))
        if others:
            self._express(speech, others)
        elif self.upset and self._happens("complains at length"):
            self._express(speech, ("complain",))
        speech.emotions = emotions

    def _reply(self, speech: Speech, cue: Cue) -> None:
        """Answers a question of the service, with a complaint after it at times."""
        speech.move = cue.expects
        topic = f"topic.{self.scene.goal.topic.name}"
        if cue.expects == "detail":
            self._say(speech, cue.answers or f"{topic}.detail")
            if self._happens("adds to a detail"):
                self._add_context(speech)
        elif cue.expects in ("yes", "own") and self._happens("denies"):
            self._say(speech, "user.no")
            self._say(speech, "user.number" if cue.expects == "own" else f"{topic}.detail")
            speech.move = "detail"
        elif cue.expects in _ANSWERS:
            self._say(speech, _ANSWERS[cue.expects])
        else:
            self._say(speech, "user.yes")
            if self._happens("adds to a yes"):
                if self.scene.happens(0.6):
                    self._say(speech, f"{topic}.detail")
                else:
                    self._add_context(speech)
        if self.upset and self.scene.happens(weights.EXPRESSED[cue.expects]):
            self._express(speech, self._arc.pop(0))

    def _vent(self, speech: Speech, emotions: tuple[str, ...]) -> None:
        """Lets the emotion out, perhaps with a demand, a criticism or a formal complaint."""
        speech.move = "vent"
        for emotion in emotions:
            speech.intents.setdefault(_VENT_INTENTS[emotion], [])
        self._express(speech, emotions)
        after = weighted(self.scene.rng, weights.AFTER_VENTING)
        if after == "demand":
            self._demand(speech)
        elif after in ("complain_formally", "criticise"):
            self._say(speech, f"user.{'criticise' if emotions == ('concern',) else after}")
        elif after == "more" and len(emotions) == 1:
            self._express(speech, emotions)

    def _finish(self, speech: Speech, expects: str) -> None:
        """The last word, by how the call went: thanks, resignation or anger. It decides the satisfaction."""
        if self.scene.goal.solvable:
            plain = "user.thanks" if expects == "end" else "user.no_more_thanks"
            self._say(speech, "user.glad" if self._happens("is glad") else plain)
            if expects == "last" and self._happens("says goodbye"):
                self._say(speech, "user.bye")
        elif self._last_word is None:
            self.satisfaction = ACCEPTED
            self._say(speech, "user.settle")
            if self._happens("says goodbye"):
                self._say(speech, "user.bye")
        elif self._last_word == ("letgo",):
            self.satisfaction = ACCEPTED
            speech.intents["其他"] = []
            self._express(speech, self._last_word)
        else:
            self.satisfaction = UNSATISFIED
            self._vent(speech, self._last_word)
        speech.move = "finish"

    # -- a calm user's own moves

    def _go_on(self, speech: Speech, cue: Cue) -> None:
        """What comes after an answer, an offer, a list or 'anything else?'."""
        if cue.expects == "cancel":
            speech.move = "cancel_yes"
            self._say(speech, "user.yes")
        elif cue.expects == "offer" and self._happens("answers an offer"):
            speech.move = "accept" if self._happens("accepts an offer") else "decline"
            self._say(speech, f"user.{speech.move}")
        elif cue.expects == "which":
            speech.move = "which"
            self._say(speech, "user.which")
        elif cue.expects == "more":
            self._say(speech, "user.more")
            self._move(speech, "ask" if "ask_type" in self._done or self.scene.happens(0.7) else "ask_type", None)
        else:
            self._move(speech, self._choose_move(cue.told), cue.told)

    def _choose_move(self, told: str | None) -> str:
        topic = self.scene.goal.topic
        move = weighted(self.scene.rng, weights.FREE_MOVES)
        impossible = (move == "cancel" and not topic.cancellable) or (told is None and move in ("restate", "repeat"))
        if impossible or (move in _ONCE and move in self._done):
            move = "ask"
        # A user who reports a fault asks when it will be fixed, not for the terms of a product.
        about_topic = "asks about the topic in a fault" if topic.fault else "asks about the topic"
        return "question" if move == "ask" and self._happens(about_topic) else move

    def _move(self, speech: Speech, move: str, told: str | None) -> None:
        self._done.add(move)
        if move in ("question", "doubt"):
            topic = f"topic.{self.scene.goal.topic.name}"
            move = move if self._ask_paired(speech, "talk.doubt" if move == "doubt" else topic) else "ask"
        if move == "ask" and not self._ask_next(speech):
            move = "ack"
        speech.move = move
        if move == "restate":
            if self._happens("reacts before repeating"):
                self._say(speech, "user.understood" if self.scene.happens(0.4) else "user.ack")
            self._say(speech, f"user.restate.{told}")
        elif move == "ask_type":
            self._ask_type(speech)
        elif move == "demand":
            self._demand(speech)
        elif move == "context":
            self._add_context(speech)
        elif move not in ("ask", "question", "doubt"):
            self._say(speech, f"user.{move}")

    def _ask_paired(self, speech: Speech, name: str) -> bool:
        """Asks a question that has an answer of its own; False when this one was asked before."""
        questions = load_patterns().families[f"{name}.question"]
        number = int(self.scene.rng.random() * len(questions.patterns))
        if not self.scene.is_first(questions.patterns[number]):
            return False
        speech.answer, speech.answer_number = f"{name}.answer", number
        if self._happens("announces a plain question"):
            self._add_context(speech)
        if self._happens("announces a plain question") and name != "talk.doubt":
            self._say(speech, "lead.ask")
        self._utter(speech, questions.patterns[number], questions)
        return True

    def _ask_next(self, speech: Speech) -> bool:
        """Asks the next question of the agenda, at times after a word on the last answer; False when none is left."""
        scene, questions = self.scene, self.scene.goal.questions
        while questions:
            slot = questions.pop(0)
            if slot in PERSONAL_SLOTS or slot in scene.product.slots:
                if not speech.intents and self._happens("reacts before a question"):
                    self._say(speech, choose(scene.rng, ("user.understood", "user.ack")))
                if self._happens("gives context before a question"):
                    self._add_context(speech)
                if "其他" not in speech.intents and self._happens("announces a question"):
                    self._say(speech, "lead.ask")
                self._say(speech, f"user.ask.{slot}")
                return True
        return False

    def _ask_type(self, speech: Speech) -> None:
        """Asks what products of a type there are."""
        scene = self.scene
        scene.wanted_type = scene.product.kind.type if scene.happens(0.3) else choose(scene.rng, entity_types())
        scene.words["类名"] = load_world().kinds[scene.wanted_type].word
        self._say(speech, "user.ask_type")

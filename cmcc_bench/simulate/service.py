"""The service in a simulated call: its procedure, its answers from the knowledge base, and its caring acts."""

from __future__ import annotations

from cmcc_bench.simulate import weights
from cmcc_bench.simulate.agenda import make_offer
from cmcc_bench.simulate.draws import choose, weighted
from cmcc_bench.simulate.noise import Noise
from cmcc_bench.simulate.patterns import Family, Pattern, load_patterns
from cmcc_bench.simulate.scene import Cue, Scene
from cmcc_bench.simulate.speech import Speech

CARING_ACTS = frozenset(("安抚", "解释", "同理心", "赞同"))

# The service answers the strongest emotion of an utterance; strongest first.
_STRONGEST = ("furious", "agitated", "service", "rules", "difficulty", "concern", "letgo", "complain")
_REMINDERS = {
    "network": "fault",
    "suspended": "fault",
    "operation": "fault",
    "recharge": "fault",
    "data": "data",
    "roaming": "data",
}
# Patterns that begin like this need no lead-in.
_OWN_LEADS = frozenset(("我看", "我这", "系统", "帮您", "我查"))
_LISTED_KINDS = ("业务", "数据业务", "附加套餐", "流量包")


class Service:
    """The service representative; `cue` says what the last utterance expects of the user."""

    def __init__(self, scene: Scene, noise: Noise, guide_at: int, greets_back: bool) -> None:
        """The service in a call.

        guide_at: how many user utterances are left when it asks for anything else, 0 to leave that out.
        greets_back: whether it greets in its first reply, as the user speaks first.
        """
        self.scene = scene
        self.noise = noise
        self.holds_first = False  # puts the user on hold first
        self.lists_all = False  # lists all products of the user, ten or more
        self._guide_at = guide_at
        self._greets_back = greets_back
        self._expects = "problem"
        self._told: str | None = None
        self._last_told: str | None = None
        self._cared = False
        self._answers = ""
        self._steps: list[str] = []
        self._pending: list[str] = []
        self._asked_about = scene.product
        self._on_hold = False
        self._done: set[str] = set()

    # -- turns

    @property
    def cue(self) -> Cue:
        """What the last utterance expects of the user."""
        return Cue(self._expects, self._told, self._cared, self._answers)

    def greet(self) -> Speech:
        """The first utterance of a call that the service opens."""
        speech = Speech(self.scene, self.noise)
        self._say(speech, "service.greet_ask" if self._happens("greets with a question") else "service.greet")
        if self._happens("apologizes for the wait at first"):
            self._say(speech, "service.apology_wait")
        return speech

    def ask_after(self) -> Speech:
        """Asks whether the user is still there."""
        speech = Speech(self.scene, self.noise)
        self._say(speech, "service.still_there")
        return speech

    def be_there(self) -> Speech:
        """Answers a user who asks whether the service is still there."""
        speech = Speech(self.scene, self.noise)
        self._say(speech, "service.here")
        return speech

    def reply(self, heard: Speech, left: int) -> Speech:
        """The answer to a user's utterance, `left` user utterances before the end of the call."""
        speech = Speech(self.scene, self.noise)
        self._told, self._expects, self._answers = None, "told", ""
        if heard.move in ("bye", "finish"):
            self._part(speech, left)
        elif heard.move == "greeting":
            self._say(speech, "service.greet_ask" if self._happens("greets back with a question") else "service.greet")
            self._greets_back = False
            self._expects = "problem"
        else:
            self._care(speech, heard)
            self._respond(speech, heard, left - self._guide_at)
            self._close(speech, left)
        self._cared = not CARING_ACTS.isdisjoint(speech.acts)
        return speech

    # -- clauses

    def _happens(self, occasion: str) -> bool:
        return self.scene.happens(weights.SERVICE[occasion])

    def _say(self, speech: Speech, name: str) -> None:
        """Says a pattern of the family, with its acts."""
        family = load_patterns().families[name]
        self._utter(speech, self.scene.pick(family), family)

    def _utter(self, speech: Speech, pattern: Pattern, family: Family) -> None:
        """Says the pattern, with the acts of its family; notes the values that it tells."""
        speech.say(pattern)
        speech.acts += [act for act in family.labels if act not in speech.acts]
        if pattern.told:
            self.scene.note_told(pattern)

    def _take_note(self, speech: Speech, occasion: str) -> None:
        if self._happens(occasion):
            self._say(speech, "service.prefix")

    def _say_led(self, speech: Speech, name: str, occasion: str) -> None:
        """Says a pattern, at times after a lead-in; for an upset user the lead-in is a reassuring one."""
        family = load_patterns().families[name]
        pattern = self.scene.pick(family)
        if self._happens(occasion) and pattern.segments[0][1][:2] not in _OWN_LEADS:
            self._say(speech, "service.lead_upset" if self.scene.upset else "service.lead")
        self._utter(speech, pattern, family)

    def _add_detail(self, speech: Speech, share: float) -> None:
        """Adds a new detail about the product with probability `share`, otherwise a general remark."""
        family = load_patterns().families["service.extra"]
        if self.scene.happens(share * (0.3 if self.scene.goal.topic.fault else 1.0)):
            for _ in range(5):
                pattern = choose(self.scene.rng, family.patterns)
                if self.scene.is_news(pattern):
                    self.scene.is_first(pattern)
                    self._utter(speech, pattern, family)
                    return
        self._remark(speech)

    def _remark(self, speech: Speech) -> None:
        settled = not self.scene.goal.topic.fault and self.scene.happens(0.5)
        self._say(speech, f"service.remark.{'settled' if settled else 'any'}")

    def _consent(self, speech: Speech) -> None:
        asks = self._happens("asks for consent")
        self._say(speech, "service.consent" if asks else "service.clear")
        self._expects = "consent" if asks else "agree"

    def _check_demand(self, speech: Speech) -> None:
        self._say(speech, f"service.check_demand.{self.scene.demanded or '用户需求'}")
        self._done.add("check_demand")
        self._expects = "agree"

    def _guide(self, speech: Speech) -> None:
        self._say(speech, "service.guide")
        self._expects = "more"

    # -- care

    def _care(self, speech: Speech, heard: Speech) -> None:
        """Adds an apology or a caring act (comfort, explanation, empathy, agreement) before the answer."""
        upset = self.scene.upset
        if self.scene.happens(weights.APOLOGY_WHEN_UPSET if upset else weights.APOLOGY_WHEN_CALM):
            self._say(speech, "care.apology")
        if self.scene.happens(weights.CARE_WHEN_UPSET if upset else weights.CARE_WHEN_CALM):
            ways = weights.CARE_WAYS[strongest(heard.emotions) if upset else "calm"]
            self._say(speech, f"care.{weighted(self.scene.rng, ways)}")

    def _soothe(self, speech: Speech, heard: Speech, slack: int) -> None:
        """Answers an outburst: by what the user feels, or with the next step where there is one."""
        self._take_note(speech, "takes note of an outburst")
        pressing = bool(self._steps) and slack <= len(self._steps) + 1
        waiting = "finding" in self._steps
        if pressing or not self._happens("answers feelings before the finding" if waiting else "answers feelings"):
            self._advance(speech, slack)
            return
        self._say(speech, f"answer.{strongest(heard.emotions)}")
        if self._happens("adds to an answer to feelings"):
            self._remark(speech)
        if "check_demand" not in self._done and self._happens("checks the demand of an upset user"):
            self._check_demand(speech)

    # -- answers

    def _respond(self, speech: Speech, heard: Speech, slack: int) -> None:
        """Answers the user's move; `slack` user utterances are left before the closing."""
        match heard.move:
            case "open":
                self._begin(speech, heard, slack)
            case "ask":
                self._answer(speech, heard.asked, slack)
            case "restate":
                self._confirm(speech)
            case "question":
                self._take_note(speech, "takes note of a question")
                self._answer_paired(speech, heard)
            case "doubt":
                self._answer_paired(speech, heard)
            case "repeat":
                self._tell_again(speech)
            case "vent":
                self._soothe(speech, heard, slack)
            case "thanks":
                self._welcome(speech, slack)
            case "number" | "detail" | "context":
                self._listen(speech, heard.move, slack)
            case "wait":
                self._take_note(speech, "takes note of waiting")
                self._advance(speech, slack)
            case _:
                self._respond_to_wish(speech, heard.move, slack)

    def _respond_to_wish(self, speech: Speech, move: str, slack: int) -> None:
        """Answers what the user wants done or has decided; a plain yes leads to the next step."""
        match move:
            case "ask_type":
                self._list(speech)
            case "which":
                slots = self.scene.product.slots
                self._tell(
                    speech, next((slot for slot in self.scene.goal.questions if slot in slots), "业务费用"), slack
                )
            case "cancel":
                self._cancel(speech, slack)
            case "cancel_yes":
                self._cancel(speech, 0)
            case "accept":
                self.scene.product = self.scene.offered or self.scene.product
                self._take_note(speech, "takes note")
                self._say(speech, "service.opened")
            case "decline":
                self._say(speech, "service.respect")
            case "suggest" | "criticise":
                self._take_note(speech, "takes note of a wish")
                self._say(speech, "service.noted")
            case "demand" if slack > 1 and self._happens("checks a demand"):
                self._check_demand(speech)
            case "demand":
                self._say(speech, "service.prefix")
                self._say(speech, "service.register")
            case _:
                self._take_note(speech, "takes note")
                self._advance(speech, slack)

    def _begin(self, speech: Speech, heard: Speech, slack: int) -> None:
        """First reply to the problem: the procedure starts, or the question is answered at once."""
        self._plan(slack)
        self._pending, self._asked_about = list(heard.asked), self.scene.product
        if self._greets_back:
            greets = self._happens("greets before the first answer")
            self._say(speech, "service.greet_back" if greets else "service.prefix")
        else:
            self._take_note(speech, "takes note of the problem")
        self._advance(speech, slack)

    def _answer(self, speech: Speech, asked: list[str], slack: int) -> None:
        if slack > 2 and self._happens("looks it up"):
            self._pending, self._asked_about = list(asked), self.scene.product
            self._steps.insert(0, "finding")
            self._hold(speech)
            return
        self._take_note(speech, "takes note of a question")
        self._tell(speech, asked[-1], slack)

    def _answer_paired(self, speech: Speech, heard: Speech) -> None:
        family = load_patterns().families[heard.answer]
        self._utter(speech, family.patterns[heard.answer_number], family)

    def _tell(self, speech: Speech, slot: str, slack: int) -> None:
        """Tells a slot's value, at times with more about the product."""
        if slot == "类型":
            self._list(speech)
            return
        self._say_led(speech, f"service.tell.{slot}", "leads in")
        self._told = self._last_told = slot
        if self._happens("adds a detail"):
            self._add_detail(speech, 0.7)
        if slack > 1 and self._happens("makes sure"):
            self._consent(speech)

    def _tell_again(self, speech: Speech) -> None:
        self._say(speech, "service.again")
        if self._last_told:
            self._say(speech, f"service.tell.{self._last_told}")
            self._told = self._last_told
        else:
            self._remark(speech)

    def _confirm(self, speech: Speech) -> None:
        """Confirms what the user repeated, in a word, in a sentence or with something more."""
        way = weighted(self.scene.rng, weights.CONFIRMING)
        self._say(speech, "service.yes_long" if way == "yes_long" else "service.yes")
        if way == "more":
            self._add_detail(speech, 0.6)

    def _list(self, speech: Speech) -> None:
        """Lists products of the type that the user asked for; the call continues with one of them."""
        scene = self.scene
        scene.list_products((scene.wanted_type,), 3 if self._happens("lists three") else 2)
        if not scene.listed:
            self._remark(speech)
            return
        self._say(speech, "service.list")
        scene.product = choose(scene.rng, scene.listed)
        scene.goal.questions += [slot for slot in scene.product.slots if slot not in scene.goal.questions][:3]
        if self._happens("lets choose"):
            self._expects = "which"

    def _listen(self, speech: Speech, move: str, slack: int) -> None:
        """Asks the user to repeat, lets the user go on, or takes the next step."""
        if slack > 0 and self._happens("did not hear"):
            self._say(speech, "service.repeat")
            self._expects = "again"
        elif move != "number" and slack > 2 and self._happens("listens"):
            self._say(speech, "service.hello" if self._happens("listens in a word") else "service.listening")
            self._expects = "detail" if self._happens("waits for more") else "told"
        else:
            self._take_note(speech, "takes note")
            self._advance(speech, slack)

    def _cancel(self, speech: Speech, slack: int) -> None:
        """Makes sure that the product is to be cancelled, and cancels it."""
        if slack > 0:
            self._say(speech, "service.confirm_cancel")
            self._expects = "cancel"
        else:
            self._done.add("cancel")
            self._say(speech, "service.cancelled")
            self._steps = [step for step in self._steps if step != "resolve"]

    def _welcome(self, speech: Speech, slack: int) -> None:
        """Answers thanks in the middle of a call."""
        self._say(speech, "service.courtesy")
        if slack > 2 and not self._steps:
            self._guide(speech)
        elif slack > 0:
            self._advance(speech, slack)

    # -- the procedure

    def _plan(self, exchanges: int) -> None:
        """Chooses the steps of the procedure; a short call skips what is not needed for an answer."""
        rng, goal = self.scene.rng, self.scene.goal
        chosen = [step for step, share in weights.STEPS if rng.random() < share]
        while len(chosen) > max(exchanges - 4, 0):
            chosen.pop(int(rng.random() * len(chosen)))
        if self.holds_first:
            chosen = ["hold", *(step for step in chosen if step != "hold")]
        if self.lists_all:
            self._steps = [*chosen[:1], "finding", "list", "list", "list"]
            return
        self._steps = [*chosen, "finding"]
        if self.scene.upset or not goal.solvable or goal.topic.name in ("cancel", "network", "suspended"):
            self._steps.append("resolve")

    def _advance(self, speech: Speech, slack: int) -> None:
        """The next step of the procedure; when it is done, something more about the product, an offer, a reminder."""
        needed = ("finding", "resolve", "list")
        while len(self._steps) > max(slack, 1) and self._steps[0] not in needed:
            self._steps.pop(0)
        match self._steps.pop(0) if self._steps else "none":
            case "identify":
                asks = self._happens("asks for the number")
                self._say(speech, "service.ask_number" if asks else "service.confirm_number")
                self._expects = "number" if asks else "own"
            case "clarify":
                self._clarify(speech)
            case "check":
                self._say(speech, f"topic.{self.scene.goal.topic.name}.check")
                self._expects = "yes"
            case "hold":
                self._hold(speech)
            case "finding":
                self._find(speech, slack)
            case "resolve":
                self._resolve(speech, slack)
            case "list":
                self._list_all(speech, 4)
            case _:
                self._take_initiative(speech, slack)

    def _clarify(self, speech: Speech) -> None:
        name = f"topic.{self.scene.goal.topic.name}.clarify"
        family = load_patterns().families[name]
        pattern = self.scene.pick(family)
        self._utter(speech, pattern, family)
        self._expects = "detail"
        self._answers = f"{name}.{family.patterns.index(pattern)}"

    def _hold(self, speech: Speech) -> None:
        self._say(speech, "service.hold")
        self._expects = "wait"
        self._on_hold = True

    def _find(self, speech: Speech, slack: int) -> None:
        """Says what the service found: the answer to the open question, or else the cause of the problem."""
        if self._on_hold and self._happens("thanks for waiting"):
            self._say(speech, "service.thanks_wait")
            if self._happens("apologizes for the wait"):
                self._say(speech, "service.apology_wait")
        self._on_hold = False
        if self._pending:
            self.scene.product = self._asked_about
            self._tell(speech, self._pending.pop(), slack)
            return
        self._say_led(speech, f"topic.{self.scene.goal.topic.name}.finding", "leads in a finding")
        if self._happens("adds to a finding"):
            self._add_detail(speech, 0.6)

    def _resolve(self, speech: Speech, slack: int) -> None:
        """Solves the problem, or registers it for others to solve."""
        goal = self.scene.goal
        if not goal.solvable:
            self._say(speech, "service.register")
            if slack > 0 and self._happens("makes sure of the contact"):
                self._say(speech, "service.ask_contact")
                self._expects = "contact"
        elif goal.topic.cancellable and slack > 0 and "cancel" not in self._done and self._happens("offers to cancel"):
            self._cancel(speech, slack)
        else:
            self._say(speech, f"topic.{goal.topic.name}.remedy")
            if self._happens("adds to a remedy"):
                self._add_detail(speech, 0.3)

    def _list_all(self, speech: Speech, number: int) -> None:
        """Products that the user has, as far as the call can name more."""
        self.scene.list_products(_LISTED_KINDS, number)
        if self.scene.listed:
            self._say(speech, "service.list_held")
        else:
            self._remark(speech)

    def _take_initiative(self, speech: Speech, slack: int) -> None:
        topic, room = self.scene.goal.topic.name, self.scene.room
        step = weighted(self.scene.rng, weights.INITIATIVE)
        once = step in ("offer", "list", "check_demand") and step in self._done
        if once or slack < {"hello": 2, "consent": 2, "offer": 3, "guide": 4, "check_demand": 2}.get(step, 0):
            step = "detail"
        self._done.add(step)
        if step == "remind":
            kind = _REMINDERS.get(topic, "common") if self.scene.happens(0.7) else "common"
            self._say(speech, f"service.remind.{kind}")
        elif step == "offer" and room > 1:
            self.scene.offered = make_offer(self.scene.rng, self.scene.product)
            self._say(speech, "service.offer")
            self._expects = "offer"
        elif step == "list" and room > 6 and topic in ("bill", "cancel", "package"):
            self._list_all(speech, 2)
        elif step == "hello":
            self._say(speech, "service.hello")
        elif step == "consent":
            self._consent(speech)
        elif step == "guide":
            self._guide(speech)
        elif step == "check_demand":
            self._check_demand(speech)
        else:
            self._add_detail(speech, 0.7)

    # -- the end

    def _close(self, speech: Speech, left: int) -> None:
        """Settles what is still open before the last words, and asks for anything else where the call does so."""
        if left != (self._guide_at or 1):
            return
        if "finding" in self._steps:
            self._find(speech, 0)
        if "resolve" in self._steps:
            self._resolve(speech, 0)
        self._steps = []
        self._expects = "end"
        if self._guide_at:
            self._guide(speech)
            self._expects = "last"

    def _part(self, speech: Speech, left: int) -> None:
        """The last words: courtesy, a wish, a goodbye."""
        if left or self._happens("is courteous at the end"):
            self._say(speech, "service.courtesy")
        how = weighted(self.scene.rng, weights.PARTING)
        if how != "nothing":
            self._say(speech, f"service.{how}")
        elif not speech.acts:
            self._say(speech, "service.courtesy")
        self._expects = "bye"


def strongest(emotions: tuple[str, ...]) -> str:
    """The emotion of an utterance that the service answers."""
    return next(emotion for emotion in _STRONGEST if emotion in emotions)

"""How a call sounds once it is recognised: pauses, fillers, repeated words, misheard characters, cut endings."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from cmcc_bench.simulate.draws import choose

# Words that speech recognition takes for others of the same sound.
_MISHEARD = {
    "流量": "留量",
    "宽带": "款待",
    "查一下": "查下",
    "怎么": "咋么",
    "话费": "花费",
    "短信": "短息",
    "没有": "没",
    "已经": "以经",
    "什么": "啥么",
    "知道": "知到",
    "号码": "号吗",
    "办理": "半理",
    "现在": "先在",
    "取消": "取销",
    "帮您": "帮你",
    "请您": "请你",
}
_OPENING_FILLERS = ("呃", "嗯", "啊")
_FILLERS = {
    "service": ("呃", "嗯", "就是", "这个", "那", "然后", "就是说", "呃这边"),
    "user": ("呃", "那个", "就是", "嗯", "就", "这个", "啊", "就是那个", "我说"),
}


@dataclass(frozen=True, slots=True)
class Noise:
    """How one side of one call is transcribed; rates are probabilities a clause."""

    punctuated: bool
    pause: float
    filler: float
    repeated: float
    misheard: float
    cut: float
    speaker: str

    def between(self, rng: Random) -> str:
        """What stands between two clauses: a comma in punctuated transcripts, otherwise a pause or nothing."""
        if self.punctuated:
            return "，" if rng.random() < 0.8 else "_"
        return "_" if rng.random() < self.pause else ""

    def clause(self, rng: Random, text: str, first: bool, opening: bool) -> str:
        """The text of a clause, or of a part of one, as it is transcribed; `first` when it opens the clause.

        `opening`: whether it opens the whole utterance.
        """
        chance = rng.random()
        if len(text) < 2 or chance > self.filler + self.repeated + self.misheard + self.cut:
            return text
        chance -= self.filler
        if chance < 0:
            return choose(rng, _OPENING_FILLERS if opening else _FILLERS[self.speaker]) + text if first else text
        chance -= self.repeated
        if chance < 0:
            size = 1 if rng.random() < 0.6 else 2  # the first character or two are said twice
            return text[:size] + ("_" if rng.random() < 0.3 else "") + text
        if chance < self.misheard:
            return _mishear(text)
        return text[: 1 + int(rng.random() * (len(text) - 1))] if len(text) > 5 else text


def make_noise(rng: Random) -> tuple[Noise, Noise]:
    """The service's noise and the user's, for one call: one transcript is punctuated or not, and clear or not."""
    punctuated = rng.random() < 0.2
    pause = 0.25 + 0.35 * rng.random()
    bad = 0.5 + rng.random()
    service = Noise(punctuated, pause, 0.09 * bad, 0.025 * bad, 0.012 * bad, 0.004 * bad, "service")
    user = Noise(punctuated, pause, 0.20 * bad, 0.07 * bad, 0.02 * bad, 0.006 * bad, "user")
    return service, user


def _mishear(text: str) -> str:
    for word, heard in _MISHEARD.items():
        if word in text:
            return text.replace(word, heard, 1)
    return text

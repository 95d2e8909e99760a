"""Noise of speech recognition: pauses, fillers, repeated characters, misheard words, cut endings."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from cmcc_bench.simulate.draws import choose

# Words that speech recognition confuses with words that sound alike.
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
    """The noise of one speaker in one call; rates are probabilities per clause."""

    punctuated: bool
    pause: float
    filler: float
    repeated: float
    misheard: float
    cut: float
    speaker: str

    def between(self, rng: Random) -> str:
        """The text between two clauses: a comma in punctuated transcripts, otherwise a pause mark or nothing."""
        if self.punctuated:
            return "，" if rng.random() < 0.8 else "_"
        return "_" if rng.random() < self.pause else ""

    def clause(self, rng: Random, text: str, first: bool, opening: bool) -> str:
        """Adds noise to a clause or a part of one. first: whether the part begins the clause.

        opening: whether it begins the utterance.
        """
        chance = rng.random()
        if len(text) < 2 or chance > self.filler + self.repeated + self.misheard + self.cut:
            return text
        chance -= self.filler
        if chance < 0:
            return choose(rng, _OPENING_FILLERS if opening else _FILLERS[self.speaker]) + text if first else text
        chance -= self.repeated
        if chance < 0:
            size = 1 if rng.random() < 0.6 else 2  # repeats the first one or two characters
            return text[:size] + ("_" if rng.random() < 0.3 else "") + text
        if chance < self.misheard:
            return _mishear(text)
        return text[: 1 + int(rng.random() * (len(text) - 1))] if len(text) > 5 else text


def make_noise(rng: Random) -> tuple[Noise, Noise]:
    """Makes the noise of the service and of the user in one call; both share punctuation and quality."""
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

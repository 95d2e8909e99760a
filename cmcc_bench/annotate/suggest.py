"""Suggested labels: those that the data have, those of a model, and those of cue words. None is saved by itself.

A source has an opinion about some questions of a call: the labels that it suggests, each with a detail to show. An
empty opinion suggests "none". What a key accepts is the opinion of the first source that has one, in the order of
`--suggest` and `--model`; the others are shown beside it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from cmcc_bench.annotate.store import QuestionPlace
from cmcc_bench.errors import DataError
from cmcc_bench.hub.pull import model_folder
from cmcc_bench.models.record import read_training
from cmcc_bench.quality.calls import Call
from cmcc_bench.quality.findings import field_of
from cmcc_bench.quality.lexicon import Lexicon
from cmcc_bench.tasks import EMOTION, RESPONSE, SATISFACTION, EmotionAnswer, SatisfactionAnswer
from cmcc_bench.types import Progress, Row
from cmcc_bench.views.exchanges import Exchange, exchanges
from cmcc_bench.views.flat import emotion_rows, satisfaction_rows, without_labels
from cmcc_bench.views.response import response_rows
from cmcc_bench.vocabulary import ACTS, EMOTIONS, Vocabulary
from cmcc_bench.vocabulary import SATISFACTION as LEVELS

Opinion: TypeAlias = Mapping[int, str]  # class index of a suggested label -> detail, such as a cue or a probability
Opinions: TypeAlias = dict[QuestionPlace, Opinion]  # by utterance (None for the call) and field

_Opine: TypeAlias = "Callable[[Sequence[Call]], list[Opined]]"

_TOGETHER = 32  # calls that a model is asked about together
_KEPT = 64  # calls whose opinions of models are kept


@dataclass(frozen=True)
class Opined:
    """What a source says about a call. uncertainty: mean entropy of its probabilities in bits; 0 without any."""

    opinions: Opinions
    uncertainty: float = 0.0


@dataclass(frozen=True)
class Source:
    """A source of suggestions. name: data, model or lexicon. ask: what it says about calls, in their order.

    is_slow: its opinions are computed ahead and kept.
    """

    name: str
    ask: _Opine
    is_slow: bool = False


def data_source() -> Source:
    """The labels that the data have."""

    def ask(call: Call) -> Opined:
        """The labels of each annotated utterance and of the call."""
        opinions: Opinions = {}
        for number, utterance in enumerate(call.row["utterances"]):
            field = field_of(utterance["speaker"])
            if utterance[field] is not None:
                opinions[number, field] = dict.fromkeys(utterance[field], "")
        if call.row["satisfaction"] is not None:
            opinions[None, "satisfaction"] = {call.row["satisfaction"]: ""}
        return Opined(opinions)

    return Source("data", lambda calls: list(map(ask, calls)))


def lexicon_source(lexicon: Lexicon) -> Source:
    """The labels whose cues occur, of those that `cmcc check` would call missing: other cues are too common."""

    def ask(call: Call) -> Opined:
        """The labels whose cue words occur, each with the first cue."""
        opinions: Opinions = {}
        for number, utterance in enumerate(call.row["utterances"]):
            field = field_of(utterance["speaker"])
            cues_of = {cues.label: cues.find(utterance["text"]) for cues in lexicon.checked(field) if cues.missing}
            opinion = {label: cue for label, cue in cues_of.items() if cue}
            if opinion:
                opinions[number, field] = opinion
        return Opined(opinions)

    return Source("lexicon", lambda calls: list(map(ask, calls)))


def model_source(name: str) -> Source:
    """The predictions of a trained model: of emotions, of satisfaction, or of a dialogue model (emotions and acts).

    name: RUN/best, a Hub id, or tiny. Raises cmcc.DataError if it is another model.
    """
    folder = model_folder(name)
    task = read_training(folder).task
    makers = {EMOTION.name: _emotion_model, SATISFACTION.name: _satisfaction_model, RESPONSE.name: _dialogue_model}
    if task not in makers:
        hint = "Give the best checkpoint of cmcc train emotion, satisfaction or dialogue."
        raise DataError(f"a model of the task {task}", f"one of {', '.join(makers)}", hint, model=str(folder))
    ask, lock = makers[task](str(folder)), threading.Lock()

    def ask_alone(calls: Sequence[Call]) -> list[Opined]:
        """Asks the model from one thread at a time, because models are not safe to call from several."""
        with lock:
            return ask(calls)

    return Source("model", ask_alone, is_slow=True)


def _emotion_model(folder: str) -> _Opine:
    from cmcc_bench.recognition.run import open_recognizer  # imports torch

    recognize = open_recognizer(folder)

    def ask(calls: Sequence[Call]) -> list[Opined]:
        """The emotions of each user utterance."""
        rows = [emotion_rows(without_labels(call.row)) for call in calls]
        answers = iter(recognize([row for of_call in rows for row in of_call]))
        return [_of_answers([next(answers) for _ in of_call]) for of_call in rows]

    return ask


def _of_answers(answers: Sequence[EmotionAnswer]) -> Opined:
    """The emotions that a classifier found in a call."""
    opinions: Opinions = {
        (answer.utterance, "emotions"): _with_scores(map(EMOTIONS.id_of, answer.emotions), answer.scores)
        for answer in answers
    }
    return Opined(opinions, _mean([_entropy(score) for answer in answers for score in answer.scores or ()]))


def _satisfaction_model(folder: str) -> _Opine:
    from cmcc_bench.recognition.run import open_recognizer

    recognize = open_recognizer(folder)

    def ask(calls: Sequence[Call]) -> list[Opined]:
        """The satisfaction of each call."""
        answers = recognize([row for call in calls for row in satisfaction_rows(without_labels(call.row, 0))])
        return [_of_level(answer) for answer in answers]

    return ask


def _of_level(answer: SatisfactionAnswer) -> Opined:
    """The satisfaction that a classifier found in a call."""
    labels = [LEVELS.id_of(answer.satisfaction)] if answer.satisfaction else []
    opinion = _with_scores(labels, answer.scores)
    uncertainty = sum(-score * math.log2(score) for score in answer.scores or () if score > 0)
    return Opined({(None, "satisfaction"): opinion}, uncertainty)


def _dialogue_model(folder: str) -> _Opine:
    from cmcc_bench.decoding.confidence import label_exchanges
    from cmcc_bench.decoding.run import open_model

    trained = open_model(folder)

    def ask(calls: Sequence[Call]) -> list[Opined]:
        """The emotions and acts that the model generates."""
        rows = [without_labels(call.row) for call in calls]
        dialogues = [response_rows(row) for row in rows]
        labeled = label_exchanges(trained, dialogues) if any(dialogues) else [[]] * len(rows)
        return [_of_dialogue(row, predicted) for row, predicted in zip(rows, labeled, strict=True)]

    return ask


def _of_dialogue(row: Row, labeled: Sequence[Row]) -> Opined:
    """The emotions and acts that a dialogue model generated in a call. labeled: a row for each exchange."""
    opinions: Opinions = {}
    for predicted, exchange in zip(labeled, exchanges(row).exchanges, strict=True):
        opinions |= _of_exchange(predicted, exchange, row)
    return Opined(opinions, _mean([_entropy(share) for one in labeled for share in one["confidence"].values()]))


def _of_exchange(predicted: Row, exchange: Exchange, row: Row) -> Opinions:
    """The emotions and acts that a dialogue model generated; of several utterances of a side, for the longest one."""
    opinions: Opinions = {}
    for field, side, names in (("emotions", exchange.user, EMOTIONS), ("acts", exchange.service, ACTS)):
        if predicted[field] is not None and field in predicted["confidence"]:
            longest = max(side.utterances, key=lambda number: len(row["utterances"][number]["text"]))
            detail = f"{predicted['confidence'][field]:.2f}"
            opinions[longest, field] = dict.fromkeys(_read(predicted[field], names), detail)
    return opinions


def _read(text: str, names: Vocabulary) -> list[int]:
    from cmcc_bench.textform import read_labels

    return [label for name in read_labels(text) if (label := names.find(name)) is not None]


def _with_scores(labels: Iterable[int], scores: Sequence[float] | None) -> Opinion:
    return {label: f"{scores[label]:.2f}" if scores else "" for label in labels}


def _entropy(share: float) -> float:
    """The entropy of an event in bits. share: its probability."""
    return sum(-part * math.log2(part) for part in (share, 1 - share) if part > 0)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


class Suggestions:
    """The opinions of several sources. Those of slow ones are kept, and computed ahead in a thread."""

    def __init__(self, sources: Sequence[Source], open_call: Callable[[str], Call]) -> None:
        self._sources, self._open = sources, open_call
        self._kept: dict[str, Future[list[Opined]]] = {}
        self._pool = ThreadPoolExecutor(1) if any(source.is_slow for source in sources) else None

    def of(self, call: Call) -> list[tuple[str, Opinions]]:
        """The opinions about a call: (name of the source, its opinions), in the order of the sources."""
        slow = iter(self._slow(call.dialogue_id).result() if self._pool else ())
        return [
            (source.name, (next(slow) if source.is_slow else source.ask([call])[0]).opinions)
            for source in self._sources
        ]

    def prepare(self, dialogue_id: str) -> None:
        """Begins to compute the opinions about a call that will be opened soon."""
        if self._pool:
            self._slow(dialogue_id)

    def uncertainties(self, ids: Sequence[str], progress: Progress) -> dict[str, float]:
        """The mean uncertainty of all models about calls, by dialogue id."""
        models = [source for source in self._sources if source.is_slow]
        result: dict[str, float] = {}
        for start in range(0, len(ids), _TOGETHER):
            batch = ids[start : start + _TOGETHER]
            calls = [self._open(dialogue_id) for dialogue_id in batch]
            of_models = [[one.uncertainty for one in model.ask(calls)] for model in models]
            result |= {dialogue_id: _mean(values) for dialogue_id, *values in zip(batch, *of_models, strict=True)}
            progress(len(result), len(ids))
        return result

    def close(self) -> None:
        """Ends the thread."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _slow(self, dialogue_id: str) -> Future[list[Opined]]:
        assert self._pool is not None
        future = self._kept.get(dialogue_id)
        if future is None:
            future = self._kept[dialogue_id] = self._pool.submit(self._ask_slow, dialogue_id)
            for old in list(self._kept)[:-_KEPT]:
                self._kept.pop(old, None)
        return future

    def _ask_slow(self, dialogue_id: str) -> list[Opined]:
        call = self._open(dialogue_id)
        return [source.ask([call])[0] for source in self._sources if source.is_slow]

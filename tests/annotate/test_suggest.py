"""Suggestions: from cue words, the data and models; how unsure a model is; the order that follows from it."""

from types import SimpleNamespace

import pytest

import cmcc_bench.annotate.suggest as suggest
from cmcc_bench.annotate.calls import CallStore
from cmcc_bench.annotate.suggest import Opined, Source, Suggestions, data_source, lexicon_source, model_source
from cmcc_bench.errors import DataError
from cmcc_bench.quality.calls import find_source, read_calls
from cmcc_bench.quality.lexicon import load_lexicon
from cmcc_bench.tasks import EmotionAnswer, SatisfactionAnswer
from cmcc_bench.vocabulary import ACTS, EMOTIONS
from tests.annotate.work import open_work, write_calls

COMFORT = ACTS.id_of("comfort")


@pytest.fixture
def calls(tmp_path):
    return CallStore(read_calls(find_source(str(write_calls(tmp_path / "raw", 3)))))


def test_cue_words_suggest_what_a_check_would_miss(calls):
    opinions = lexicon_source(load_lexicon()).ask([calls["call-1"]])[0].opinions
    assert opinions == {
        (1, "emotions"): {1: "怎么又"},
        (2, "acts"): {COMFORT: "放心"},
        (3, "emotions"): {1: "怎么这么贵"},
    }


def test_the_data_suggest_their_labels(calls):
    opinions = data_source().ask([calls["call-1"]])[0].opinions
    assert opinions[1, "emotions"] == {0: ""} and opinions[None, "satisfaction"] == {1: ""}


@pytest.fixture
def models(monkeypatch):
    """Recognizers whose answers depend only on the texts; no label of the data reaches them."""

    def emotions(rows):
        assert all(row["emotions"] == [] for row in rows)
        scores = [
            (0.1, 0.9, *[0.0] * 7) if "贵" in row["text"] else (0.75 if "扣" in row["text"] else 0.5, *[0.0] * 8)
            for row in rows
        ]
        names = [("complain_about_a_problem",) if "贵" in row["text"] else ("neutral",) for row in rows]
        return [
            EmotionAnswer(r["dialogue_id"], r["utterance"], n, s) for r, n, s in zip(rows, names, scores, strict=True)
        ]

    def satisfaction(rows):
        return [SatisfactionAnswer(row["dialogue_id"], "satisfied", (0.25, 0.25, 0.5)) for row in rows]

    recognizers = {"emotion": emotions, "satisfaction": satisfaction}
    monkeypatch.setattr(suggest, "model_folder", lambda name: name)
    monkeypatch.setattr(suggest, "read_training", lambda folder: SimpleNamespace(task=folder))
    monkeypatch.setattr("cmcc_bench.recognition.run.open_recognizer", recognizers.__getitem__)


def test_a_model_suggests_its_predictions_with_their_probabilities(calls, models):
    opined, other = model_source("emotion").ask([calls["call-1"], calls["call-2"]])
    assert opined.opinions == {(1, "emotions"): {0: "0.75"}, (3, "emotions"): {1: "0.90"}}
    assert opined.uncertainty == pytest.approx((0.811 + 2 * 0.469) / 18, abs=1e-3)
    assert other.opinions == {(1, "emotions"): {0: "0.50"}, (3, "emotions"): {1: "0.90"}}
    (opined,) = model_source("satisfaction").ask([calls["call-1"]])
    assert opined.opinions == {(None, "satisfaction"): {2: "0.50"}} and opined.uncertainty == pytest.approx(1.5)
    with pytest.raises(DataError, match="found a model of the task entities"):
        model_source("entities")


def test_a_model_comes_before_the_cue_words_which_stay_beside_it(tmp_path, models):
    session = open_work(tmp_path, models=["emotion"])
    question = session.open(0)["questions"][1]
    assert question["proposal"] == (0,) and [m["source"] for m in question["marks"]] == ["model", "lexicon"]
    session.close()


def test_the_dialogue_model_that_ships_suggests_emotions_and_acts(calls):
    pytest.importorskip("torch")
    (opined,) = model_source("tiny").ask([calls["call-2"]])
    assert set(opined.opinions) == {(1, "emotions"), (2, "acts")} and opined.uncertainty > 0
    for (_, field), opinion in opined.opinions.items():
        assert all(label in range(len(EMOTIONS if field == "emotions" else ACTS)) for label in opinion)
        assert all(0 <= float(detail) <= 1 for detail in opinion.values())


def test_slow_sources_are_asked_once_and_ahead(calls):
    asked = []

    def ask(some):
        asked.extend(call.dialogue_id for call in some)
        return [Opined({(None, "satisfaction"): {1: ""}}, float(call.dialogue_id[-1])) for call in some]

    suggestions = Suggestions([data_source(), Source("model", ask, is_slow=True)], calls.__getitem__)
    suggestions.prepare("call-2")
    assert [name for name, _ in suggestions.of(calls["call-2"])] == ["data", "model"]
    suggestions.of(calls["call-2"])
    steps = []
    assert asked == ["call-2"]
    assert suggestions.uncertainties(["call-3", "call-1"], lambda *step: steps.append(step)) == {
        "call-3": 3,
        "call-1": 1,
    }
    assert steps == [(2, 2)]
    suggestions.close()


def test_the_most_uncertain_call_comes_first(tmp_path, models):
    session = open_work(tmp_path, models=["emotion"], order="uncertain", suggest="none")
    assert session.open(0)["id"] == "call-2"  # of call-1 the model is surer: 0.75
    session.close()

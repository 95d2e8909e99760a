"""The agreement of annotators: known values, hand-made cases, and what the command prints."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cmcc
from cmcc_bench import cli
from cmcc_bench.quality.agreement import (
    _alpha,
    _masi_distances,
    _pairs,
    _value_counts,
    alpha_interval,
    kappa,
    masi_distance,
    measure,
    ordinal_alpha,
    set_alpha,
)
from cmcc_bench.quality.annotations import acts_in, known_calls, read_annotations
from cmcc_bench.scoring import Bootstrap
from tests import raw

CASES = Path(__file__).parents[3] / "shared" / "cases" / "annotators"


def sets(*labels):
    return dict(enumerate(frozenset(one) for one in labels))


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [({1}, {1}, 0), (set(), set(), 0), ({1}, {1, 2}, 2 / 3), ({1, 2}, {2, 3}, 8 / 9), ({1}, {2}, 1), (set(), {1}, 1)],
)
def test_masi_is_as_published(first, second, distance):
    assert masi_distance(frozenset(first), frozenset(second)) == pytest.approx(distance)
    assert masi_distance(frozenset(second), frozenset(first)) == pytest.approx(distance)


def test_alpha_of_sets_of_one_label_is_the_nominal_alpha():
    # Observed disagreement 1/4; of 8 values 5 are {0}, 3 are {1}: expected 2 * 5 * 3 / (8 * 7).
    values = [sets({0}, {0}, {1}, {0}), sets({0}, {0}, {1}, {1})]
    assert set_alpha(values, range(4)) == pytest.approx(1 - (1 / 4) / (30 / 56))


def test_a_part_that_is_shared_counts_for_something():
    apart = [sets({0}, {1}, {2}), sets({0}, {1}, {3})]
    near = [sets({0}, {1}, {2}), sets({0}, {1}, {2, 3})]
    assert set_alpha(near, range(3)) > set_alpha(apart, range(3))


def test_ordinal_alpha_minds_how_far_labels_are_apart():
    near = [sets({0}, {1}, {2}, {2}), sets({0}, {1}, {2}, {1})]
    far = [sets({0}, {1}, {2}, {2}), sets({0}, {1}, {2}, {0})]
    assert ordinal_alpha(near, range(4)) > ordinal_alpha(far, range(4))


def test_what_is_not_defined_is_none():
    same = [sets({0}, {0}), sets({0}, {0})]
    assert set_alpha(same, range(2)) is None and ordinal_alpha(same, range(2)) is None
    assert kappa([True, True], [True, True]) is None


def test_kappa_of_a_known_table():
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert kappa(first, second) == pytest.approx(0.4)


answer = st.none() | st.sets(st.integers(0, 2), max_size=2)
answers = st.lists(answer, min_size=3, max_size=3).filter(lambda given: sum(one is not None for one in given) > 1)
many = st.lists(st.tuples(st.sampled_from("abcd"), answers), min_size=2, max_size=12)


def defined(value):
    return np.nan if value is None else value


@given(units=many)
@settings(max_examples=60, deadline=None)
def test_the_alpha_of_the_bootstrap_is_the_library_s(units):
    names = [(dialogue, number) for number, (dialogue, _) in enumerate(units)]
    given_by = [[(name, units[name[1]][1][who]) for name in names] for who in range(3)]
    values = [{name: frozenset(labels) for name, labels in own if labels is not None} for own in given_by]
    counts, classes = _value_counts(values, names)
    distances = _masi_distances(classes)
    sums = np.hstack([_pairs(counts, distances), counts]).sum(axis=0)
    expected = defined(set_alpha(values, names))
    assert float(_alpha(sums, len(classes), distances)) == pytest.approx(expected, nan_ok=True)


score = st.none() | st.integers(0, 2)
scores = st.lists(score, min_size=3, max_size=3).filter(lambda given: sum(one is not None for one in given) > 1)


@given(labels=st.lists(scores, min_size=2, max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_ordinal_alpha_of_the_bootstrap_is_the_library_s(labels):
    values = [
        {unit: frozenset({one[who]}) for unit, one in enumerate(labels) if one[who] is not None} for who in range(3)
    ]
    counts, classes = _value_counts(values, range(len(labels)))
    sums = np.hstack([_pairs(counts, None), counts]).sum(axis=0)
    expected = defined(ordinal_alpha(values, range(len(labels))))
    assert float(_alpha(sums, len(classes), None)) == pytest.approx(expected, nan_ok=True)


def test_the_interval_contains_alpha_and_is_fixed_by_the_seed():
    names = [(f"call-{number // 4}", number) for number in range(80)]
    first = {name: frozenset({name[1] % 3}) for name in names}
    second = first | {name: frozenset({0}) for name in names[::7]}
    interval = alpha_interval([first, second], names, "emotions", Bootstrap(200, 1))
    assert interval[0] < set_alpha([first, second], names) < interval[1]
    assert interval == alpha_interval([first, second], names, "emotions", Bootstrap(200, 1))


@pytest.fixture
def folder(tmp_path):
    raw.write(tmp_path, "calls.json", [raw.dialogue("a", [raw.turn(), raw.answer(用户情绪=None)]), raw.dialogue("b")])
    one = {"dialogues": [care("a", {"1": ["complain_about_a_problem"]}, {"0": ["comfort"]}, 3)]}
    other = {"_about": "made by a program", "dialogues": [care("a", {}, {"0": ["comfort"]}, 2), care("b", {}, {}, 2)]}
    raw.write(tmp_path, "care_one.json", one)
    raw.write(tmp_path, "care_other.json", other)
    return tmp_path


def care(dialogue_id, emotions, acts, satisfaction):
    return {"id": dialogue_id, "user_emotions": emotions, "caring_acts": acts, "satisfaction": satisfaction}


def agreement(names, data=None):
    names = [str(name) for name in names]
    calls, acts = known_calls(names, data), acts_in(names)
    return measure([read_annotations(name, calls, acts) for name in names], calls, acts)


def test_turns_that_a_care_file_does_not_list_are_neutral_and_counted(folder):
    found = agreement([folder / "care_one.json", folder / "care_other.json"])
    fields = {one.field: one for one in found.fields}
    assert found.whole and found.dialogues == 1 and found.left_out == (0, 1)
    assert fields["emotions"].units == 2 and fields["emotions"].same == 0.5
    support = {label.name: label.support for label in fields["emotions"].labels}
    assert support["neutral"] == (1, 2) and support["complain_about_a_problem"] == (1, 0)
    comfort = next(label for label in fields["acts"].labels if label.name == "comfort")
    assert comfort.support == (2, 2) and fields["acts"].same == 1


def test_disagreements_are_named_with_their_masked_text(folder):
    found = agreement([folder / "care_one.json", folder / "care_other.json"])
    emotion, satisfaction = found.disagreements
    assert (emotion.utterance, emotion.text) == (3, "怎么这么贵啊")
    assert emotion.labels == (("complain_about_a_problem",), ("neutral",))
    assert (satisfaction.field, satisfaction.labels) == ("satisfaction", (("satisfied",), ("accepted_unsolved",)))


def test_without_the_calls_only_listed_turns_are_counted_and_a_note_says_so(folder, capsys):
    (folder / "calls.json").unlink()
    names = [str(folder / "care_one.json"), str(folder / "care_other.json")]
    found = agreement(names)
    assert not found.whole and [one.units for one in found.fields] == [1, 1, 1]
    assert cli.main(["agreement", *names]) == 0
    assert "the calls are missing" in capsys.readouterr().out


def test_labeled_data_can_be_an_annotator(folder, tmp_path):
    other = raw.dialogue("a", [raw.turn(用户情绪="中性"), raw.answer(客服意图="通知", 用户情绪="中性")], 满意度=1)
    raw.write(tmp_path / "other", "calls.json", [other])
    raw.write(tmp_path / "mine", "calls.json", [raw.dialogue("a"), raw.dialogue("b")])
    found = agreement([tmp_path / "mine", tmp_path / "other"])
    assert found.dialogues == 1 and {one.field for one in found.disagreements} == {"emotions", "acts", "satisfaction"}


class TestAnnotatorsWhoShareAPartOfTheCalls:
    """Three annotators each label some of six calls with one user utterance. Scores are computed by hand."""

    @pytest.fixture
    def folder(self, tmp_path):
        raw.write(tmp_path / "raw", "calls.json", [raw.dialogue(name, [raw.turn()]) for name in "abcdef"])
        return tmp_path

    def annotate(self, folder, name, satisfactions, agitated=""):
        entries = [
            care(one, {"0": ["emotionally_more_agitated"]} if one in agitated else {}, {}, satisfaction)
            for one, satisfaction in satisfactions.items()
        ]
        raw.write(folder, name, {"dialogues": entries})
        return folder / name

    def test_alpha_is_over_units_with_two_labels_and_kappa_over_units_that_a_pair_shares(self, folder):
        one = self.annotate(folder, "x.json", {"a": 1, "b": 2, "c": 3, "d": 1}, "ab")
        two = self.annotate(folder, "y.json", {"a": 1, "b": 3, "e": 2, "f": 2}, "ae")
        three = self.annotate(folder, "z.json", {"c": 3, "d": 2, "e": 2}, "")
        found = agreement([one, two, three])
        emotions, _, satisfaction = found.fields
        assert found.dialogues == 5 and found.left_out == (0, 1, 0) and found.shared == (2, 2, 1)
        assert (emotions.units, satisfaction.units) == (5, 5)  # f was read by one alone
        assert emotions.shared == satisfaction.shared == ((2, 2), (2, 2), (1, 1))
        # Pairs (a: AA, b: AN, c: NN, d: NN, e: AN): 2 of 5 units differ; of 10 values 4 are A, 6 are N.
        assert emotions.alpha == pytest.approx(1 - (2 / 5) / (2 * 4 * 6 / (10 * 9)))
        assert emotions.same == pytest.approx(3 / 5)
        # x and y on a, b: agitated twice and once; x and z on c, d: neutral alone; y and z on e: one unit.
        assert emotions.kappa == (pytest.approx(0), None, pytest.approx(0))
        agitated = next(label for label in emotions.labels if label.name == "emotionally_more_agitated")
        assert agitated.support == (2, 2, 0) and agitated.used == ((2, 1), (0, 0), (1, 0))
        # Ordinal, values 1 1 | 2 3 | 3 3 | 1 2 | 2 2, so n = 3, 4, 3: d(1,2) = d(2,3) = 3.5², d(1,3) = 7².
        expected = 2 * (3 * 4 * 3.5**2 + 4 * 3 * 3.5**2 + 3 * 3 * 7**2) / (10 * 9)
        assert satisfaction.alpha == pytest.approx(1 - (2 * 3.5**2 / 5) / expected)
        assert [(one.dialogue_id, one.labels[2]) for one in found.disagreements if one.field == "emotions"] == [
            ("b", None),
            ("e", ("neutral",)),
        ]

    def test_a_pair_without_a_call_in_common_is_named(self, folder, capsys):
        one = self.annotate(folder, "x.json", {"a": 1, "b": 2})
        two = self.annotate(folder, "y.json", {"b": 2, "c": 3})
        three = self.annotate(folder, "z.json", {"c": 3})
        found = agreement([one, two, three])
        assert found.shared == (1, 0, 1) and [one.kappa[1] for one in found.fields] == [None] * 3
        assert cli.main(["agreement", str(one), str(two), str(three)]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert "no kappa, because they share no dialogue: A-C" in printed and "not labeled" not in printed

    def test_without_the_calls_a_dialogue_that_an_annotator_did_not_label_is_not_neutral(self, folder):
        one = self.annotate(folder, "x.json", {"a": 1, "b": 2}, "ab")
        two = self.annotate(folder, "y.json", {"b": 2, "c": 3}, "bc")
        three = self.annotate(folder, "z.json", {"c": 3, "a": 3})
        (folder / "raw" / "calls.json").unlink()
        found = agreement([one, two, three])
        assert not found.whole and found.fields[0].units == 3 and found.fields[0].shared == ((1, 1),) * 3
        assert found.fields[0].same == pytest.approx(1 / 3)

    def test_without_the_calls_a_field_that_an_annotator_does_not_list_is_not_neutral(self, folder):
        one = self.annotate(folder, "x.json", {"a": 1, "b": 2}, "ab")
        raw.write(folder, "y.json", {"dialogues": [{"id": "a", "satisfaction": 1}]})
        (folder / "raw" / "calls.json").unlink()
        emotions, _, satisfaction = agreement([one, folder / "y.json"]).fields
        assert emotions.units == 0 and emotions.alpha is None and satisfaction.units == 1

    def test_an_annotator_of_one_call_counts_only_for_that_call(self, folder):
        one = self.annotate(folder, "x.json", dict.fromkeys("abcdef", 1), "ab")
        two = self.annotate(folder, "y.json", dict.fromkeys("abcdef", 1), "ab")
        three = self.annotate(folder, "z.json", {"a": 1}, "")
        emotions = agreement([one, two, three]).fields[0]
        assert emotions.units == 6 and emotions.shared == ((6, 6), (1, 1), (1, 1))
        assert emotions.kappa[0] == 1 and emotions.alpha < 1 and emotions.same == pytest.approx(5 / 6)

    @pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
    def test_the_shared_cases_are_read_with_their_calls(self):
        found = agreement([CASES / f"{name}.json" for name in "abc"])
        assert found.whole and found.dialogues == 9 and found.shared == (3, 3, 3)
        assert [one.units for one in found.fields] == [27, 27, 9] and found.fields[0].alpha == 1


def test_no_common_dialogue_is_an_error(tmp_path):
    raw.write(tmp_path / "a", "calls.json", [raw.dialogue("a")])
    raw.write(tmp_path / "b", "calls.json", [raw.dialogue("b")])
    with pytest.raises(cmcc.DataError, match="no two annotators labeled the same dialogue"):
        agreement([tmp_path / "a", tmp_path / "b"])


class TestTheCommand:
    def test_it_prints_tables_and_the_description_of_each_file(self, folder, capsys):
        assert cli.main(["agreement", str(folder / "care_one.json"), str(folder / "care_other.json")]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        assert "Its description: made by a program" in printed and "does not say who made" in printed
        assert "disagreements: emotions 1, satisfaction 1" in printed

    def test_json_holds_every_number(self, folder, capsys):
        names = [str(folder / "care_one.json"), str(folder / "care_other.json")]
        assert cli.main(["agreement", *names, *names[:1], "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed["annotators"] == [*names, names[0]] and len(printed["fields"][0]["kappa"]) == 3

    def test_one_annotator_is_a_usage_error(self, folder, capsys):
        assert cli.main(["agreement", str(folder / "care_one.json")]) == 2
        assert "Name the labels of two or more" in capsys.readouterr().err

    def test_a_missing_library_is_named_with_its_extra(self, folder, capsys, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "krippendorff", None)
        monkeypatch.delitem(__import__("sys").modules, "cmcc_bench.quality.agreement", raising=False)
        assert cli.main(["agreement", str(folder / "care_one.json"), str(folder / "care_other.json")]) == 1
        assert "cmcc-bench[quality]" in capsys.readouterr().err


def test_the_two_public_annotators_agree_and_are_not_called_human(real_calls, capsys):
    names = [str(real_calls / f"care_annotator_{letter}.json") for letter in "ab"]
    found = agreement(names)
    assert found.dialogues == 20 and all(one.alpha > 0.8 for one in found.fields)
    cli.main(["agreement", *names])
    printed = capsys.readouterr().out
    assert "language-model" in printed and "human" not in printed


def test_unlabeled_calls_are_known_only_if_a_care_file_names_them(tmp_path):
    calls = [raw.dialogue("labeled"), raw.plain("named"), raw.plain("other"), raw.plain("by-place")]
    raw.write(tmp_path, "calls.json", calls)
    named = [care(name, {}, {}, 2) for name in ("named", "calls.json#3")]
    names = [str(raw.write(tmp_path, f"care_{who}.json", {"dialogues": named})) for who in "ab"]
    assert set(known_calls(names, None)) == {"labeled", "named", "by-place"}
    assert agreement(names).dialogues == 2


def test_data_without_a_call_that_a_care_file_names_is_an_error(folder, tmp_path):
    raw.write(tmp_path / "others", "calls.json", [raw.plain("other")])
    with pytest.raises(cmcc.DataError, match=r"label none of these calls.*--data"):
        agreement([folder / "care_one.json", folder / "care_other.json"], str(tmp_path / "others"))


def test_disputes_about_an_unlabeled_call_are_written_for_review(tmp_path):
    raw.write(tmp_path, "calls.json", [raw.plain("call")])
    emotions = {"a": {}, "b": {"1": ["complain_about_a_problem"]}}
    satisfactions = {"a": 1, "b": 2}
    names = [
        str(raw.write(tmp_path, f"care_{who}.json", {"dialogues": [care("call", emotions[who], {}, score)]}))
        for who, score in satisfactions.items()
    ]
    assert cli.main(["agreement", *names, "--adjudicate", str(tmp_path / "decided.json")]) == 0
    review = (tmp_path / "decided.review.csv").read_text("utf-8-sig")
    assert [line.split(",")[3] for line in review.splitlines() if line.startswith("call,")] == [
        "emotions",
        "satisfaction",
    ]

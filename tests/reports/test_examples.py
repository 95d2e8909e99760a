"""Table 4: which exchanges are shown, what is highlighted, and that real calls stay out."""

from dataclasses import replace

import pytest

from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.reports.examples import find_examples
from cmcc_bench.reports.systems import ResponseSystem
from cmcc_bench.tasks import RESPONSE
from cmcc_bench.textform import FORMS
from tests.scoring.rows import PLAIN_CALL, pack_call, view


class Answers(ResponseSystem):
    """A system whose predictions are given."""

    answers = None


def system(form, predictions, tmp_path):
    made = Answers(
        path=tmp_path, dataset="d", split="test", training=TrainingRecord(), form=FORMS[form], mode="end2end"
    )
    object.__setattr__(made, "answers", predictions)
    return made


@pytest.fixture(params=["synthetic-", "call-"])
def found(request, tmp_path):
    """The rows of a call with a complaint and one without, and their examples by number."""
    rows = view(*PLAIN_CALL, dialogue_id=f"{request.param}1") + view(*pack_call(), dialogue_id=f"{request.param}2")
    gold = RESPONSE.gold(rows)
    worse = [replace(p, response="打13800000000", emotions=None) for p in gold]
    systems = {"variant": system("variant", gold, tmp_path), "baseline": system("baseline", worse, tmp_path)}
    return request.param, lambda count: find_examples(systems, rows, count)


def test_real_calls_are_shown_only_if_asked_for(found):
    ids, examples = found
    if ids == "synthetic-":
        assert len(examples(None).shown) == 4 and not examples(None).licensed
    else:
        assert examples(None).shown == () and "--examples N" in examples(None).note
        assert len(examples(3).shown) == 3 and examples(3).licensed


def test_a_complaint_comes_first_with_its_labels_and_the_kb_value_marked_and_numbers_masked(found):
    _, examples = found
    first = examples(1).shown[0]
    assert first.exchange == 0 and first.emotions == ("抱怨某问题",) and first.kb_values == ("十块钱", "一个G")
    gold, variant, baseline = first.replies
    assert gold.acts == ("抱歉", "安抚") and ("十块钱", True) in gold.parts
    assert variant.emotions == ("抱怨某问题",) and baseline.emotions is None
    assert baseline.text == "打***********"
    assert examples(1).table(True).rows[0][1:3] == (first.user, gold.text)

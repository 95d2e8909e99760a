"""The confusion matrix of labels."""

from cmcc_bench.reports.confusion import confusion_of
from cmcc_bench.tasks import EMOTION, ENTITIES, EmotionAnswer, PredictedDialogue
from cmcc_bench.vocabulary import EMOTIONS

NONE = len(EMOTIONS)


def cells(*pairs):
    """The cells that are not 0, of utterances given as (gold ids, predicted ids)."""
    rows = tuple({"emotions": list(gold)} for gold, _ in pairs)
    answers = tuple(EmotionAnswer("d", 0, tuple(EMOTIONS.names[label] for label in said)) for _, said in pairs)
    counts = confusion_of("a", EMOTION, [PredictedDialogue("d", rows, answers)]).counts
    assert len(counts) == len(counts[0]) == NONE + 1
    return {(g, p): n for g, row in enumerate(counts) for p, n in enumerate(row) if n}


def test_a_wrong_label_stands_in_the_row_of_gold_and_the_column_of_the_prediction():
    assert cells(([0], [0]), ([0], [0]), ([1], [2])) == {(0, 0): 2, (1, 2): 1}


def test_of_several_labels_those_in_common_are_right_and_the_others_are_paired():
    assert cells(([1, 2], [1, 3])) == {(1, 1): 1, (2, 3): 1}
    assert cells(([1, 2], [1])) == {(1, 1): 1, (2, NONE): 1}
    assert cells(([1], [1, 4])) == {(1, 1): 1, (NONE, 4): 1}
    assert cells(([1], [])) == {(1, NONE): 1}


def test_a_task_whose_answers_are_not_labels_has_no_matrix():
    assert confusion_of("a", ENTITIES, []) is None

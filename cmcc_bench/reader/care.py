"""Care files, which hold labels without texts, and how they are merged into the dialogues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.reader.json_stream import read_json
from cmcc_bench.reader.labels import count_or_raise, is_missing, read_satisfaction, unknown_label, whole_number
from cmcc_bench.reader.report import Report
from cmcc_bench.types import Json, Row
from cmcc_bench.vocabulary import ACTS, EMOTIONS, Vocabulary, label_names, no_such_label


@dataclass(frozen=True)
class Care:
    """The care labels of one dialogue, by index of the raw turn; None if the file has no such labels.

    If there are emotions, user turns that are not listed are neutral. Acts are added to the acts of MobileCS.
    """

    satisfaction: int | None
    emotions: Mapping[int, tuple[int, ...]] | None
    acts: Mapping[int, tuple[int, ...]] | None


CareLabels = dict[str, Care]  # by dialogue id, or by "file#index" (path in the data folder) without an id


def read_care(path: Path, report: Report | None = None) -> CareLabels:
    """Reads a care file: {"dialogues": [{file, index, id, satisfaction, user_emotions, caring_acts}]}.

    Labels are English or Chinese names in any spelling that `Vocabulary.find` reads.
    report: counts invalid labels and entries, which are dropped. Without a report they raise DataError.
    Raises DataError for a file that is not a care file.
    """
    try:
        content = read_json(path)
    except DataError as error:
        hint = f"{error.hint} To build without the labels of this care file, move it out of the folder."
        raise DataError(error.found, error.expected, hint.lstrip(), **error.place) from error
    entries = content.get("dialogues") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        problem = "this is not a care file: it has no list 'dialogues'"
        raise DataError(problem, "", 'Write a care file as {"dialogues": [...]}.', file=path.name)
    repairs: Counter[str] = Counter()
    labels: CareLabels = {}
    for position, entry in enumerate(entries):
        try:
            key, care = _care_entry(entry, None if report is None else repairs)
            if key in labels:
                raise DataError(f"two entries for the dialogue {key}", "", "Remove one of them.")
            labels[key] = care
        except DataError as error:
            if report is None:
                raise error.at(file=path.name, dialogue=position) from None
            repairs["unreadable_care_entry"] += 1
    if report is not None:
        report.repaired += repairs
    return labels


def _care_entry(entry: Json, repairs: Counter[str] | None) -> tuple[str, Care]:
    if not isinstance(entry, dict):
        raise DataError(type(entry).__name__, "a JSON object", "Fix or remove the entry.")
    dialogue_id, index = entry.get("id"), entry.get("index")
    number = whole_number(index)
    key = (
        f"{entry.get('file')}#{index if number is None else number}"
        if is_missing(dialogue_id) or dialogue_id == ""
        else dialogue_id
    )
    emotions = _care_turns(entry.get("user_emotions"), "user_emotions", EMOTIONS, repairs)
    acts = _care_turns(entry.get("caring_acts"), "caring_acts", ACTS, repairs)
    return str(key), Care(read_satisfaction(entry.get("satisfaction"), repairs), emotions, acts)


def _care_turns(
    value: Json, name: str, vocabulary: Vocabulary, repairs: Counter[str] | None
) -> dict[int, tuple[int, ...]] | None:
    """The labels by turn. A turn with unknown labels only has none: it is not annotated."""
    expected = 'a JSON object of label lists by turn: {"3": [LABEL]}'
    if not isinstance(value, dict):
        if not is_missing(value):
            error = DataError(repr(value)[:80], expected, "Fix the labels.", field=name)
            count_or_raise(error, f"unreadable_label:{name}", repairs)
        return None
    labels: dict[int, tuple[int, ...]] = {}
    for key, names in value.items():
        turn = whole_number(key)
        names = label_names(names) if isinstance(names, str) else names
        if turn is None or turn < 0 or not isinstance(names, list):
            error = DataError(f"{names!r:.40} for turn {key!r:.40}", expected, "Fix the labels.", field=name)
            count_or_raise(error, f"unreadable_label:{name}", repairs)
            continue
        turn_labels = []
        for label_name in names:
            label = vocabulary.find(label_name)
            if label is None:
                error = no_such_label(label_name, vocabulary).at(turn=turn, field=name)
                count_or_raise(error, unknown_label(str(label_name)), repairs)
            else:
                turn_labels.append(label)
        labels[turn] = tuple(dict.fromkeys(turn_labels))
    return labels


def merge_care(care: Care, turns: int, utterances: list[Row], repairs: Counter[str]) -> None:
    """Adds care labels to the utterances of a dialogue with `turns` raw turns, and counts the labels they replace."""
    emotions, acts = ({t: x for t, x in (labels or {}).items() if t < turns} for labels in (care.emotions, care.acts))
    beyond = len(care.emotions or ()) + len(care.acts or ()) - len(emotions) - len(acts)
    repairs["care_label_beyond_dialogue"] += beyond
    for utterance in utterances:
        turn = utterance["turn"]
        if not utterance["speaker"]:
            added = acts.pop(turn, ())
            utterance["acts"] = (
                list(dict.fromkeys([*(utterance["acts"] or ()), *added])) if added else utterance["acts"]
            )
        elif care.emotions is not None:
            labels = list(emotions.pop(turn, (0,))) or None
            repairs["care_replaces_emotions"] += utterance["emotions"] not in (None, labels)
            utterance["emotions"] = labels
    if emotions or acts:
        repairs["care_label_without_utterance"] += len(emotions) + len(acts)

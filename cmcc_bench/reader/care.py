"""Care files: labels only, merged into the dialogues they name."""

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
    """The care labels of one dialogue, by index of the raw turn; None where the file says nothing of them.

    Where it has emotions, the users' turns that are not listed are neutral; acts are added to those of MobileCS.
    """

    satisfaction: int | None
    emotions: Mapping[int, tuple[int, ...]] | None
    acts: Mapping[int, tuple[int, ...]] | None


CareLabels = dict[str, Care]  # by dialogue id, and by "file#index" (path below the data folder) where there is no id


def read_care(path: Path, report: Report | None = None) -> CareLabels:
    """The labels of a care file: {"dialogues": [{file, index, id, satisfaction, user_emotions, caring_acts}]}.

    Labels are English or Chinese names, as `Vocabulary.find` takes them.
    report: counts labels and entries that are not right, and they are left out; without it they raise.
    Raises DataError for a file that is no care file, and without a report for what is not right in one.
    """
    try:
        content = read_json(path)
    except DataError as error:
        hint = "Check the path, fix the file, or move it out of the folder to build without its labels."
        raise DataError(error.found, "a care file", error.hint or hint, **error.place) from error
    entries = content.get("dialogues") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise DataError("no list 'dialogues'", 'a care file: {"dialogues": [...]}', file=path.name)
    repairs: Counter[str] = Counter()
    labels: CareLabels = {}
    for position, entry in enumerate(entries):
        try:
            key, care = _care_entry(entry, None if report is None else repairs)
            if key in labels:
                raise DataError(f"{key} twice", "each dialogue once")
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
        raise DataError(type(entry).__name__, "an object")
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
    """The labels of each turn; none where none of its labels is known, and the turn is not annotated then."""
    expected = "an object of label lists by turn"
    if not isinstance(value, dict):
        if not is_missing(value):
            count_or_raise(DataError(repr(value)[:80], expected, field=name), f"unreadable_label:{name}", repairs)
        return None
    labels: dict[int, tuple[int, ...]] = {}
    for key, names in value.items():
        turn = whole_number(key)
        names = label_names(names) if isinstance(names, str) else names
        if turn is None or turn < 0 or not isinstance(names, list):
            found = f"{names!r:.40} for turn {key!r:.40}"
            count_or_raise(DataError(found, expected, field=name), f"unreadable_label:{name}", repairs)
            continue
        found_labels = []
        for label_name in names:
            label = vocabulary.find(label_name)
            if label is None:
                error = no_such_label(label_name, vocabulary).at(turn=turn, field=name)
                count_or_raise(error, unknown_label(str(label_name)), repairs)
            else:
                found_labels.append(label)
        labels[turn] = tuple(dict.fromkeys(found_labels))
    return labels


def merge_care(care: Care, turns: int, utterances: list[Row], repairs: Counter[str]) -> None:
    """Puts care labels into the utterances of a dialogue of so many raw turns, and counts what they replace."""
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

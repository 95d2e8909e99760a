"""The labels of one annotator, read from a care file or from labeled data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.quality.calls import Call, find_source, read_calls
from cmcc_bench.quality.findings import USER
from cmcc_bench.reader.care import Care, CareLabels, read_care
from cmcc_bench.reader.files import find_files
from cmcc_bench.reader.json_stream import holds_no_dialogues, read_json
from cmcc_bench.vocabulary import ACTS, CARING_ACTS

Unit = tuple[str, int]  # dialogue id, and index of the utterance (of the raw turn if the calls are missing)
Labels = frozenset[int]


@dataclass(frozen=True)
class Annotations:
    """The labels that one annotator gave to dialogues, user utterances (emotions) and service utterances (care acts).

    about: the description in the source, "" if there is none. dialogues: the ids of the labeled dialogues.
    listed: by field, the ids of dialogues with listed emotions or acts; used only if the calls are missing.
    """

    name: str
    about: str
    dialogues: frozenset[str]
    satisfaction: Mapping[str, int]
    emotions: Mapping[Unit, Labels]
    acts: Mapping[Unit, Labels]
    listed: Mapping[str, frozenset[str]] = field(default_factory=dict)


def is_care_file(path: Path) -> bool:
    """Whether a file is a care file, which has labels but no texts: a JSON object with `dialogues`."""
    return path.is_file() and holds_no_dialogues(path)


def read_annotations(name: str, calls: Mapping[str, Call], acts: Iterable[int]) -> Annotations:
    """Reads the labels of an annotator from a care file or from labeled data.

    A care file that names its annotator has this annotator's labels alone: what it does not list is not annotated. What
    other care files do not list is as in the calls.
    calls: the calls that care files label, by dialogue id. If empty, only the turns that a care file lists are read.
    acts: class indices of the acts to compare.
    Raises cmcc.DataError if `name` cannot be read.
    """
    path, compared = Path(name), frozenset(acts)
    if not is_care_file(path):
        source = find_source(name)
        own = {call.dialogue_id: call for call in read_calls(source) if call.labeled}
        return _of_calls(name, "", own, {}, compared)
    care = read_care(path)
    content = read_json(path)
    about = " ".join(str(content[key]) for key in ("_about", "_revised") if key in content)
    if not calls:
        return _of_turns(name, about, care, compared)
    keys = {  # the key of each dialogue in the care file: its id, or else file#index
        call.dialogue_id: key for call in calls.values() for key in _keys(call) if key in care
    }
    labeled = {dialogue_id: calls[dialogue_id] for dialogue_id in keys}
    if "annotator" in content:
        labeled = {dialogue_id: _without_labels(call) for dialogue_id, call in labeled.items()}
    return _of_calls(name, about, labeled, {dialogue_id: care[key] for dialogue_id, key in keys.items()}, compared)


def _without_labels(call: Call) -> Call:
    utterances = [{**utterance, "emotions": None, "acts": None} for utterance in call.row["utterances"]]
    return replace(call, row={**call.row, "satisfaction": None, "utterances": utterances})


def known_calls(names: Sequence[str], data: str | None) -> dict[str, Call]:
    """The calls that annotators may have labeled, by dialogue id, without care labels.

    These are all labeled calls, and the unlabeled ones that a care file names; others are not kept in memory.
    data: the data set with the calls. By default the first source that is not a care file, or else the raw files in
    the folder of the first care file. The result is empty if there are none. Raises cmcc.DataError if none of the calls
    is named.
    """
    labeled = [name for name in names if not is_care_file(Path(name))]
    sources = ([data] if data else labeled[:1]) or _raw_files(Path(names[0]).parent)
    named = {key for name in names if is_care_file(Path(name)) for key in read_care(Path(name))}
    read, kept = 0, dict[str, Call]()
    for call in (call for source in sources for call in read_calls(find_source(source, without_care=True))):
        read += 1
        if call.labeled or not named.isdisjoint(_keys(call)):
            kept[call.dialogue_id] = call
    if read and not kept:
        hint = "Give --data the folder of the calls that the care files label."
        raise DataError("the care files label none of these calls", "", hint, data=", ".join(sources))
    return kept


def _keys(call: Call) -> tuple[str, str]:
    """The two names that a call may have in a care file, the more precise one last."""
    return f"{call.file}#{call.index}", call.dialogue_id


def _raw_files(folder: Path) -> list[str]:
    try:
        return [str(file.path) for file in find_files(folder)[0] if not is_care_file(file.path)]
    except DataError:
        return []


def acts_in(names: Iterable[str]) -> set[int]:
    """Class indices of the acts to compare: the caring acts, and all acts in the care files."""
    acts = set(map(ACTS.id_of, CARING_ACTS))
    for path in map(Path, names):
        if is_care_file(path):
            acts |= {act for care in read_care(path).values() for turn in (care.acts or {}).values() for act in turn}
    return acts


def _of_calls(
    name: str, about: str, calls: Mapping[str, Call], care: Mapping[str, Care], compared: Labels
) -> Annotations:
    satisfaction: dict[str, int] = {}
    emotions: dict[Unit, Labels] = {}
    acts: dict[Unit, Labels] = {}
    no_labels = Care(None, None, None)
    # The row of an unlabeled call, which a care file may label, has no labels.
    for dialogue_id, call in calls.items():
        own = care.get(dialogue_id, no_labels)
        label = call.row.get("satisfaction") if own.satisfaction is None else own.satisfaction
        if label is not None:
            satisfaction[dialogue_id] = label
        for number, utterance in enumerate(call.row["utterances"]):
            turn = utterance["turn"]
            if utterance["speaker"] == USER:
                labels = utterance.get("emotions") if own.emotions is None else own.emotions.get(turn, (0,))
                if labels:  # an empty list in a care file: this utterance is not annotated
                    emotions[dialogue_id, number] = frozenset(labels)
            elif utterance.get("acts") is not None or own.acts is not None:
                added = (own.acts or {}).get(turn, ())
                acts[dialogue_id, number] = compared.intersection((*(utterance.get("acts") or ()), *added))
    return Annotations(name, about, frozenset(calls), satisfaction, emotions, acts)


def _of_turns(name: str, about: str, care: CareLabels, compared: Labels) -> Annotations:
    """The labels of a care file without its calls, by dialogue and raw turn: only listed turns are included."""
    emotions = {(key, turn): frozenset(x) for key, one in care.items() for turn, x in (one.emotions or {}).items()}
    acts = {(key, turn): compared & frozenset(x) for key, one in care.items() for turn, x in (one.acts or {}).items()}
    satisfaction = {key: one.satisfaction for key, one in care.items() if one.satisfaction is not None}
    listed = {
        "emotions": frozenset(key for key, one in care.items() if one.emotions is not None),
        "acts": frozenset(key for key, one in care.items() if one.acts is not None),
    }
    return Annotations(name, about, frozenset(care), satisfaction, emotions, acts, listed)

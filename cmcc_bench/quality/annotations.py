"""The labels of one annotator: from a care file, or from labelled data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cmcc_bench.errors import DataError
from cmcc_bench.quality.calls import Call, find_source, read_calls
from cmcc_bench.quality.findings import USER
from cmcc_bench.reader.care import Care, CareLabels, read_care
from cmcc_bench.reader.files import find_files
from cmcc_bench.reader.json_stream import holds_no_dialogues, read_json
from cmcc_bench.vocabulary import ACTS, CARING_ACTS

Unit = tuple[str, int]  # dialogue id, and index of the utterance (of the raw turn where no calls are known)
Labels = frozenset[int]


@dataclass(frozen=True)
class Annotations:
    """What one annotator said of each dialogue, user utterance (emotions) and service utterance (care acts).

    about: what the source says of itself, "" where it says nothing. dialogues: all that it labels; it says nothing of
    any other. listed: by field, the dialogues of which it lists emotions or acts, where the calls are not known.
    """

    name: str
    about: str
    dialogues: frozenset[str]
    satisfaction: Mapping[str, int]
    emotions: Mapping[Unit, Labels]
    acts: Mapping[Unit, Labels]
    listed: Mapping[str, frozenset[str]] = field(default_factory=dict)


def is_care_file(path: Path) -> bool:
    """Whether a file is one of labels alone: an object with `dialogues`."""
    return path.is_file() and holds_no_dialogues(path)


def read_annotations(name: str, calls: Mapping[str, Call], acts: Iterable[int]) -> Annotations:
    """The labels of a care file, over the calls that it is about, or of labelled data.

    calls: by dialogue id; without any, a care file's turns are all that is known of them.
    acts: those that are compared.
    Raises cmcc.DataError when there is nothing to read.
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
    keys = {  # what the care file calls each dialogue: the id goes before file#index
        call.dialogue_id: key
        for call in calls.values()
        for key in (f"{call.file}#{call.index}", call.dialogue_id)
        if key in care
    }
    labelled = {dialogue_id: calls[dialogue_id] for dialogue_id in keys}
    return _of_calls(name, about, labelled, {dialogue_id: care[key] for dialogue_id, key in keys.items()}, compared)


def known_calls(names: Sequence[str], data: str | None) -> dict[str, Call]:
    """The labelled and unlabelled calls that annotations are about, by dialogue id, without any care labels.

    data: where they are; without it, the first annotator's data, or else the raw files in the folder of the first care
    file, whatever its care files are called. Empty where there are none.
    """
    labelled = [name for name in names if not is_care_file(Path(name))]
    named = [data] if data else labelled[:1]
    sources = named or _raw_files(Path(names[0]).parent)
    found = [read_calls(find_source(source, without_care=True)) for source in sources]
    return {call.dialogue_id: call for calls in found for call in calls}


def _raw_files(folder: Path) -> list[str]:
    try:
        return [str(file.path) for file in find_files(folder)[0] if not is_care_file(file.path)]
    except DataError:
        return []


def acts_in(names: Iterable[str]) -> set[int]:
    """The caring acts, and every other act that some care file adds."""
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
    nothing = Care(None, None, None)
    for dialogue_id, call in calls.items():
        own = care.get(dialogue_id, nothing)
        said = call.row["satisfaction"] if own.satisfaction is None else own.satisfaction
        if said is not None:
            satisfaction[dialogue_id] = said
        for number, utterance in enumerate(call.row["utterances"]):
            turn = utterance["turn"]
            if utterance["speaker"] == USER:
                labels = utterance["emotions"] if own.emotions is None else own.emotions.get(turn, (0,))
                if labels is not None:
                    emotions[dialogue_id, number] = frozenset(labels)
            elif utterance["acts"] is not None or own.acts is not None:
                added = (own.acts or {}).get(turn, ())
                acts[dialogue_id, number] = compared.intersection((*(utterance["acts"] or ()), *added))
    return Annotations(name, about, frozenset(calls), satisfaction, emotions, acts)


def _of_turns(name: str, about: str, care: CareLabels, compared: Labels) -> Annotations:
    """A care file without its calls: the turns that it lists, by dialogue and turn."""
    emotions = {(key, turn): frozenset(x) for key, one in care.items() for turn, x in (one.emotions or {}).items()}
    acts = {(key, turn): compared & frozenset(x) for key, one in care.items() for turn, x in (one.acts or {}).items()}
    satisfaction = {key: one.satisfaction for key, one in care.items() if one.satisfaction is not None}
    listed = {
        "emotions": frozenset(key for key, one in care.items() if one.emotions is not None),
        "acts": frozenset(key for key, one in care.items() if one.acts is not None),
    }
    return Annotations(name, about, frozenset(care), satisfaction, emotions, acts, listed)

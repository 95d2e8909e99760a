"""Reads SereTOD Track 2's test and result files, and computes the scores of SereTOD's scorer for a result file.

    scores = score_track2(read_results("result.json", gold="test_with_gold.json"))

A result file is a test file with the generated texts filled in, as `cmcc predict --format seretod` and SereTOD's
baseline write it. The gold texts are in the same file or in a second file. Dialogues without exchanges are not scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from cmcc_bench.errors import DataError
from cmcc_bench.reader.files import find_files
from cmcc_bench.reader.json_stream import raw_dialogues
from cmcc_bench.reader.track2 import Track2Dialogue, read_track2
from cmcc_bench.scoring import seretod
from cmcc_bench.scoring.bootstrap import Bootstrap
from cmcc_bench.scoring.response import response_measure
from cmcc_bench.scoring.score import Comparison, Scores, comparison_of, scores_of
from cmcc_bench.scoring.seretod_form import Flat, fold_acts
from cmcc_bench.tasks import RESPONSE, Measure, PredictedDialogue

_GOLD = ("用户意图", "客服意图", "客服")
_GENERATED = tuple(f"{key}-生成" for key in _GOLD)
_SAME_FILE = "Score the result file against the gold of the same test file."
_CHECKED = 100  # dialogues that are read to detect the format; dialogues without exchanges do not show it


@dataclass(frozen=True)
class Track2File:
    """The dialogues of a file in order: as cmcc.read_track2 reads them, and as decoded JSON objects."""

    path: Path
    dialogues: tuple[Track2Dialogue, ...]
    raw: tuple[Mapping[str, Any], ...]


def is_track2(path: str | Path) -> bool:
    """Whether a path is a Track 2 file or a folder of such files: one of its first dialogues has this format."""
    if not Path(path).exists():
        return False
    try:
        files, _ = find_files(path)
        first = islice((raw for file in files for raw in raw_dialogues(file)), _CHECKED)
        return any(raw.source_format == "track2" for raw in first)
    except DataError:
        return False  # the reader reports what is wrong


def read_track2_file(path: str | Path) -> Track2File:
    """Reads a Track 2 test or result file. Raises cmcc.DataError for other files, and if an id occurs twice."""
    dialogues = tuple(read_track2(path))
    seen = set[str]()
    for dialogue in dialogues:
        if dialogue.dialogue_id in seen:
            hint = "Remove one of the two dialogues."
            raise DataError("a second dialogue with this id", "", hint, file=str(path), dialogue=dialogue.dialogue_id)
        seen.add(dialogue.dialogue_id)
    raw = tuple(dialogue.value for file in find_files(path)[0] for dialogue in raw_dialogues(file))
    return Track2File(Path(path), dialogues, raw)


def read_results(path: str | Path, gold: str | Path | None = None, fold_caring: bool = False) -> list[Flat]:
    """The dialogues with exchanges of a result file, for score_track2: {"id", "KB", "goal", "content"}.

    gold: a Track 2 file with the gold fields, KB and goal of the same dialogues; None if the result file has them.
    fold_caring: replaces the caring acts of both sides by MobileCS's 13 acts.
    Raises cmcc.DataError if gold fields or generated texts are missing, or the two files have different dialogues.
    """
    if gold is not None and not is_track2(gold):
        hint = f"Pass the Track 2 test file that was decoded, with the gold fields {', '.join(_GOLD)}."
        raise DataError("not a SereTOD Track 2 file", "", hint, gold=str(gold))
    result = read_track2_file(path)
    source = result if gold is None else read_track2_file(gold)
    _check_generated(result)
    if gold is not None:
        _check_same(result, source)
    generated = {d.dialogue_id: raw["content"] for d, raw in zip(result.dialogues, result.raw, strict=True)}
    flat = []
    for dialogue, raw in zip(source.dialogues, source.raw, strict=True):
        if dialogue.exchanges:
            _check_gold(source, dialogue, gold is None)
            pairs = zip(raw["content"], generated[dialogue.dialogue_id], strict=True)
            content = [_turn(gold_turn, generated_turn, fold_caring) for gold_turn, generated_turn in pairs]
            flat.append(
                {"id": dialogue.dialogue_id, "KB": dialogue.kb, "goal": dialogue.goal or {}, "content": content}
            )
    return flat


def _turn(gold: Mapping[str, Any], generated: Mapping[str, Any], fold_caring: bool) -> dict[str, str]:
    """The gold and generated fields of an exchange. SereTOD's scorer skips exchanges without generated fields."""
    turn = {key: gold[key] for key in _GOLD}
    if _GENERATED[0] in generated:
        turn |= {key: generated.get(key, "") for key in _GENERATED}
    return {key: fold_acts(text) if fold_caring and key.startswith("客服意图") else text for key, text in turn.items()}


def _check_generated(result: Track2File) -> None:
    """Raises cmcc.DataError if no exchange has a generated text."""
    exchanges = [exchange for dialogue in result.dialogues for exchange in dialogue.exchanges]
    if not any(e.generated_user_intent or e.generated_acts or e.generated_response for e in exchanges):
        problem = f"no generated text in the fields {', '.join(_GENERATED)}"
        hint = "Run cmcc predict MODEL TEST_FILE --format seretod --out RESULT.json and score RESULT.json."
        raise DataError(problem, "", hint, file=str(result.path))


def _check_gold(source: Track2File, dialogue: Track2Dialogue, is_result: bool) -> None:
    """Raises cmcc.DataError if a gold field is missing. is_result: whether the source is the result file itself."""
    for number, exchange in enumerate(dialogue.exchanges):
        gold = dict(zip(_GOLD, (exchange.user_intent, exchange.acts, exchange.response), strict=True))
        for key, text in gold.items():
            if text is None:
                with_gold = f"a Track 2 file with the gold fields {', '.join(_GOLD)}"
                hint = "Run cmcc score RESULT.json GOLD.json, where GOLD.json is" if is_result else "Pass"
                place: dict[str, str | int | None] = {"file": str(source.path), "dialogue": dialogue.dialogue_id}
                raise DataError(
                    "the gold field is missing", "", f"{hint} {with_gold}.", **place, turn=number, field=key
                )


def _check_same(result: Track2File, gold: Track2File) -> None:
    """Raises cmcc.DataError if the dialogues with exchanges differ in their ids or in the user's texts."""
    generated = {d.dialogue_id: d for d in result.dialogues if d.exchanges}
    reference = {d.dialogue_id: d for d in gold.dialogues if d.exchanges}
    for name in [*reference, *generated]:
        if name not in generated or name not in reference:
            lacking, other = (result, gold) if name not in generated else (gold, result)
            problem = f"this dialogue of {other.path.name} is missing"
            raise DataError(problem, "", _SAME_FILE, file=str(lacking.path), dialogue=name)
        if [e.user for e in generated[name].exchanges] != [e.user for e in reference[name].exchanges]:
            problem = f"the user's texts in the {len(generated[name].exchanges)} exchanges differ from those in the"
            problem += f" {len(reference[name].exchanges)} exchanges of {gold.path.name}"
            raise DataError(problem, "", _SAME_FILE, file=str(result.path), dialogue=name, field="用户")


def score_track2(dialogues: Sequence[Flat], bootstrap: Bootstrap = Bootstrap(), fold_caring: bool = False) -> Scores:
    """The scores of SereTOD's scorer, with confidence intervals.

    dialogues: the result of read_results. fold_caring: the value that read_results was called with. Raises
    cmcc.DataError without dialogues, or if a KB or goal has another format.
    """
    return scores_of(RESPONSE, _measure(fold_caring), _predicted(dialogues), bootstrap)


def compare_track2(
    dialogues_a: Sequence[Flat],
    dialogues_b: Sequence[Flat],
    bootstrap: Bootstrap = Bootstrap(),
    fold_caring: bool = False,
) -> Comparison:
    """Compares two systems, a minus b, on the same dialogues in any order; arguments and errors as in score_track2."""
    by_id = {dialogue["id"]: dialogue for dialogue in dialogues_b}
    if by_id.keys() != {dialogue["id"] for dialogue in dialogues_a}:
        raise DataError("the two result files have different dialogues", "", "Compare result files of one test file.")
    a, b = _predicted(dialogues_a), _predicted([by_id[dialogue["id"]] for dialogue in dialogues_a])
    measure = _measure(fold_caring)
    return comparison_of(RESPONSE, (measure, measure), a, b, bootstrap)


def _measure(fold_caring: bool) -> Measure:
    """The measure of the version seretod, for dialogues that have SereTOD's format already."""
    return replace(response_measure("seretod", fold_caring), count=_counts)


def _predicted(dialogues: Sequence[Flat]) -> list[PredictedDialogue[Any]]:
    """Each dialogue as a PredictedDialogue whose only prediction is the dialogue itself, with gold and generated texts.

    Raises cmcc.DataError without dialogues.
    """
    if not dialogues:
        raise DataError("no dialogue with exchanges", "", "Score a file with at least one exchange.")
    return [PredictedDialogue(flat["id"], tuple(flat["content"]), (flat,)) for flat in dialogues]


def _counts(dialogue: PredictedDialogue[Any]) -> tuple[int, ...]:
    """The counts of one dialogue. Raises cmcc.DataError if its KB or goal has another format."""
    try:
        return seretod.count_dialogue(dialogue.predictions[0]).flat()
    except (AttributeError, KeyError, TypeError) as error:
        expected = 'KB {"ent-1": {"name": "...", "SLOT": "..."}} and goal {"ent-1": {"SLOT": "?"}}'
        raise DataError(repr(error), expected, dialogue=dialogue.dialogue_id, field="KB, goal") from error

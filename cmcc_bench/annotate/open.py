"""Opens the sessions of the page, a function for each mode."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cmcc_bench.annotate.adjudicate import AdjudicatedFile, adjudicate_mode
from cmcc_bench.annotate.calls import CallStore, check_out
from cmcc_bench.annotate.care import CareFile, decisions_of_care, read_own_care
from cmcc_bench.annotate.plan import read_plan
from cmcc_bench.annotate.review import ReviewFile, review_mode
from cmcc_bench.annotate.session import AnnotateMode, AnnotationSession
from cmcc_bench.annotate.store import DecisionStore, journal_path
from cmcc_bench.annotate.suggest import Suggestions, data_source, lexicon_source, model_source
from cmcc_bench.corpus import fingerprint_of, short_name
from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes
from cmcc_bench.quality.adjudication import Adjudication, Decided
from cmcc_bench.quality.calls import CallSource, find_source, read_calls
from cmcc_bench.quality.lexicon import load_lexicon
from cmcc_bench.quality.review import ReviewItem, check_new
from cmcc_bench.types import Progress
from cmcc_bench.vocabulary import ACTS

SUGGESTIONS = ("lexicon", "data", "none")


@dataclass(frozen=True)
class AnnotationSettings:
    """How calls are annotated.

    all_acts: label all acts, not only the caring ones. suggest: one of SUGGESTIONS. models: trained models whose
    predictions are suggested, before the others. order: given, random (by `seed`) or uncertain. plan: a file that says
    whose the calls are.
    """

    all_acts: bool = False
    suggest: str = SUGGESTIONS[0]
    lexicon: Path | None = None
    models: Sequence[str] = ()
    order: str = "given"
    seed: int = 0
    plan: Path | None = None


def open_annotation(
    data: str,
    annotator: str,
    out: Path,
    settings: AnnotationSettings = AnnotationSettings(),
    progress: Callable[[str], Progress] = lambda _: lambda _done, _total: None,
) -> AnnotationSession:
    """Opens a data set for an annotator, and goes on where an earlier start ended.

    out: the care file to write. progress: makes the callback of a step that takes long, from its description.
    Raises cmcc.DataError if the data, the plan, a model or the file cannot be used.
    """
    check_out(out, ".json")
    own = read_plan(settings.plan, annotator) if settings.plan else None
    calls = _read(data, own, progress("reading calls"))
    sources = [model_source(name) for name in settings.models]
    if settings.suggest != "none":
        sources.append(data_source() if settings.suggest == "data" else lexicon_source(load_lexicon(settings.lexicon)))
    suggestions = Suggestions(sources, calls.__getitem__)
    acts = {"acts": range(len(ACTS))} if settings.all_acts else {}
    mode = AnnotateMode(suggestions, **acts)
    order = _ordered(own or list(calls), settings, suggestions, progress("asking the model"))
    is_first = out.exists() and not journal_path(out).exists()
    earlier = decisions_of_care(read_own_care(out, annotator), calls, out) if is_first else []
    if is_first:  # its notes are not read back
        write_bytes(out.with_suffix(".before.json"), out.read_bytes(), private=True)
    owner = {"made_by": "cmcc annotate", "annotator": annotator, "acts": "all" if settings.all_acts else "caring"}
    store = DecisionStore(out, owner, CareFile(annotator, calls), mode.sizes(calls))
    if earlier:
        store.import_all(earlier)
    return AnnotationSession(mode, annotator, short_name(data), calls, order, store)


def _read(data: str, only: Sequence[str] | None, progress: Progress) -> CallStore:
    source = find_source(data)
    done = 0

    def advance(amount: int) -> None:
        """Adds to what was read."""
        nonlocal done
        done += amount
        progress(done, source.size)

    calls = CallStore(read_calls(source, lambda *_: None, advance), None if only is None else set(only))
    missing = [dialogue_id for dialogue_id in only or () if dialogue_id not in calls.speakers]
    if missing:
        problem = f"the plan has {len(missing)} calls that the data lack, such as {missing[0]}"
        raise DataError(problem, "", "Use the DATA for which the plan was written.", dataset=data)
    return calls


def _ordered(
    ids: Sequence[str], settings: AnnotationSettings, suggestions: Suggestions, progress: Progress
) -> list[str]:
    result = list(ids)
    if settings.order == "random":
        random.Random(settings.seed).shuffle(result)
    elif settings.order == "uncertain":
        if not settings.models:
            raise DataError("--order uncertain needs a model", "", "Add --model RUN/best, or use --order random.")
        result.sort(key=suggestions.uncertainties(ids, progress).__getitem__, reverse=True)
    return result


def open_review(
    source: CallSource, items: Sequence[ReviewItem], annotator: str, out: Path, title: str
) -> AnnotationSession:
    """Opens the questions of a review for an annotator, and goes on where an earlier start ended.

    out: the review file to write, .csv or .jsonl, with all questions and the decisions so far.
    Raises cmcc.DataError if the file exists without its journal, or its journal is of other questions.
    """
    if not journal_path(out).exists():
        check_new(out)
    mode = review_mode(items)
    calls = CallStore(read_calls(source, lambda *_: None), mode.questions)
    owner = {
        "made_by": "cmcc check",
        "annotator": annotator,
        "questions": fingerprint_of(map(ReviewItem.as_dict, items)),
    }
    store = DecisionStore(out, owner, ReviewFile(out, annotator, items), mode.sizes())
    return AnnotationSession(mode, annotator, title, calls, list(mode.questions), store)


def open_adjudication(
    source: CallSource,
    adjudication: Adjudication,
    taken: Mapping[int, Decided],
    annotator: str,
    out: Path,
    title: str,
) -> AnnotationSession:
    """Opens what annotators disagree about for the one who decides, and goes on where an earlier start ended.

    taken: the disputes that are decided already, by position. out: the care file to write, .json, with the labels that
    are agreed and those decided so far; its log, with what each annotator gave, is beside it.
    Raises cmcc.DataError if the file exists without its journal, or its journal is of other disputes.
    """
    check_out(out, ".json")
    if out.exists() and not journal_path(out).exists():
        raise DataError("the file exists already", "", "Choose another path or move the file.", file=str(out))
    asked = [dispute for at, dispute in enumerate(adjudication.disputes) if at not in taken]
    mode = adjudicate_mode(asked)
    calls = CallStore(read_calls(source, lambda *_: None), {*adjudication.agreed, *adjudication.disputes_of})
    order = [dialogue_id for dialogue_id in calls if dialogue_id in mode.questions]
    owner = {"made_by": "cmcc agreement", "annotator": annotator, "questions": fingerprint_of(map(asdict, asked))}
    file = AdjudicatedFile(annotator, calls, adjudication, taken)
    store = DecisionStore(out, owner, file, mode.sizes())
    return AnnotationSession(mode, annotator, title, calls, order, store)

"""The tables of a model's card: its scores with their intervals, in both versions, beside the paper's numbers."""

from __future__ import annotations

from collections.abc import Sequence

from cmcc_bench import paper
from cmcc_bench.cards.escape import shown
from cmcc_bench.cards.scores import Scored, ScoredAnswers, ScoredResponses
from cmcc_bench.reports.recognition import label_table, published_result
from cmcc_bench.reports.table import ReportTable, decimals_of, mark, published_cell, score_cell, score_name

_RESPONSE = {"intent_f1": "user intent F1", "success": "success", "act_f1": "act F1", "bleu": "BLEU-4"}
_MODES = {"end2end": "End to end", "oracle": "With gold segments before the response (oracle)"}


def result_tables(scored: Sequence[Scored]) -> list[ReportTable]:
    """The tables of all files that were scored."""
    return [
        table
        for one in scored
        for table in (response_tables(one) if isinstance(one, ScoredResponses) else answer_tables(one))
    ]


def response_tables(scored: ScoredResponses) -> list[ReportTable]:
    """A dialogue model's table, and that of the emotions that it wrote along."""
    system, strict = scored.system, scored.strict
    published = paper.RESPONSE_RESULTS.get((system.form.name, system.mode)) if not system.training.suffix else None
    rows = []
    for key, name in _RESPONSE.items():
        if system.mode == "oracle" and key != "bleu":
            continue  # gold, not the model's own
        cells = (score_cell(one.scores[key], decimals_of(key)) for one in (strict, scored.seretod))
        rows.append((name, *cells, published_cell(getattr(published, key, None))))
        if key == "act_f1" and strict.fold_caring:
            whole = score_cell(scored.all_acts.scores["act_f1"])
            rows.append(("act F1 against all 17 acts", whole, "–", "–"))
    notes = [
        *(["Act F1: against gold with the caring acts folded back, as the paper scores it."] * strict.fold_caring),
        _sizes(strict.dialogues, strict.exchanges, "exchanges", strict.resamples, strict.seed),
        f"BLEU-4, strict: {shown(strict.signature)}; seretod: {shown(scored.seretod.signature)}",
    ]
    title = f"{_MODES.get(system.mode, shown(system.mode))}{_place(scored)}"
    columns = ("score", "strict [95 %]", "seretod [95 %]", "paper")
    return [ReportTable(title, columns, tuple(rows), tuple(notes)), *_emotion_tables(scored)]


def _emotion_tables(scored: ScoredResponses) -> list[ReportTable]:
    found = scored.emotions
    if found is None:
        return []
    is_published = scored.system.key == ("variant", "end2end", "")
    published = paper.EMOTION_RESULTS["generation"] if is_published else None
    rows = [
        (score_name(key), score_cell(found.scores[key]), published_cell(getattr(published, key, None)))
        for key in ("micro_f1", "macro_f1")
    ]
    notes = (
        "The emotions that it writes before the acts, on the utterances that have a reply.",
        _sizes(found.dialogues, found.items, "utterances", found.resamples, found.seed),
    )
    return [ReportTable(f"Emotions{_place(scored)}", ("score", "value [95 %]", "paper"), tuple(rows), notes)]


def answer_tables(scored: ScoredAnswers) -> list[ReportTable]:
    """A recogniser's table, and that by label."""
    system, found = scored.system, scored.scores
    published = published_result(found.task, system)
    rows = [
        (score_name(key), score_cell(interval), published_cell(getattr(published, key, None)))
        for key, interval in found.scores.items()
    ]
    notes = (
        "A label that occurs on neither side counts 0 in a macro score.",
        _sizes(found.dialogues, found.items, "dialogues" if found.task == "satisfaction" else "utterances",
               found.resamples, found.seed),
    )  # fmt: skip
    title = f"{found.task.capitalize()}{_place(scored)}"
    table = ReportTable(title, ("score", "value [95 %]", "paper"), tuple(rows), notes)
    return [table, label_table(f"{found.task.capitalize()} by label", found, scored.synthetic)]


def _place(scored: Scored) -> str:
    """Where the scores are from; scored anew from the file of this name."""
    return f", {scored.system.split} split{mark(scored.synthetic)}"


def _sizes(dialogues: int, items: int, what: str, resamples: int, seed: int) -> str:
    counted = f"{dialogues} dialogues" + (f", {items} {what}" if what != "dialogues" else "")
    return f"{counted}; 95 % intervals from {resamples} resamples of the dialogues, seed {seed}."

"""Tables 5 and 9, satisfaction, and what unlabeled dialogues bring, made of files of answers."""

import json
from dataclasses import replace
from functools import cache

import pytest

import cmcc
from cmcc_bench import cli
from cmcc_bench.dataset import build
from cmcc_bench.models.record import TrainingRecord
from cmcc_bench.reports.headline import headline_tables
from cmcc_bench.reports.report import make_report
from cmcc_bench.scoring import Bootstrap, write_prediction
from cmcc_bench.simulate import write_corpus
from cmcc_bench.tasks import answer_line, task_of
from tests.scoring.rows import gold_predictions

TEST, TRAIN = "test", "train"


def write_answers(folder, name, training, answers, dataset="sample"):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.jsonl").write_bytes(b"".join(map(answer_line, answers)))
    facts = {"task": training.task, "dataset": dataset, "split": TEST, "training": training.as_dict()}
    (folder / f"{name}.jsonl.run.json").write_text(json.dumps(facts | {"finished": True, "form": "", "mode": ""}))


@cache  # the simple baseline takes seconds to learn
def bounds(task):
    rows = task_of(task).split_rows("sample", TEST)
    return task_of(task).bounds(task_of(task).split_rows("sample", TRAIN), rows, seed=5)


def write_variant(folder, **changes):
    folder.mkdir(exist_ok=True)
    rows = task_of("response").split_rows("sample", TEST)
    with (folder / "variant.jsonl").open("wb") as stream:
        for prediction in gold_predictions(rows):
            write_prediction(stream, replace(prediction, **changes))
    facts = {"form": "variant", "mode": "end2end", "dataset": "sample", "split": TEST}
    (folder / "variant.jsonl.run.json").write_text(json.dumps(facts))


def tables(folder, resamples=30):
    return {table.title.split(" — ")[0]: table for table in make_report([folder], Bootstrap(resamples)).tables}


def test_table_5_has_both_models_the_n_gram_baseline_and_the_scores_of_the_paper(tmp_path):
    found = bounds("emotion")
    write_answers(tmp_path / "runs", "emotion", TrainingRecord("emotion"), found["gold"])
    write_answers(tmp_path / "runs", "context", TrainingRecord("emotion", options=("with context",)), found["random"])
    write_variant(tmp_path / "runs")
    made = tables(tmp_path / "runs")
    rows = {row[0]: row[2:] for row in made["Table 5, emotions"].rows}
    assert list(rows)[0:3] == [
        "Classification-based",
        "Classification-based, with context",
        "Generation-based: Variant (End2End)",
    ]
    assert list(rows)[3:] == ["gold", "character n-grams, logistic regression", "majority", "random"]
    assert rows["Classification-based"][1::2][:2] == ("0.859", "0.301")
    assert rows["Generation-based: Variant (End2End)"][1::2][:2] == ("0.832", "0.393")
    assert rows["Generation-based: Variant (End2End)"][0] == rows["gold"][0] == "1.000 [1.00, 1.00]"
    assert "have a reply" in made["Table 5, emotions"].notes[0]
    assert all("SYNTHETIC" in table.title for table in made.values())
    labels = made["Table 5, emotions, per label: Classification-based"]
    assert [row[0] for row in labels.rows] == list(cmcc.EMOTIONS)
    paired = made["Table 5, emotions, paired bootstrap test"]
    assert len(paired.rows) == 5
    interval = "the 95 % confidence interval of the difference"
    assert paired.notes[0].endswith(f"{interval} excludes 0 for macro F1 (positive).")


def test_recognizers_of_another_data_set_have_a_table_of_their_own(tmp_path):
    write_variant(tmp_path / "runs")
    write_answers(tmp_path / "runs", "emotion", TrainingRecord("emotion"), bounds("emotion")["random"])
    for seed, (split, dialogues) in enumerate({"train": 12, "validation": 1, "test": 6}.items()):
        write_corpus(tmp_path / "raw" / split, dialogues, 0, seed)
    build(tmp_path / "raw", tmp_path / "other")
    rows = task_of("emotion").rows(str(tmp_path / "other"), (TRAIN, TEST))
    gold = task_of("emotion").bounds(rows[TRAIN], rows[TEST], seed=0)["gold"]
    write_answers(tmp_path / "runs", "other", TrainingRecord("emotion"), gold, dataset=str(tmp_path / "other"))
    report = make_report([tmp_path / "runs"], Bootstrap(30))
    tables = {table.title.split(" — ")[0]: table for table in report.tables}
    first, second = ({row[0]: row[2] for row in tables[f"Table 5, emotions{place}"].rows} for place in ("", " (other)"))
    assert "Generation-based: Variant (End2End)" in first and "Generation-based: Variant (End2End)" not in second
    assert first["Classification-based"] < second["Classification-based"] == "1.000 [1.00, 1.00]"
    assert report.dataset == "sample"
    screen = [table.columns[0] for table in headline_tables(report) if table.columns]
    assert "Table 5, emotions" in screen and "Table 5, emotions (other)" in screen


def test_table_9_has_the_tagger_with_and_without_emotions_and_the_names_of_the_baseline(tmp_path):
    found = bounds("entities")
    write_answers(tmp_path / "runs", "joint", TrainingRecord("entities"), found["gold"])
    without = [replace(answer, emotions=None) for answer in found["random"]]
    write_answers(tmp_path / "runs", "plain", TrainingRecord("entities", options=("w/o user emotion",)), without)
    write_variant(tmp_path / "runs")
    facts = json.loads((tmp_path / "runs" / "variant.jsonl.run.json").read_text()) | {"form": "baseline"}
    (tmp_path / "runs" / "variant.jsonl.run.json").write_text(json.dumps(facts))
    made = tables(tmp_path / "runs")
    paired = made["Table 9, entities, paired bootstrap test"]
    assert [row[1] for row in paired.rows] == ["entity F1", "name F1", *["entity F1"] * 2, "name F1"]
    rows = {row[0]: row[2:] for row in made["Table 9, entities"].rows}
    assert rows["Stack-propagation"][:2] == ("1.000 [1.00, 1.00]", "0.525")
    assert rows["Stack-propagation"][-1] == "0.989"
    assert rows["Stack-propagation, w/o user emotion"][1] == "0.524"
    assert rows["Stack-propagation, w/o user emotion"][-2] == "–"  # it tells no emotions
    assert rows["Baseline (End2End)"][0] == "–" and rows["Baseline (End2End)"][1] == "0.382"
    assert float(rows["Baseline (End2End)"][2].split()[0]) > 0.9  # gold names, those that are in the user's words


def test_the_table_of_satisfaction_has_no_scores_of_the_paper(tmp_path):
    write_answers(tmp_path / "runs", "s", TrainingRecord("satisfaction"), bounds("satisfaction")["gold"])
    made = tables(tmp_path / "runs")["Satisfaction"]
    assert [row[0] for row in made.rows][:2] == ["Classification", "gold"]
    assert len(made.columns) == len(made.rows[0])


def test_a_report_of_one_system_says_in_one_sentence_why_it_has_no_paired_test(tmp_path):
    write_variant(tmp_path / "runs")
    table = tables(tmp_path / "runs")["Paired bootstrap test, strict"]
    why = "Left out: no two systems to compare; run cmcc score FILE DATASET --against OTHER to compare any two."
    assert (table.columns, table.rows, table.notes) == ((), (), (why,))
    assert "|" not in table.markdown() and why in table.markdown()


def test_pseudo_labels_are_compared_with_the_same_share_of_labels_and_a_loss_is_reported(tmp_path):
    found = bounds("emotion")
    few = TrainingRecord("emotion", labeled_share=0.2)
    write_answers(tmp_path / "runs", "all", TrainingRecord("emotion"), found["gold"])
    write_answers(tmp_path / "runs", "few", few, found["gold"])
    write_answers(tmp_path / "runs", "made", replace(few, pseudo_labeled=70), found["random"])
    table = tables(tmp_path / "runs")["Unlabeled dialogues, emotion"]
    assert [row[:2] for row in table.rows] == [("100%", "0"), ("20%", "0"), ("20%", "70")]
    assert table.rows[2][-1].startswith("-") and table.rows[1][-1] == ""
    (note,) = table.notes
    assert note == (
        "With 20% of the labels, with minus without pseudo-labels: the 95 % confidence interval of the difference "
        "excludes 0 for macro F1 (negative)."
    )


def test_pseudo_labels_that_change_nothing_are_reported_as_not_significant(tmp_path):
    few = TrainingRecord("emotion", labeled_share=0.2)
    for name, training in (("few", few), ("made", replace(few, pseudo_labeled=70))):
        write_answers(tmp_path / "runs", name, training, bounds("emotion")["gold"])
    table = tables(tmp_path / "runs")["Unlabeled dialogues, emotion"]
    (note,) = table.notes
    assert note.endswith("the 95 % confidence interval of the difference includes 0 for macro F1.")


def test_two_files_of_the_same_system_are_an_error(tmp_path):
    for name in ("a", "b"):
        write_answers(tmp_path / "runs", name, TrainingRecord("satisfaction"), bounds("satisfaction")["gold"])
    with pytest.raises(cmcc.DataError, match="are both predictions of the same system"):
        make_report([tmp_path / "runs"])


def test_what_a_dialogue_model_wrote_is_scored_and_compared_as_emotions(tmp_path, capsys):
    write_answers(tmp_path, "emotion", TrainingRecord("emotion"), bounds("emotion")["random"])
    write_variant(tmp_path)
    variant, random = (str(tmp_path / f"{name}.jsonl") for name in ("variant", "emotion"))
    score = ["sample", "--task", "emotion", "--resamples", "20", "--json"]
    assert cli.main(["score", variant, *score]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["scores"]["micro_f1"]["point"] == 1 and found["items"] < len(
        task_of("emotion").split_rows("sample", TEST)
    )
    assert cli.main(["score", variant, *score, "--against", random]) == 0
    assert json.loads(capsys.readouterr().out)["differences"]["micro_f1"]["difference"] > 0
    of_names = ["score", variant, "sample", "--task", "entities", "--resamples", "20"]
    write_answers(tmp_path, "joint", TrainingRecord("entities"), bounds("entities")["gold"])
    for against in ([], ["--against", str(tmp_path / "joint.jsonl")]):
        assert cli.main([*of_names, *against]) == 0
        shown = capsys.readouterr().out
        assert (
            "name F1" in shown and "entity precision" not in shown and "nan" not in shown
        )  # it tells no spans, no emotions
    assert cli.main(["score", variant, *score[:2], "satisfaction"]) == 1
    assert "expected those of satisfaction" in capsys.readouterr().err

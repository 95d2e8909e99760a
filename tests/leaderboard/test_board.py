"""Ranks, comparisons, differences, and boards as files."""

import io
import math
from dataclasses import astuple, replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard

import cmcc
from cmcc_bench.dataset import build
from cmcc_bench.leaderboard.board import (
    Board,
    BoardEntry,
    Rejected,
    TrackBoard,
    differences,
    text_key,
    with_ranks,
)
from cmcc_bench.leaderboard.card import board_card, board_tables
from cmcc_bench.leaderboard.check import read_answer
from cmcc_bench.leaderboard.files import board_files, load_board, texts_file
from cmcc_bench.leaderboard.html import heading_html
from cmcc_bench.leaderboard.reader import Reading
from cmcc_bench.leaderboard.standings import Gold, public_texts, published_entries, read_gold, track_board
from cmcc_bench.leaderboard.submission import Description, Stored
from cmcc_bench.leaderboard.view import kind_lines
from cmcc_bench.reports.facts import SystemFacts
from cmcc_bench.scoring import Interval, score
from cmcc_bench.tasks import TASKS, Prediction, task_of
from tests import raw
from tests.hub.client import write_files
from tests.leaderboard.data import DIALOGUES, honest, write_data


def entry(key, low, point, high, kind="submission", flags=()):
    return BoardEntry(key, key, kind, {"bleu": Interval(point, low, high)}, flags=flags)


def ranks(entries):
    return {one.key: (one.ranks or {}).get("bleu") for one in with_ranks(entries, ["bleu"])}


def test_systems_whose_intervals_overlap_share_a_rank():
    found = ranks([entry("a", 8, 9, 10), entry("b", 7, 8, 9), entry("c", 1, 2, 3)])
    assert found == {"a": 1, "b": 1, "c": 3}


def test_a_chain_of_overlaps_does_not_make_its_ends_equal():
    found = ranks([entry("a", 8, 9, 10), entry("b", 6, 7, 8.5), entry("c", 5, 6, 7)])
    assert found == {"a": 1, "b": 1, "c": 2}


def test_bounds_published_rows_and_flagged_systems_do_not_affect_ranks():
    nan = math.nan
    others = [entry("gold", 99, 100, 100, "bound"), entry("paper", nan, 50, nan, "published")]
    flagged = entry("copied", 99, 100, 100, flags=("exactly perfect: bleu",))
    assert ranks([*others, flagged, entry("a", 1, 2, 3)]) == {"gold": None, "paper": None, "copied": None, "a": 1}


def test_a_score_that_is_undefined_has_no_rank():
    assert ranks([entry("a", math.nan, math.nan, math.nan), entry("b", 1, 2, 3)]) == {"a": None, "b": 1}


@pytest.fixture(scope="module")
def gold(data):
    track = TASKS["response"]
    return Gold(track.split_rows(str(data), "test"), track.split_rows(str(data), "train"))


@pytest.fixture(scope="module")
def board(data, gold):
    track = TASKS["response"]
    facts = SystemFacts(
        "zero-shot", parameters=8_200_000_000, tokens_in=12, tokens_out=3, cost=0.0, data_cutoff="2025-03"
    )
    described = Description("<b>Mine</b>", "response", "CMCC", "https://a.b/c", system=facts)
    stored = Stored(described, 3, "bob", "2026-01-02", "c0ffee")
    answers = [read_answer(line, track, {}) for line in honest(data, 8)]
    scored = score(track, answers, gold.rows, measure=track.board_measure)
    tracks = {"response": track_board(track, gold, {stored.name: (stored, scored)})}
    return Board("cmcc", "test", True, tracks, (Rejected(9, "mallory", "x", "because"),))


def plain(entries):
    """The entries as text, in which nan equals nan."""
    return [repr(replace(one, scores=sorted(one.scores.items()))) for one in entries]


def test_a_board_can_be_written_and_read_unchanged(board, tmp_path):
    found = load_board(write_files(tmp_path / "board", board_files(board)))
    assert (found.dataset, found.split, found.synthetic, found.rejected) == ("cmcc", "test", True, board.rejected)
    track, before = found.tracks["response"], board.tracks["response"]
    assert plain(track.entries) == plain(before.entries) and track.dialogue_ids == before.dialogue_ids
    assert track.items == before.items and track.counts.keys() == before.counts.keys()
    assert all(np.array_equal(track.counts[key], before.counts[key]) for key in before.counts)


def test_a_board_of_an_earlier_version_has_no_facts(board, tmp_path):
    files = dict(board_files(board))
    table = pq.read_table(io.BytesIO(files["results/response.parquet"]))
    new = ["system_kind", "base_model", "parameters", "tokens_in", "tokens_out", "cost", "data_cutoff"]
    sink = io.BytesIO()
    pq.write_table(table.drop_columns(new), sink)
    found = load_board(write_files(tmp_path / "board", files | {"results/response.parquet": sink.getvalue()}))
    (mine,) = [one for one in found.tracks["response"].entries if one.kind == "submission"]
    assert mine.facts == SystemFacts() and kind_lines(mine) == ["unknown"]


def test_kind_size_cost_and_cut_off_of_a_system_are_in_the_card(board):
    (table,) = board_tables(board)
    rows = {row[1]: row[2] for row in table.rows}
    assert rows["<b>Mine</b>"] == (
        "prompted, zero-shot; 8.2 B parameters; 12 tokens in, 3 out; cost 0.0000; "
        "data cut-off 2025-03, after the corpus was public"
    )
    assert rows["gold"] == "bound" and any("public since 2022-07 (MobileCS)" in note for note in table.notes)


def test_the_same_board_gives_the_same_bytes(board):
    assert board_files(board) == board_files(board)


def test_with_hidden_labels_tests_are_published_instead_of_counts(board, gold, data, tmp_path):
    track, mine = TASKS["response"], Description("Mine", "response", "CMCC")
    stored = Stored(mine, 3, "bob", "2026-01-02", "c0ffee")
    answers = [read_answer(line, track, {}) for line in honest(data, 8)]
    scored = score(track, answers, gold.rows, measure=track.board_measure)
    systems = {stored.name: (stored, scored)}
    private, public = (track_board(track, replace(gold, hidden=hidden), systems) for hidden in (True, False))
    files = board_files(replace(board, tracks={"response": private}))
    assert "comparisons/response.parquet" in files and not [name for name in files if name.startswith("counts/")]
    assert b"comparisons/response.parquet" in board_card(replace(board, tracks={"response": private}), licensed=False)
    read = load_board(write_files(tmp_path / "board", files)).tracks["response"]
    assert read.compared == public.compared and read.dialogues == DIALOGUES
    assert f"{DIALOGUES} dialogues" in heading_html(Reading("x", board), read)
    assert any(f"{DIALOGUES} dialogues" in note for note in board_tables(replace(board, tracks={"x": read}))[0].notes)
    for a, b in (("gold", stored.name), (stored.name, "gold"), ("random", "majority")):
        found, expected = read.compare(a, b), public.compare(a, b)
        assert found.keys() == expected.keys()
        for name in found:
            assert astuple(found[name]) == pytest.approx(astuple(expected[name]), nan_ok=True)
    with pytest.raises(KeyError):
        read.compare("gold", "Variant (End2End), table 2, as published")


def test_two_systems_are_compared_on_the_same_dialogues(board):
    track = board.tracks["response"]
    found = track.compare("gold", "00003-b-mine-b")
    assert found["bleu"].difference > 0 and found["bleu"].excludes_0
    assert track.compare("gold", "gold")["bleu"].difference == 0


def test_entries_are_sorted_by_a_score_and_those_without_it_are_last(board):
    order = [one.key for one in board.tracks["response"].sorted_by("emotion_f1")]
    assert order[0] == "gold" and "as published" in order[-1]


def test_a_folder_without_a_board_is_an_error(tmp_path):
    with pytest.raises(cmcc.DataError, match="cmcc leaderboard update"):
        load_board(tmp_path)
    (tmp_path / "leaderboard.json").write_text("[]")
    with pytest.raises(cmcc.DataError, match="Write them again: cmcc leaderboard update"):
        load_board(tmp_path)


def prediction(exchange, **fields):
    texts = dict.fromkeys(("entities", "user_intent", "kb_result", "emotions", "acts", "response"), "x")
    return Prediction(**{"dialogue_id": "d", "exchange": exchange, **texts, **fields})


def test_differences_list_each_field_that_differs():
    a = [prediction(0), prediction(1, acts="通知", emotions=None), prediction(2)]
    b = [prediction(2), prediction(1, acts="问候"), prediction(0)]
    found = differences(TASKS["response"], a, b, {text_key("d", 1): "多少钱"})
    assert [(one.dialogue_id, one.item, one.text) for one in found] == [("d", 1, "多少钱")]
    assert found[0].fields == {"acts": ("通知", "问候"), "emotions": ("–", "x")}


def test_texts_are_public_only_where_every_dialogue_is_simulated(gold):
    track = TASKS["response"]
    texts = public_texts(track, gold)
    assert len(texts) == len(gold.rows) and set(texts.values()) == {"我想问流量包多少钱"}
    mixed = [*gold.rows, {**gold.rows[0], "dialogue_id": "call-1"}]
    assert public_texts(track, Gold(mixed, ())) == {}
    assert texts_file(texts) == texts_file(dict(reversed(texts.items())))


def without_care(dialogue_id):
    """A raw dialogue of MobileCS, without emotions and satisfaction."""
    turns = [raw.turn(), {key: value for key, value in raw.answer().items() if key != "用户情绪"}]
    return {key: value for key, value in raw.dialogue(dialogue_id, turns).items() if key != "满意度"}


def test_only_annotated_tasks_are_tracks(tmp_path):
    for split in ("train", "test"):
        raw.write(tmp_path / "raw", f"{split}.json", [without_care(f"synthetic-{split}-{n}") for n in range(3)])
    build(tmp_path / "raw", tmp_path / "cmcc", with_hidden_labels=True)
    found = read_gold(str(tmp_path / "cmcc"), str(tmp_path / "cmcc-test-labels"), "test")
    assert "response" in found and not {"emotion", "satisfaction"} & found.keys()
    with pytest.raises(cmcc.DataError, match="annotated dialogues to score on"):
        read_gold(str(tmp_path / "cmcc"), None, "validation")


def test_labels_in_a_separate_data_set_are_hidden_even_if_it_is_the_only_one(tmp_path, data):
    hidden, labels = write_data(tmp_path / "hidden", with_hidden_labels=True), str(tmp_path / "hidden-test-labels")
    assert all(one.hidden for one in read_gold(str(hidden), labels, "test").values())
    assert all(one.hidden for one in read_gold(labels, None, "test").values())
    assert not any(one.hidden for one in read_gold(str(data), None, "test").values())


def test_the_size_of_a_track_of_whole_dialogues_has_one_number(board):
    track = board.tracks["response"]
    assert track.size == f"{DIALOGUES} dialogues, {DIALOGUES} exchanges"
    assert replace(track, track=TASKS["satisfaction"]).size == f"{DIALOGUES} dialogues"


def test_the_card_escapes_texts_of_authors(board):
    card = board_card(board, licensed=False).decode()
    assert f"Scored on the split {board.split} of `{board.dataset}`." in card
    assert "<b>" not in card and "&lt;b>Mine" in card and "SYNTHETIC" in card
    assert "config_name: response" in card


def head_of(board, licensed):
    return DatasetCard(board_card(board, licensed).decode()).data


def test_the_card_has_the_license_of_the_dialogues_and_says_when_any_is_synthetic(board):
    assert head_of(board, False).license == "apache-2.0" and "synthetic" in head_of(board, False).tags
    mixed = head_of(board, True)
    assert (mixed.license, mixed.license_name) == ("other", "mobilecs")
    assert "extra_gated_prompt" not in mixed.to_dict()


def test_tables_have_the_signature_of_bleu_and_explain_published_rows(board):
    table = board_tables(board)[0]
    assert any("tok:zh" in note for note in table.notes)
    assert any("as published" in cell for row in table.rows for cell in row)


def published_of(task):
    entries = published_entries(TASKS[task])
    return {e.key.removesuffix(", as published"): {k: v.point for k, v in e.scores.items()} for e in entries}


def test_the_papers_numbers_match_its_tables():
    assert published_of("response")["Baseline (End2End), table 2"] == {
        "intent_f1": 0.642, "success": 0.315, "act_f1_without_caring": 0.575, "bleu": 4.137,
    }  # fmt: skip
    assert published_of("emotion")["Generation-based, table 5"] == {"micro_f1": 0.832, "macro_f1": 0.393}
    assert published_of("entities")["Stack-propagation, table 9"] == {"entity_f1": 0.525, "emotion_accuracy": 0.989}
    assert published_of("satisfaction") == {}


def test_an_unknown_task_is_an_error_that_lists_the_tasks():
    with pytest.raises(cmcc.DataError, match="response, emotion, entities, satisfaction"):
        task_of("x")


def test_acts_are_counted_with_the_caring_ones_and_folded_back(gold):
    track = TASKS["response"]
    gold_answers = track.bounds(gold.train, gold.rows, 0)["gold"]
    folded = [
        Prediction(**{**{f: getattr(p, f) for f in p.__dataclass_fields__}, "acts": "通知"}) for p in gold_answers
    ]
    found = score(track, folded, gold.rows, measure=track.board_measure).scores
    assert found["act_f1_without_caring"].point == 1 and found["act_f1"].point < 1


def test_a_track_board_without_any_system_can_be_made(gold):
    track = track_board(TASKS["response"], Gold(gold.rows, ()), {})
    assert isinstance(track, TrackBoard) and {entry.kind for entry in track.entries} == {"published"}

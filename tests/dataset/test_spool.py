"""Raw files to streams: blocks end with the text that they hold."""

import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path

import pyarrow as pa
import pytest

import cmcc
from cmcc_bench.dataset import spool
from cmcc_bench.reader import dialogue
from cmcc_bench.reader.dialogue import Dialogue, Texts
from cmcc_bench.views import exchanges
from tests import raw

UTTERANCE = {"text": "好", "emotions": None, "intents": None, "acts": None, "entities": [], "triples": []}


def tables(tmp_path, calls, config):
    path = raw.write(tmp_path / "raw", "train.json", calls)
    job = spool.SpoolJob(cmcc.RawFile(path, "train.json", "train"), tmp_path / "spool", {}, skip_errors=False)
    ticks = []
    spooled = spool.spool_file(job, ticks.append)
    with pa.OSFile(str(spooled.stream(config, "train"))) as source, pa.ipc.open_stream(source) as reader:
        return [batch.num_rows for batch in reader], spooled, ticks


def test_a_block_ends_when_its_raw_text_is_long_whatever_its_number_of_dialogues(tmp_path, monkeypatch):
    calls = [raw.dialogue(f"call-{n}") for n in range(6)]
    length = max(len(text) for text in map(str, calls))
    monkeypatch.setattr(spool, "_BLOCK_CHARACTERS", 2 * length)
    rows, spooled, _ = tables(tmp_path, calls, "labeled")
    assert sum(rows) == 6 and len(rows) >= 2
    assert [*spooled.accepted.indices] == [*range(6)]


def test_the_rows_of_one_dialogue_with_very_many_exchanges_make_many_tables(tmp_path, monkeypatch):
    call = raw.dialogue("long", turns=[raw.turn(用户情绪="中性")] * 200)
    monkeypatch.setattr(spool, "_BLOCK_CHARACTERS", 4_000)
    rows, spooled, _ = tables(tmp_path, [call], "response")
    assert sum(rows) == 199 == spooled.accepted.exchanges[0]
    assert len(rows) > 5 and max(rows) < 100


def test_the_rows_of_emotion_make_many_tables_when_their_texts_are_long(tmp_path, monkeypatch):
    call = raw.dialogue("long", turns=[raw.turn(用户情绪="中性")] * 200)
    monkeypatch.setattr(spool, "_BLOCK_CHARACTERS", 2_000)
    rows, _, _ = tables(tmp_path, [call], "emotion")
    assert sum(rows) == 200 and max(rows) < 100


def test_progress_counts_every_byte_of_the_dialogues(tmp_path):
    calls = [raw.dialogue(f"call-{n}") for n in range(2000)]
    _, _, ticks = tables(tmp_path, calls, "labeled")
    size = (tmp_path / "raw" / "train.json").stat().st_size
    assert len(ticks) > 1 and size - 2 * len(calls) - 2 <= sum(ticks) <= size


@pytest.mark.parametrize("length", range(6))
def test_counts_of_exchanges_equal_those_of_the_view(length):
    for speakers in product((0, 1), repeat=length):
        row = {"utterances": [UTTERANCE | {"speaker": speaker} for speaker in speakers]}
        made = exchanges(row)
        outside = sum(len(side.utterances) for side in (made.opening, made.closing) if side)
        assert spool.count_exchanges(row) == (len(made.exchanges), outside)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ({"file": "a", "dialogue": "b", "turn": 3, "field": "用户情绪"}, "用户情绪"),
        ({"file": "a", "dialogue": "b", "turn": 3}, "turn"),
        ({"file": "a", "line": 3}, "line"),
        ({"file": "a", "field": "\x1b" + "k" * 60}, "\\x1b" + "k" * 39 + "..."),
    ],
)
def test_a_rejected_dialogue_is_counted_by_field_or_else_by_turn_dialogue_or_line(tmp_path, place, kind):
    job = spool.SpoolJob(cmcc.RawFile(tmp_path, "a", None), tmp_path, {}, skip_errors=True)
    spooled = spool.Spooled(job, cmcc.Report(), set())
    spooled.reject("{}", cmcc.DataError("this", "that", **place))
    assert spooled.rejected == Counter({kind: 1})


def test_the_table_of_texts_equals_the_table_of_rows():
    texts = [Texts([0, 1], ["您好", "喂"], [0, 0]), Texts([], [], []), Texts([1], [""], [3])]
    dialogues = [Dialogue("unlabeled", "train", f"call-{n}", columns) for n, columns in enumerate(texts)]
    schema = cmcc.unlabeled_features().arrow_schema
    made, expected = (
        dict(spool.tables_of(dialogues, "unlabeled", {"unlabeled": schema}))["unlabeled"],
        cmcc.table_of([d.row for d in dialogues], "unlabeled"),
    )
    made.validate(full=True)
    assert made.equals(expected, check_metadata=True) and made.nbytes == expected.nbytes


def test_an_unlabeled_turn_that_needs_repair_has_the_columns_of_the_others():
    plain, spaced = ({"content": [{"[SPEAKER 1]": "好", name: "喂"}]} for name in ("[SPEAKER 2]", "[SPEAKER2]"))
    file = cmcc.RawFile(Path("a.json"), "a.json", None)
    read = [cmcc.DialogueReader().read(cmcc.RawDialogue(file, 0, str(call), call, ())) for call in (plain, spaced)]
    assert read[0].content == read[1].content == Texts([0, 1], ["好", "喂"], [0, 0])
    assert read[0].digest == read[1].digest and [*read[1].repaired] == ["missing_id", "other_key:[SPEAKER2]"]


def test_a_worker_imports_neither_datasets_nor_pandas_also_when_it_makes_columns():
    code = (
        "import sys, pyarrow; from cmcc_bench.dataset import workers;"
        "sys.meta_path.insert(0, workers._WithoutPandas());"
        "assert pyarrow.array(['a', None]).null_count == 1;"
        "sys.exit(bool({'datasets', 'pandas'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


S, U = raw.SERVICE, raw.USER


@pytest.mark.parametrize(
    "turns",
    [
        [{S: "您好", U: "喂"}, {U: "在", S: "请讲"}],
        [{S: "您好"}, {U: "在", S: "请讲"}],
        [{U: "喂", S: "您好"}, {S: "请讲"}],
        [{S: "您好"}],
        [{S: "您好", U: "喂"}, {S: "请讲"}, {S: "再见", U: ""}],
        [{S: "您好"}, {S: "请讲", U: "喂"}, {S: "再见"}],
        [{S: "好", U: "喂"}] * 1_001,
    ],
)
def test_the_texts_that_need_no_repair_are_those_of_the_loop_over_the_turns(turns):
    for value in (turns, {"id": "a", "content": turns}):
        repairs = Counter()
        texts = dialogue._texts_of(turns, repairs)
        assert dialogue._plain_texts([value]) == [texts] and dialogue._plain_texts([value, value]) == [texts] * 2
        assert not repairs


@pytest.mark.parametrize(
    "turns",
    [[{S: "[UNK]"}], [{S: None}], [{S: 1}], [{}], [{S: "好"}, {}], [{S: "好", "x": "好"}], [[S]], [S], [], [None]],
)
def test_texts_that_need_repair_are_left_to_the_loop_over_the_turns(turns):
    file = cmcc.RawFile(Path("a.json"), "a.json", None)
    plain = {"id": 1, "content": [{S: "好"}]}
    for value in (turns, {"id": 1, "content": turns}, plain | {"x": 1}):
        assert dialogue._plain_texts([value]) is None and dialogue._plain_texts([plain, value]) is None
    reader = cmcc.DialogueReader()
    assert reader._texts_of_batch(cmcc.RawDialogue(file, 0, r'"\ud83d"', [{S: "好"}], ())) is None

"""Raw files to streams: blocks end with the text that they hold."""

from collections import Counter
from itertools import product

import pyarrow as pa
import pytest

import cmcc
from cmcc_bench.dataset import spool
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
    assert [accepted.index for accepted in spooled.accepted.values()] == [*range(6)]


def test_the_rows_of_one_dialogue_with_very_many_exchanges_make_many_tables(tmp_path, monkeypatch):
    call = raw.dialogue("long", turns=[raw.turn(用户情绪="中性")] * 200)
    monkeypatch.setattr(spool, "_BLOCK_CHARACTERS", 4_000)
    rows, spooled, _ = tables(tmp_path, [call], "response")
    assert sum(rows) == 199 == spooled.accepted["long"].exchanges
    assert len(rows) > 5 and max(rows) < 100


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

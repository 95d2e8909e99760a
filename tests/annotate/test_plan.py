"""The plan: everybody gets as much, as many calls as asked for are shared, and the same seed gives the same plan."""

from collections import Counter

import pytest

from cmcc_bench import cli
from cmcc_bench.annotate.plan import make_plan, read_plan, write_plan
from cmcc_bench.errors import DataError
from tests.annotate.work import write_calls

IDS = [f"call-{number}" for number in range(60)]


@pytest.mark.parametrize(("names", "together"), [("AB", 2), ("ABC", 2), ("ABCD", 3)])
def test_calls_are_shared_evenly(names, together):
    own = make_plan(IDS, list(names), 0.2, together, 0)["annotators"]
    copies = Counter(dialogue_id for ids in own.values() for dialogue_id in ids)
    assert set(copies) == set(IDS) and Counter(copies.values()) == {1: 48, together: 12}
    assert max(map(len, own.values())) - min(map(len, own.values())) <= 1
    assert all(len(set(ids)) == len(ids) for ids in own.values())
    pairs = Counter(tuple(sorted(n for n in own if i in own[n])) for i in IDS if copies[i] > 1)
    assert len(set(pairs.values())) == 1


def test_the_seed_decides_and_the_order_does_not_tell_what_is_shared():
    plan = make_plan(IDS, ["A", "B"], 0.5, 2, 1)
    assert plan == make_plan(IDS, ["A", "B"], 0.5, 2, 1) != make_plan(IDS, ["A", "B"], 0.5, 2, 2)
    shared = set(plan["annotators"]["A"]) & set(plan["annotators"]["B"])
    assert not shared >= set(plan["annotators"]["A"][:20])


@pytest.mark.parametrize(("names", "together"), [(["A"], 2), (["A", "A"], 2), (["A", "B"], 3), (["A", "B"], 1)])
def test_too_few_annotators_are_refused(names, together):
    with pytest.raises(DataError, match="2 or more for a shared call"):
        make_plan(IDS, names, 0.1, together, 0)


def test_a_plan_is_read_back_and_never_overwritten(tmp_path):
    path = tmp_path / "plan.json"
    plan = make_plan(IDS, ["A", "B"], 0.1, 2, 0)
    write_plan(path, plan)
    assert read_plan(path, "B") == plan["annotators"]["B"]
    with pytest.raises(DataError, match="found the annotator 'C'; expected one of A, B"):
        read_plan(path, "C")
    with pytest.raises(DataError, match="the file exists already"):
        write_plan(path, plan)
    other = tmp_path / "other.json"
    other.write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="this is not a plan"):
        read_plan(other, "A")


def test_the_command_writes_a_plan_and_says_what_is_missing(tmp_path, capsys):
    raw = write_calls(tmp_path / "raw", 10)
    plan = tmp_path / "plan.json"
    names = ["--annotators", "A", "B"]
    assert cli.main(["annotate", str(raw), "--write-plan", str(plan), *names, "--overlap", "0.2"]) == 0
    assert capsys.readouterr().out == "A: 6 calls\nB: 6 calls\n" and len(read_plan(plan, "A")) == 6
    assert cli.main(["annotate", str(raw), "--annotator", "A"]) == 2
    assert "--out" in capsys.readouterr().err

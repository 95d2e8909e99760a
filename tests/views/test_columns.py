"""The views of a block as tables: the same as the rows of each dialogue."""

import pytest

import cmcc
from cmcc_bench.views.columns import TABLE_VIEWS
from tests.views.rows import service, user


def call(dialogue_id, *utterances, satisfaction=None):
    return {"dialogue_id": dialogue_id, "satisfaction": satisfaction, "utterances": list(utterances)}


CALLS = [
    call("a", user("喂", emotions=[0]), service("您好"), user("好\n的", emotions=[]), satisfaction=2),
    call("none"),
    call("silent", satisfaction=0),
    call("b", service("请\n讲"), user("😀", emotions=[1, 2]), user("", emotions=[3]), user("没有"), satisfaction=1),
    call("c", service("再见")),
]


@pytest.mark.parametrize("config", TABLE_VIEWS)
@pytest.mark.parametrize("calls", [CALLS, CALLS[1:2], CALLS[4:], CALLS[:1], [*reversed(CALLS)]])
def test_the_table_of_a_block_has_the_rows_of_its_dialogues(config, calls):
    labeled, schema = cmcc.table_of(calls, "labeled"), cmcc.FEATURES[config]().arrow_schema
    made = TABLE_VIEWS[config](labeled, schema)
    made.validate(full=True)
    expected = cmcc.table_of([row for one in calls for row in cmcc.view(config)(one)], config)
    assert made.equals(expected, check_metadata=True)

"""Rows of small dialogues of the config `response`, and predictions made from them."""

from dataclasses import replace

from cmcc_bench.scoring import Bootstrap, compare, response_measure, score
from cmcc_bench.tasks import RESPONSE
from cmcc_bench.views import response_rows

from ..views.rows import entity, intent, row, service, triple, user

gold_predictions = RESPONSE.gold

PLAIN_CALL = (
    user("喂你好", intent("问候"), emotions=[0]),
    service("您好很高兴为您服务", "问候"),
    user("嗯没有了", intent("其他"), emotions=[0]),
    service("感谢您的来电祝您生活愉快", "客套"),
)


def pack_call():
    """The user asks for price and size of a pack. The reply gives the price, a later one the size (upper case)."""
    pack = entity("流量包")
    asked = intent("询问", ("ent-1", "业务费用"), ("ent-1", "流量总量"))
    return (
        user("这个流量包多少钱多少流量", asked, entities=[pack], emotions=[1]),
        service("很抱歉让您久等_一个月十块钱", "抱歉", "安抚", triples=[triple("业务费用", "十块钱")]),
        user(
            "十块钱那流量呢",
            intent("询问", ("ent-1", "流量总量")),
            triples=[triple("业务费用", "十块钱")],
            emotions=[0],
        ),
        service("流量是一个G的", "通知", triples=[triple("流量总量", "一个G")]),
    )


def view(*utterances, dialogue_id="d"):
    """The rows of `response` of one dialogue."""
    return response_rows(row(*utterances) | {"dialogue_id": dialogue_id})


def two_dialogues():
    """The rows of two dialogues: one with a request, one without."""
    return view(*pack_call(), dialogue_id="a") + view(*PLAIN_CALL, dialogue_id="b")


def predicted(rows, changes=None):
    """The gold predictions with other segments: {(dialogue id, exchange): {field: text}}."""
    changes = changes or {}
    return [replace(p, **changes.get((p.dialogue_id, p.exchange), {})) for p in gold_predictions(rows)]


def score_responses(
    predictions, rows, version="strict", fold_caring=False, bootstrap=Bootstrap(), emotions=False, file=None
):
    """The scores of responses in a version."""
    measure = response_measure(version, fold_caring, emotions)
    return score("response", predictions, rows, bootstrap, measure=measure, file=file)


def compare_responses(a, b, rows, version="strict", fold_caring=(False, False), bootstrap=Bootstrap(), emotions=False):
    """The paired test of responses in a version."""
    measures = tuple(response_measure(version, fold, emotions) for fold in fold_caring)
    return compare("response", a, b, rows, bootstrap, measures=measures)

"""Small work for the tests: a few calls, and the sessions of annotators about them."""

from types import MappingProxyType

from cmcc_bench.annotate.open import AnnotationSettings, open_adjudication, open_annotation, open_review
from cmcc_bench.quality.adjudication import Adjudication
from cmcc_bench.quality.calls import find_source, read_calls
from cmcc_bench.quality.check import check_calls
from cmcc_bench.quality.lexicon import load_lexicon
from cmcc_bench.quality.review import review_items
from tests import raw

HTML = "<img src=x onerror=alert(1)>怎么又扣钱"


def write_calls(folder, count=2):
    """Raw files with calls of two turns, four utterances; the user of the first call writes HTML."""
    turns = [raw.turn(service="您好", user=HTML, 用户情绪="中性"), raw.answer(客服意图="通知")]
    calls = [raw.dialogue("call-1", turns), *(raw.dialogue(f"call-{n}") for n in range(2, count + 1))]
    raw.write(folder, "calls.json", calls)
    return folder


def open_work(tmp_path, annotator="A", **settings):
    """The session of an annotator of these calls; the care file is care_NAME.json."""
    if not (tmp_path / "raw").exists():
        write_calls(tmp_path / "raw")
    data, out = str(tmp_path / "raw"), tmp_path / f"care_{annotator}.json"
    return open_annotation(data, annotator, out, AnnotationSettings(**settings))


def write_disputed_calls(folder):
    """Raw files with a call of three turns, about which a check asks five questions."""
    turns = [
        raw.turn(user="我担心乱扣钱", acts="问候", 用户情绪="中性"),
        raw.answer(客服意图="通知", 用户情绪="抱怨某问题"),
        raw.turn(service="那这个也请您放心我的号码是一三八零零零零零零零零", 用户情绪="执行某项操作有困难"),
    ]
    raw.write(folder, "calls.json", [raw.dialogue("call-1", turns)])
    return folder


def review_questions(tmp_path):
    """What a check of these calls asks."""
    source = find_source(str(tmp_path / "raw"))
    return list(review_items(check_calls(source, load_lexicon()).findings, read_calls(source)))


def open_review_work(tmp_path, name="review.csv", annotator="A"):
    """The session of an annotator who decides on the findings of a check."""
    source = find_source(str(tmp_path / "raw"))
    return open_review(source, review_questions(tmp_path), annotator, tmp_path / name, "raw")


def open_adjudication_work(tmp_path, disputes, annotator="D", taken=MappingProxyType({})):
    """The session of the one who decides what is disputed about two calls; some labels are agreed."""
    write_calls(tmp_path / "raw")
    agreed = {
        "call-1": {(0, "acts"): (), (2, "acts"): (10,), (3, "emotions"): (0,)},
        "call-2": {(None, "satisfaction"): (2,)},
    }
    adjudication = Adjudication(("A", "B", "C"), "majority", agreed, 0, tuple(disputes))
    source = find_source(str(tmp_path / "raw"))
    return open_adjudication(source, adjudication, taken, annotator, tmp_path / "care.json", "raw")

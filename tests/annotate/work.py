"""Small work for the tests: two calls, their session, and a store that keeps nothing but decisions."""

from cmcc_bench.annotate.open import AnnotationSettings, open_annotation
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

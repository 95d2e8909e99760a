"""Models to chat with: tiny random ones, and sessions whose predictions a test gives."""

from cmcc_bench.chat.session import Session
from cmcc_bench.decoding import TrainedModel, open_model
from cmcc_bench.tasks import Prediction
from cmcc_bench.textform import FORMS
from cmcc_bench.views import KBEntry
from tests.tiny_model import write_model

KB = {
    "ent-1": KBEntry(("畅享流量包", "流量包"), "流量包", {"业务费用": ("八块",), "业务规则": ("次月生效", "不能转赠")}),
    "ent-2": KBEntry(("乐享套餐",), "主套餐", {"业务费用": ("十八块",)}),
    "NA": KBEntry((), None, {"流量余额": ("三个G",)}),
}


def prediction(**segments):
    """A prediction with these segments; the others are empty, the emotion is neutral."""
    empty = {
        "entities": "",
        "user_intent": "其他",
        "kb_result": "",
        "emotions": "中性",
        "acts": "通知",
        "response": "好",
    }
    return Prediction(dialogue_id="chat", exchange=0, **empty | segments)


class ScriptedSession(Session):
    """A session that replies with a given prediction, and remembers what was said."""

    def __init__(self, reply):
        super().__init__(TrainedModel("/no/such/folder", None, None, None), {})
        self.script, self.said = reply, []

    def reply(self, text):
        self.said.append(text)
        self.history += ("流量包",)
        return self.script


def random_model(folder, form):
    """A tiny model with random weights."""
    write_model(folder, FORMS[form])
    return open_model(folder)

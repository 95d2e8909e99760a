"""Small raw dialogues for the tests, and a function that writes them to files."""

import copy
import gzip
import json
from pathlib import Path

SERVICE, USER = "[SPEAKER 1]", "[SPEAKER 2]"


def turn(service="您好", user="我想问流量包多少钱", acts="问候", intents="求助-查询(ent-1-业务费用)", **more):
    """A raw turn in which the service speaks first and the user names the entity ent-1."""
    start = user.find("流量包")
    ents = [] if start < 0 else [{"name": "流量包", "id": "ent-1", "type": "流量包", "pos": [[2, start, start + 3]]}]
    return {
        SERVICE: service,
        USER: user,
        "客服意图": acts,
        "用户意图": intents,
        "info": {"ents": ents, "triples": []},
    } | more


def answer(**more):
    """A raw turn in which the service says the price of ent-1."""
    triple = {"ent-id": "ent-1", "ent-name": "流量包", "prop": "业务费用", "value": "十块钱", "pos": [1, 1, 4]}
    return {
        SERVICE: "是十块钱一个月请您放心",
        USER: "怎么这么贵啊",
        "客服意图": "通知,安抚",
        "用户意图": "投诉反馈",
        "用户情绪": "抱怨某问题",
        "info": {"ents": [], "triples": [triple]},
    } | more


def dialogue(dialogue_id="call-1", turns=None, **more):
    """A raw dialogue in the CMCC format: two turns, four utterances."""
    content = copy.deepcopy(turns) if turns is not None else [turn(用户情绪="中性"), answer()]
    return {"id": dialogue_id, "满意度": 2, "content": content} | more


def unreadable(dialogue_id="bad", key=SERVICE):
    """A raw dialogue with a number in place of a text, which cannot be repaired."""
    return dialogue(dialogue_id, turns=[turn() | {key: 9}])


def plain(dialogue_id="plain-1"):
    """An unlabeled raw dialogue."""
    return {"id": dialogue_id, "content": [{SERVICE: "您好", USER: "喂"}, {SERVICE: "请讲", USER: "没事了"}]}


def write(folder: Path, name: str, content) -> Path:
    """Writes JSON or JSON lines, gzipped or not, by the ending of the name; a string is written unchanged."""
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, str):
        if ".jsonl" in name:
            content = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in content)
        else:
            content = json.dumps(content, ensure_ascii=False)
    data = content.encode("utf-8", "surrogatepass")
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path

"""The keys of raw files."""

from __future__ import annotations

from cmcc_bench.vocabulary import plain_name

ANNOTATIONS = {"客服意图", "用户意图", "用户情绪", "info"}
SPEAKER_KEYS = {
    "[SPEAKER 1]": 0,
    "[SPEAKER 2]": 1,
}  # service, user; either may come first in a turn
CONFUSED = "意图混乱"  # how MobileCS marks turns whose two intents annotators could not separate
DIALOGUE_KEYS = {"id", "content", "满意度"}
LABEL_KEYS = {"[SPEAKER 1]": ("客服意图",), "[SPEAKER 2]": ("用户意图", "用户情绪")}
TEXT_KEYS = {
    "id",
    "content",
    *SPEAKER_KEYS,
}  # two different values of one of these are an error
KNOWN_KEYS = ANNOTATIONS | set(SPEAKER_KEYS) | {CONFUSED}
KEYS_BY_PLAIN_NAME = {plain_name(key): key for key in sorted(KNOWN_KEYS)}
INFO_KEYS = {"ents", "triples"}
ENTITY_KEYS = {"name", "ent-name", "id", "ent-id", "type", "pos"}
TRIPLE_KEYS = {"ent-id", "id", "ent-name", "name", "prop", "value", "pos"}

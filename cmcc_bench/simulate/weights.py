"""The probabilities of the simulator, set so that its marginals follow the paper (cmcc_bench.statistics checks)."""

from __future__ import annotations

# Raw turns per call, in parts per 10,000. The paper: 5 to 16, mean 11.16, most between 8 and 13 (figure 1), 353 of
# 8,975 calls with 16 and one with 5 (table 1).
TURNS = {5: 2, 6: 90, 7: 380, 8: 930, 9: 1300, 10: 1470, 11: 1480, 12: 1350, 13: 1150, 14: 880, 15: 575, 16: 393}

# What the user of a call will express, utterance by utterance, and the part of calls that run so. The mood is the
# first word. Shares of labels follow the paper's table 8 by arithmetic: parts times labels, over all negative labels.
# How many utterances are not neutral is not published; we take about 12 % of the user's, 1.3 a call.
ARCS: dict[tuple[str, ...], float] = {
    ("calm",): 0.285,
    ("complain", "complain"): 0.160,
    ("complain", "complain", "complain"): 0.140,
    ("complain", "complain", "complain", "complain"): 0.085,
    ("complain", "complain", "complain", "complain", "complain"): 0.040,
    ("agitated", "complain", "agitated"): 0.021,
    ("agitated", "complain+agitated", "agitated"): 0.021,
    ("agitated", "complain", "complain+agitated", "agitated"): 0.016,
    ("agitated", "complain", "agitated", "complain+agitated"): 0.0165,
    ("agitated", "complain+agitated"): 0.017,
    ("furious", "complain", "furious", "furious"): 0.008,
    ("furious", "complain", "agitated+furious", "furious"): 0.006,
    ("furious", "complain+agitated", "furious"): 0.008,
    ("furious", "complain+furious"): 0.0074,
    ("service", "complain", "service", "complain"): 0.012,
    ("service", "complain", "service"): 0.0132,
    ("service", "complain+service", "service"): 0.008,
    ("concern", "concern", "complain"): 0.0114,
    ("concern", "concern"): 0.0105,
    ("concern", "complain+concern", "concern"): 0.006,
    ("rules", "complain", "rules"): 0.0087,
    ("rules", "rules"): 0.0084,
    ("rules", "complain+rules", "rules"): 0.0055,
    ("difficulty", "difficulty"): 0.0045,
    ("difficulty", "complain", "difficulty"): 0.004,
    ("difficulty", "difficulty", "difficulty"): 0.0028,
    ("letgo", "complain", "letgo"): 0.0037,
    ("letgo", "complain", "complain", "letgo"): 0.003,
}

# When it comes out: at the opening, right after an upset utterance, after a calm one. A caring act makes it rarer, and
# may settle the next outburst for good: the paper's section 3.2 finds that negative emotions become neutral as the
# service answers.
UPSET_AT_FIRST = 0.9
STAY_UPSET = 0.88
RELAPSE = 0.24
AFTER_CARE = 0.15
SETTLED_BY_CARE = 0.25
# How often an unsolved problem keeps the last outburst for the end of the call.
LAST_WORD = 0.5

# How clearly an emotion is worded: a part of its clauses could be heard in any mood, a part in a neighboring one (as
# annotators differ), and calm users too complain in passing. The paper's classifiers confuse the rarer emotions a lot.
AMBIGUOUS = 0.24
BORROWED = 0.10
NEIGHBORS = {
    "complain": ("agitated", "service", "rules", "concern"),
    "agitated": ("complain", "furious", "service"),
    "furious": ("agitated", "complain"),
    "service": ("complain", "agitated"),
    "concern": ("complain", "difficulty"),
    "rules": ("complain", "agitated"),
    "difficulty": ("complain", "concern"),
    "letgo": ("complain",),
}
GRUMBLES = 0.09
CALM_COMPLAINT = 0.08

# Whether the problem can be solved in the call; it decides, with the mood at the end, how satisfied the user is.
SOLVED = {
    "calm": 0.95,
    "complain": 0.80,
    "agitated": 0.50,
    "furious": 0.40,
    "service": 0.50,
    "concern": 0.85,
    "rules": 0.35,
    "difficulty": 0.85,
    "letgo": 0.0,
}

# Topics that users of a mood call about.
_GRIEVANCES = {
    "bill": 24, "data": 14, "package": 9, "cancel": 16, "network": 14, "roaming": 4, "distance": 3, "recharge": 6,
    "suspended": 5, "operation": 3, "follow": 5,
}  # fmt: skip
TOPIC_WEIGHTS: dict[str, dict[str, int]] = {
    "calm": {
        "bill": 15, "data": 14, "package": 20, "cancel": 15, "network": 7, "roaming": 6, "distance": 5, "recharge": 6,
        "suspended": 3, "operation": 6, "follow": 3,
    },
    "complain": _GRIEVANCES,
    "agitated": _GRIEVANCES | {"follow": 15},
    "furious": _GRIEVANCES | {"follow": 15},
    "service": {"follow": 6, "network": 2, "bill": 1, "cancel": 1},
    "concern": {"bill": 3, "recharge": 3, "suspended": 4, "roaming": 2, "network": 1},
    "rules": {"package": 4, "cancel": 4, "data": 2},
    "difficulty": {"operation": 8, "roaming": 1},
    "letgo": _GRIEVANCES,
}  # fmt: skip

# How often the service cares, when the user is upset and when not, and in which way. The four caring acts are 1 % of
# the acts in table 7; most negative utterances therefore get none.
CARE_WHEN_UPSET = 0.105
CARE_WHEN_CALM = 0.006
CARE_WAYS = {
    "complain": {"comfort": 46, "explain": 46, "empathy": 5, "agree": 3},
    "agitated": {"comfort": 60, "explain": 18, "empathy": 18, "agree": 4},
    "furious": {"comfort": 70, "explain": 6, "empathy": 20, "agree": 4},
    "service": {"comfort": 62, "explain": 18, "empathy": 16, "agree": 4},
    "concern": {"comfort": 85, "explain": 12, "empathy": 3},
    "rules": {"comfort": 20, "explain": 62, "empathy": 8, "agree": 10},
    "difficulty": {"comfort": 88, "empathy": 12},
    "letgo": {"comfort": 52, "explain": 40, "empathy": 6, "agree": 2},
    "calm": {"comfort": 60, "explain": 40},
}
APOLOGY_WHEN_UPSET = 0.13
APOLOGY_WHEN_CALM = 0.002

# How often a call opens with the user, has one raw turn in the opposite order, names ten products or more, or ends with
# a raw turn of one speaker. The paper's table 1 has one service turn more than user turns: hardly any single ones.
USER_FIRST = 0.20
HELLO_FIRST = 0.3
MIXED = 0.01
MANY_PRODUCTS = 0.02
SINGLE_LAST = 0.003
# Where the service asks for anything else: answered by the last user utterance, by the last but one, or not asked.
GUIDE_AT = {1: 0.55, 2: 0.25, 0: 0.20}

# What a calm user does after an answer, when it can be done.
FREE_MOVES = {
    "ask": 0.24, "restate": 0.28, "ack": 0.13, "understood": 0.04, "repeat": 0.02, "demand": 0.03, "suggest": 0.01,
    "criticise": 0.006, "cancel": 0.04, "ask_type": 0.025, "question": 0.09, "doubt": 0.013, "context": 0.07,
    "thanks": 0.068,
}  # fmt: skip
# How often an upset user lets it be heard in an answer to a question of the service.
EXPRESSED = {
    "number": 0.25, "own": 0.25, "contact": 0.3, "wait": 0.3, "consent": 0.3, "yes": 0.55, "agree": 0.5, "detail": 0.6,
}  # fmt: skip
# What follows an outburst in the same utterance.
AFTER_VENTING = {"complain_formally": 0.16, "demand": 0.14, "criticise": 0.06, "more": 0.44, "nothing": 0.20}

# What a user adds, by occasion.
USER = {
    "greets": 0.42,
    "complains at length": 0.25,
    "denies": 0.055,
    "adds to a yes": 0.4,
    "adds to a detail": 0.35,
    "reacts before a question": 0.28,
    "gives context before a question": 0.22,
    "announces a question": 0.6,
    "announces a plain question": 0.25,
    "reacts before repeating": 0.45,
    "answers an offer": 0.75,
    "accepts an offer": 0.45,
    "asks about the topic in a fault": 0.6,
    "asks about the topic": 0.12,
    "is glad": 0.18,
    "says goodbye": 0.12,
}

# What the service says and adds, by occasion.
SERVICE = {
    "greets with a question": 0.1,
    "greets back with a question": 0.2,
    "apologizes for the wait at first": 0.025,
    "greets before the first answer": 0.4,
    "takes note of the problem": 0.35,
    "takes note of a question": 0.2,
    "takes note": 0.43,
    "takes note of waiting": 0.1,
    "takes note of an outburst": 0.25,
    "takes note of a wish": 0.3,
    "did not hear": 0.036,
    "listens": 0.4,
    "listens in a word": 0.55,
    "waits for more": 0.4,
    "looks it up": 0.07,
    "leads in": 0.25,
    "leads in a finding": 0.5,
    "adds a detail": 0.6,
    "adds to a finding": 0.55,
    "adds to a remedy": 0.55,
    "adds to an answer to feelings": 0.5,
    "checks the demand of an upset user": 0.06,
    "checks a demand": 0.5,
    "makes sure": 0.105,
    "asks for consent": 0.42,
    "answers feelings before the finding": 0.6,
    "answers feelings": 0.9,
    "asks for the number": 0.45,
    "thanks for waiting": 0.82,
    "apologizes for the wait": 0.10,
    "makes sure of the contact": 0.45,
    "offers to cancel": 0.6,
    "lists three": 0.4,
    "lets choose": 0.4,
    "is courteous at the end": 0.66,
}
# Steps before the finding, in their order; a short call leaves some out.
STEPS = (("identify", 0.6), ("clarify", 0.56), ("check", 0.66), ("clarify", 0.15), ("hold", 0.47))
# How a user's repeating of an answer is confirmed.
CONFIRMING = {"yes": 0.45, "yes_long": 0.40, "more": 0.15}
# What the service does when the user has no question and the procedure is done.
INITIATIVE = {
    "hello": 0.05, "consent": 0.08, "remind": 0.44, "offer": 0.19, "guide": 0.19, "list": 0.03, "check_demand": 0.06,
    "detail": 0.16,
}  # fmt: skip
PARTING = {"goodbye": 0.21, "rate": 0.13, "wish": 0.40, "nothing": 0.26}

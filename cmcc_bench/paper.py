"""The paper's published numbers, each with the table that it is from, for printing beside measured ones."""

from __future__ import annotations

from dataclasses import dataclass

CITATION = """\
@inproceedings{huang2022cmcc,
  title     = {{CMCC}: A Comprehensive and Large-Scale Human-Human Dataset for Dialogue Systems},
  author    = {Huang, Yi and Wu, Xiaoting and Chen, Si and Hu, Wei and Zhu, Qing and Feng, Junlan and Deng, Chao and
               Ou, Zhijian and Zhao, Jiangjiang},
  booktitle = {Proceedings of the Towards Semi-Supervised and Reinforced Task-Oriented Dialog Systems (SereTOD)},
  year      = {2022}
}"""

# The month in which each part of the corpus became public, YYYY-MM. MobileCS: arXiv:2207.02657, which the paper cites;
# the number begins with year and month. CMCC: the paper, in the proceedings of the workshop SereTOD of December 2022.
PUBLIC_SINCE: dict[str, str] = {"MobileCS": "2022-07", "CMCC": "2022-12"}


@dataclass(frozen=True)
class DialogueStatistics:
    """Table 1, the labelled part. What it calls a turn is one speaker's turn, except in the maximum and minimum.

    `turns` is the number of raw turns: the service spoke in each of them, the user in all but one.
    """

    dialogues: int = 8_975
    turns: int = 100_139
    mean_utterances: float = 22.31
    most_turns: int = 16
    dialogues_with_most_turns: int = 353
    fewest_turns: int = 5
    dialogues_with_fewest_turns: int = 1
    service_utterances: int = 100_139
    user_utterances: int = 100_138
    service_characters: float = 25.27
    user_characters: float = 14.58


TABLE_1 = DialogueStatistics()

# Section 3.1 and figure 1: "most of the dialogue turns in the dataset are concentrated between 8 and 13".
MODE_OF_TURNS = (8, 13)

# Tables 6 and 7: shares of all act labels, in percent.
ACT_SHARES: dict[str, float] = {
    "inform": 37.72,
    "passive_confirmation": 20.76,
    "greeting": 8.33,
    "active_confirmation": 7.95,
    "request": 6.64,
    "guide": 6.05,
    "courtesy": 4.48,
    "suggest": 3.04,
    "other": 1.42,
    "apology": 1.41,
    "comfort": 0.58,
    "goodbye": 0.50,
    "explain": 0.41,
    "deny": 0.36,
    "request_to_repeat": 0.33,
    "empathy": 0.02,
    "agree": 0.004,
}

# Table 8: shares of all negative-emotion labels, in percent. How many utterances are neutral is not published.
NEGATIVE_EMOTION_SHARES: dict[str, float] = {
    "complain_about_a_problem": 77.14,
    "emotionally_more_agitated": 11.10,
    "very_anxious_and_having_a_bad_attitude": 3.01,
    "dissatisfied_with_service": 2.82,
    "express_concern_or_anxiety": 2.35,
    "dissatisfied_with_business_rules": 2.07,
    "difficulty_performing_an_operation": 1.03,
    "not_satisfied_but_no_longer_pursues": 0.47,
}


@dataclass(frozen=True)
class ResponseResult:
    """A row of table 2 or 3: F1 and success in [0, 1], BLEU-4 in [0, 100]; None where the paper has none."""

    intent_f1: float | None
    success: float | None
    act_f1: float | None
    bleu: float | None


# Tables 2 and 3, by text form (cmcc_bench.textform.FORMS) and mode of decoding.
RESPONSE_RESULTS: dict[tuple[str, str], ResponseResult] = {
    ("baseline", "end2end"): ResponseResult(0.642, 0.315, 0.575, 4.137),
    ("variant", "end2end"): ResponseResult(0.656, 0.357, 0.567, 4.669),
    ("baseline", "oracle"): ResponseResult(None, None, None, 6.230),
    ("variant", "oracle"): ResponseResult(None, None, None, 7.385),
    ("no_emotion", "end2end"): ResponseResult(0.611, 0.356, 0.567, 4.462),
    ("no_caring", "end2end"): ResponseResult(0.656, 0.340, 0.577, 4.657),
}


@dataclass(frozen=True)
class EmotionResult:
    """A row of table 5, scores in [0, 1]."""

    micro_f1: float
    macro_f1: float


# Table 5.
EMOTION_RESULTS: dict[str, EmotionResult] = {
    "generation": EmotionResult(0.832, 0.393),
    "classification": EmotionResult(0.859, 0.301),
}


@dataclass(frozen=True)
class EntityResult:
    """A row of table 9, scores in [0, 1]; None where the paper has none."""

    entity_f1: float
    emotion_accuracy: float | None


# Table 9: the stack-propagation model, the same without emotions, and the entities of the baseline dialogue model.
ENTITY_RESULTS: dict[str, EntityResult] = {
    "joint": EntityResult(0.525, 0.989),
    "joint_no_emotion": EntityResult(0.524, None),
    "baseline": EntityResult(0.382, None),
}

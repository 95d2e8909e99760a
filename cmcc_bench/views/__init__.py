"""The dialogue state: exchanges, local KB, user goal, intents with slots, and the `response` view made from them.

from cmcc_bench.views import response_rows
rows = response_rows(labeled_row)                            # our definition: no data is lost
baseline_rows = response_rows(labeled_row, compatible=True)  # those of the baseline of SereTOD 2022's track 2
"""

from cmcc_bench.views.exchanges import Exchange, Exchanges, Side, exchanges
from cmcc_bench.views.intents import Intent, Slot, add_constraint, intent_text
from cmcc_bench.views.kb import (
    GoalEntry,
    KBEntry,
    LocalKB,
    UserGoal,
    goal,
    goal_from_json,
    goal_to_json,
    kb_from_json,
    kb_to_json,
    local_kb,
    query,
)
from cmcc_bench.views.response import completed_intents, kb_result, response_rows
from cmcc_bench.views.seretod import CompatibilityError

__all__ = [
    "CompatibilityError",
    "Exchange",
    "Exchanges",
    "GoalEntry",
    "Intent",
    "KBEntry",
    "LocalKB",
    "Side",
    "Slot",
    "UserGoal",
    "add_constraint",
    "completed_intents",
    "exchanges",
    "goal",
    "goal_from_json",
    "goal_to_json",
    "intent_text",
    "kb_from_json",
    "kb_result",
    "kb_to_json",
    "local_kb",
    "query",
    "response_rows",
]

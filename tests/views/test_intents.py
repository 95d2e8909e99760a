"""Intents with slots: completion by the values in the user's text, and the text form of the models."""

from cmcc_bench.views.intents import Intent, Slot, add_constraint, intent_text, read_intents

from .rows import intent

FEE, TERM, BALANCE = Slot("ent-1", "业务费用"), Slot("ent-1", "业务时长"), Slot(None, "账户余额")


def test_slots_are_written_with_the_name_of_their_entity():
    intents = [Intent("询问", (Slot("ent-1", "业务费用"), Slot("ent-10", "业务时长"))), Intent("被动确认")]
    names = {"ent-1": "流量包", "ent-10": "半年包"}
    assert intent_text(intents, names) == "询问(流量包-业务费用)(半年包-业务时长),被动确认"


def test_slots_of_personal_information_types_and_nameless_entities_are_written_alone():
    intents = [Intent("询问", (BALANCE, Slot(None, "流量包"), FEE))]
    assert intent_text(intents, {}) == "询问(账户余额)(流量包)(业务费用)"


def test_two_slots_with_the_same_text_are_written_once():
    slots = (Slot("ent-1", "业务费用"), Slot("ent-2", "业务费用"))
    assert intent_text([Intent("询问", slots)], {"ent-1": "包", "ent-2": "包"}) == "询问(包-业务费用)"


def test_an_intent_labeled_twice_is_one_with_the_slots_of_both():
    labels = [intent("询问", FEE), intent("其他"), intent("询问", TERM, FEE)]
    assert read_intents(labels) == (Intent("询问", (FEE, TERM)), Intent("其他"))


def test_three_spellings_of_no_entity_are_read_the_same():
    labels = [intent("询问", (None, "账户余额"), ("NA", "账户余额"), ("", "账户余额"), ("ent-1", ""))]
    assert read_intents(labels) == (Intent("询问", (BALANCE,)),)


def test_the_first_question_without_slots_gets_the_slots_of_the_values_in_the_text():
    bare = (Intent("主动确认"), Intent("询问"))
    assert add_constraint(bare, [FEE, BALANCE, FEE]) == (Intent("主动确认"), Intent("询问", (FEE, BALANCE)))


def test_a_question_with_slots_is_unchanged():
    intents = (Intent("询问", (TERM,)), Intent("主动确认"))
    assert add_constraint(intents, [FEE]) == (Intent("询问", (TERM,)), Intent("主动确认", (FEE,)))


def test_nothing_is_completed_without_values_or_questions():
    assert add_constraint((Intent("询问"),), []) == (Intent("询问"),)
    assert add_constraint((Intent("提供信息"),), [FEE]) == (Intent("提供信息"),)

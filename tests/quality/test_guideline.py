"""The annotation guideline: every label, up to date, and true to the lexicon."""

import re

import pytest

import cmcc
from cmcc_bench.files import resource_folder
from cmcc_bench.quality.guideline import GUIDELINE_NAME, guideline, label_guides, write_guideline
from cmcc_bench.quality.lexicon import VOCABULARIES, load_lexicon, plain_text

GUIDES = [(field, guide) for field, guides in label_guides().items() for guide in guides]


def test_the_document_is_up_to_date():
    written = (resource_folder("dataset_card") / GUIDELINE_NAME).read_text("utf-8")
    assert written == guideline(), "run python -m cmcc_bench.quality.guideline"


def test_every_label_has_its_section_in_order():
    headings = re.findall(r"^### (\S+) `(\w+)`$", guideline(), re.MULTILINE)
    assert headings == [(zh, name) for vocabulary in VOCABULARIES.values() for name, zh in vocabulary.items()]
    assert len(headings) == 9 + 17 + 16 + 3


def test_the_cues_are_the_lexicon_s():
    lexicon = load_lexicon()
    for field, guide in GUIDES:
        cues = lexicon.cues[field][list(VOCABULARIES[field]).index(guide.name)]
        assert guide.cues == cues.cues and f"- Cues: {'、'.join(cues.cues)}" in guideline()


@pytest.mark.parametrize(("field", "guide"), GUIDES, ids=lambda value: getattr(value, "name", value))
def test_one_example_at_least_has_a_cue_and_both_have_where_the_check_asks_for_one(field, guide):
    cues = load_lexicon().cues[field][list(VOCABULARIES[field]).index(guide.name)]
    found = [cues.find(zh) is not None for zh, _ in guide.examples]
    assert all(found) if cues.uncued else any(found)


def test_invented_examples_are_no_ones_else():
    examples = [zh for _, guide in GUIDES for zh, _ in guide.examples]
    published = {guide.paper[0] for _, guide in GUIDES if guide.paper}
    assert len(set(examples)) == len(examples) == 90 and not published & set(examples)


def test_no_example_of_more_than_a_word_is_from_the_public_calls(real_calls):
    said = {
        plain_text(utterance["text"])
        for dialogue in cmcc.read_dialogues(real_calls)
        for utterance in dialogue.row["utterances"]
    }
    for _, guide in GUIDES:
        for zh, _ in guide.examples:
            assert len(plain_text(zh)) < 5 or not any(plain_text(zh) in text for text in said)


def test_it_is_written_where_it_is_asked_for(tmp_path):
    assert write_guideline(tmp_path).read_text("utf-8") == guideline()

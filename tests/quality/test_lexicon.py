"""The lexicon of cue words."""

import pytest

import cmcc
from cmcc_bench.quality.lexicon import VOCABULARIES, lexicon_text, load_lexicon

COMFORT = cmcc.ACTS.id_of("comfort")
EMPATHY = cmcc.ACTS.id_of("empathy")


def test_every_label_of_every_vocabulary_has_cues():
    lexicon = load_lexicon()
    for field, vocabulary in VOCABULARIES.items():
        assert [list(vocabulary)[label] for label in lexicon.cues[field]] == list(vocabulary)
        assert all(cues.cues for cues in lexicon.cues[field].values())


def test_all_caring_acts_and_negative_emotions_are_checked():
    lexicon = load_lexicon()
    acts = {cmcc.ACTS.names[cues.label] for cues in lexicon.checked("acts")}
    emotions = {cmcc.EMOTIONS.names[cues.label] for cues in lexicon.checked("emotions")}
    assert acts == {*cmcc.CARING_ACTS, "apology"} and emotions == set(cmcc.EMOTIONS) - {"neutral"}


def test_pauses_and_punctuation_in_an_utterance_do_not_hide_a_cue():
    assert load_lexicon().find("acts", COMFORT, "请您放_心，好吧") == "放心"


def test_a_gap_stands_for_up_to_eight_characters():
    find = load_lexicon().cues["acts"][EMPATHY].find
    assert find("我站在客户的角度想") == "站在客户的角度"
    assert find("站在一二三四五六七八九角度") is None


def test_what_holds_a_cue_and_means_something_else_is_left_out():
    lexicon = load_lexicon()
    assert lexicon.find("acts", COMFORT, "您是不放心吗") is None
    assert lexicon.find("acts", COMFORT, "您是不放心吗那您放心") == "放心"


def test_a_users_lexicon_replaces_the_shipped_one(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[acts.comfort]\ncheck = ["missing"]\ncues = ["没关系"]\n', encoding="utf-8")
    lexicon = load_lexicon(path)
    assert lexicon.find("acts", COMFORT, "没关系的") == "没关系" and lexicon.checked("emotions") == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[acts", "the file is not valid TOML"),
        ("[moods.comfort]\ncues = []", "the table 'moods'"),
        ("acts = 1", "int"),
        ("[acts.cuddle]\ncues = []", "the label 'cuddle'"),
        ('[acts.comfort]\ncues = "放心"', "key cues: found '放心'"),
        ('[acts.comfort]\ncues = ["，"]', "a list of words"),
        ('[acts.comfort]\nwords = ["放心"]', "the keys check, cues, unless"),
        ('[acts.comfort]\ncheck = ["all"]', "expected missing or uncued"),
        ('[intents.cancel]\ncheck = ["missing"]', "only for emotions and acts"),
    ],
)
def test_an_invalid_lexicon_is_an_error_with_its_place(tmp_path, text, told):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(cmcc.DataError, match=r"file mine\.toml") as caught:
        load_lexicon(path)
    assert told in str(caught.value)


def test_the_text_that_is_written_for_users_is_the_one_that_is_read(tmp_path):
    path = tmp_path / "copy.toml"
    path.write_text(lexicon_text(), encoding="utf-8")
    assert load_lexicon(path).cues == load_lexicon().cues

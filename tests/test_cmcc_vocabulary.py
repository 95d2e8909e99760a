"""The vocabularies and features of cmcc.py."""

import datasets
import pytest

import cmcc


def test_the_vocabularies_have_the_published_sizes():
    assert (len(cmcc.EMOTIONS), len(cmcc.ACTS), len(cmcc.INTENTS)) == (9, 17, 16)
    assert (len(cmcc.ENTITY_TYPES), len(cmcc.SLOTS), len(cmcc.SATISFACTION)) == (10, 26, 3)
    assert len(set(cmcc.CARING_ACTS) & set(cmcc.ACTS)) == 4


def test_zh_has_every_label_and_no_english_name_has_two_chinese_names():
    vocabularies = (cmcc.SPEAKERS, cmcc.EMOTIONS, cmcc.ACTS, cmcc.INTENTS, cmcc.SATISFACTION, cmcc.ENTITY_TYPES)
    for vocabulary in vocabularies:
        for name, zh in vocabulary.items():
            assert cmcc.ZH[name] == zh
        assert len(set(vocabulary.values())) == len(vocabulary)


def test_every_subtype_is_a_type_and_every_type_has_itself_as_subtype():
    assert list(cmcc.SUBTYPES) == list(cmcc.ENTITY_TYPES)
    for name, subtypes in cmcc.SUBTYPES.items():
        assert name in subtypes
        assert set(subtypes) <= set(cmcc.ENTITY_TYPES)


@pytest.mark.parametrize("config", list(cmcc.FEATURES))
def test_an_empty_table_has_the_features_of_its_config(config):
    table = cmcc.table_of([], config)
    assert datasets.Features.from_arrow_schema(table.schema) == cmcc.FEATURES[config]()


def test_the_split_of_an_id_never_changes_and_is_8_to_1_to_1():
    assert [cmcc.split_of(name) for name in ("call-1", "call-2", "call-3", "call-9")] == [
        "train", "validation", "test", "train",
    ]  # fmt: skip
    splits = [cmcc.split_of(f"call-{number}") for number in range(10_000)]
    assert splits.count("train") == pytest.approx(8_000, abs=200)
    assert splits.count("validation") == pytest.approx(1_000, abs=100)


def test_a_label_has_one_id_by_its_names_in_both_languages():
    for vocabulary in (cmcc.EMOTIONS, cmcc.ACTS, cmcc.INTENTS, cmcc.SATISFACTION, cmcc.ENTITY_TYPES):
        for id_, name in enumerate(vocabulary):
            assert vocabulary.id_of(name) == vocabulary.find(vocabulary[name]) == id_
            assert (vocabulary.names[id_], vocabulary.chinese[id_]) == (name, vocabulary[name])
    with pytest.raises(ValueError, match="not in tuple"):
        cmcc.ACTS.id_of("安抚")

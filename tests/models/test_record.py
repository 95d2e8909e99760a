"""The record of a training in a model's folder."""

import json

from cmcc_bench.models.record import TRAINING_FILE, read_training


def test_a_record_with_the_old_spelling_of_its_keys_is_read(tmp_path):
    facts = {"task": "emotion", "labelled_share": 0.2, "pseudo_labelled": 70}
    (tmp_path / TRAINING_FILE).write_text(json.dumps(facts))
    training = read_training(tmp_path)
    assert (training.labeled_share, training.pseudo_labeled) == (0.2, 70)

"""Character n-grams: the features and the model of scikit-learn, saved and loaded without it."""

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import cmcc
from cmcc_bench.ngrams import NgramSettings, fit_ngrams, is_ngrams, load_ngrams

TEXTS = ["气死我了怎么又扣费", "好的谢谢你", "Wifi 不行", "好的好的", "", "wifi也不行 𠮷", "谢谢你", "气死了"] * 3
GOLD = np.array([[text.startswith("气"), "好" in text or "谢" in text, False] for text in TEXTS])
LABELS = ("angry", "calm", "never")


def fit(multi_label=True, **settings):
    return fit_ngrams(TEXTS, GOLD, LABELS, multi_label=multi_label, settings=NgramSettings(**settings))


def test_the_probabilities_are_those_of_scikit_learn():
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2)
    matrix = vectorizer.fit_transform(TEXTS)
    model, unseen = fit(c=10.0), [*TEXTS, "又气又好𠮷𠮷", "全新"]
    assert len(model.ngrams) == matrix.shape[1]
    for label in range(2):
        regression = LogisticRegression(C=10.0, solver="liblinear", tol=0.01).fit(matrix, GOLD[:, label])
        expected = regression.predict_proba(vectorizer.transform(unseen))[:, 1]
        assert model.probabilities(unseen)[:, label] == pytest.approx(expected, abs=1e-4)


def test_a_label_that_no_text_has_is_never_said_and_one_that_all_have_always():
    gold = np.stack([np.zeros(len(TEXTS), bool), np.ones(len(TEXTS), bool)], axis=1)
    found = fit_ngrams(TEXTS, gold, ("none", "all"), multi_label=True).probabilities(["好", ""])
    assert (found[:, 0] < 1e-6).all() and (found[:, 1] > 1 - 1e-6).all()


def test_one_label_for_each_text_has_probabilities_that_sum_to_1():
    assert fit(multi_label=False, balanced=True).probabilities(TEXTS).sum(axis=1) == pytest.approx(np.ones(len(TEXTS)))


def test_a_text_s_probabilities_do_not_depend_on_the_others(monkeypatch):
    model = fit()
    whole = model.probabilities(TEXTS)
    monkeypatch.setattr("cmcc_bench.ngrams._CHUNK", 3)
    assert (model.probabilities(TEXTS) == whole).all()
    assert model.probabilities(["a\0b"]) == pytest.approx(model.probabilities(["a b"]))
    assert model.probabilities([]).shape == (0, 3)


def test_a_saved_model_is_equal_and_opens_without_scikit_learn(tmp_path):
    model = fit()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        fit().save(tmp_path / name)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"config.json", "model.safetensors"}
    assert all((tmp_path / "b" / path.name).read_bytes() == path.read_bytes() for path in (tmp_path / "a").iterdir())
    assert is_ngrams(tmp_path / "a") and not is_ngrams(tmp_path)
    assert (load_ngrams(tmp_path / "a", LABELS).probabilities(TEXTS) == model.probabilities(TEXTS)).all()
    code = (
        "import sys; from cmcc_bench.ngrams import load_ngrams; "
        f"load_ngrams({str(tmp_path / 'a')!r}, {LABELS}).probabilities(['好']); "
        "assert not {'sklearn', 'scipy', 'torch', 'transformers'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["x", "y", "z"]}, r"found the labels x, y, z.*expected angry, calm, never"),
        ({"order": 4}, "different models"),
        ({"order": None}, "cannot be opened"),
        ({"labels": ["angry"]}, "different models"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(tmp_path, change, message):
    fit().save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(cmcc.DataError, match=message):
        load_ngrams(tmp_path, LABELS)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_damaged_model_is_refused_with_the_fix(tmp_path, name):
    fit().save(tmp_path)
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(cmcc.DataError, match=r"cannot be opened .*Copy the folder again"):
        load_ngrams(tmp_path, LABELS)

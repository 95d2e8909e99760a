"""What is fitted once for a data set and read from the cache after that."""

import threading

import numpy as np
import pytest
from huggingface_hub import cached_assets_path

from cmcc_bench import kept as module
from cmcc_bench import ngrams
from cmcc_bench.files import add_folder
from cmcc_bench.kept import kept, key_of
from cmcc_bench.ngrams import NgramSettings, kept_ngrams
from cmcc_bench.terminal import progress_bar


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for each test."""
    monkeypatch.setattr(
        module,
        "cached_assets_path",
        lambda *names, **more: cached_assets_path(*names, assets_dir=tmp_path / "assets", **more),
    )
    return tmp_path / "assets"


TEXTS = ["很好很好", "气死我了", "谢谢您", "太慢了", "很好", "气死"] * 3
GOLD = np.array([[True, False], [False, True]] * 9)


def fit(texts=TEXTS, gold=GOLD, **settings):
    return kept_ngrams(texts, gold, ("glad", "angry"), multi_label=True, settings=NgramSettings(**settings))


def test_a_model_is_fitted_once_for_its_texts_labels_and_settings(cache, monkeypatch):
    fitted = fit()
    real, calls = ngrams.fit_ngrams, []
    monkeypatch.setattr(ngrams, "fit_ngrams", lambda *given, **more: calls.append(1) or real(*given, **more))
    assert (fit().probabilities(TEXTS) == fitted.probabilities(TEXTS)).all() and not calls
    assert sorted(path.suffix for path in cache.rglob("*") if path.is_file()) == [".json", ".safetensors"]
    for changed in ({"texts": [*TEXTS[:-1], "气"]}, {"gold": ~GOLD}, {"balanced": True}):
        fit(**changed)
    assert len(calls) == 3
    fit()
    assert len(calls) == 3


def test_other_code_has_another_key(tmp_path):
    (tmp_path / "code.py").write_text("a")
    first = key_of([b"ab", b"c"], [str(tmp_path / "code.py")])
    (tmp_path / "code.py").write_text("b")
    keys = {first, *(key_of(parts, [str(tmp_path / "code.py")]) for parts in ([b"ab", b"c"], [b"a", b"bc"]))}
    assert len(keys) == 3


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_damaged_folder_is_made_again(cache, name):
    fitted = fit()
    (path,) = cache.rglob(name)
    path.write_bytes(path.read_bytes()[:20])
    assert (fit().probabilities(TEXTS) == fitted.probabilities(TEXTS)).all()
    assert len(path.read_bytes()) > 20


def test_nothing_is_kept_where_the_cache_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(module, "cached_assets_path", lambda *_, **__: tmp_path / "file" / "kept")
    assert kept("x", "0" * 16, lambda: 1, lambda *_: None, lambda _: 2) == 1


def test_processes_that_make_a_folder_at_the_same_time_leave_one_whole_folder(tmp_path):
    barrier = threading.Barrier(2)

    def make(number):
        with add_folder(tmp_path / "kept" / "x") as part:
            barrier.wait(30)
            (part / "number").write_text(str(number))

    threads = [threading.Thread(target=make, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["x"]
    assert (tmp_path / "kept" / "x" / "number").read_text() in ("0", "1")


def test_a_bar_within_a_bar_is_a_second_line_of_it():
    with progress_bar("outer") as outer:
        with progress_bar("inner") as inner:
            inner(1, 2)
        outer(1, 1)
    with progress_bar("next") as after:
        after(1, 1)

"""Character n-grams: one logistic regression for each label over the TF-IDF weights of a text's n-grams.

    model = fit_ngrams(texts, gold, EMOTIONS.names, multi_label=True)
    model.probabilities(["气死我了"])  # [texts, labels]

It learns in seconds on one core. Fitting needs scikit-learn; a saved model needs numpy alone. As a recognizer it is
trained by `cmcc train emotion|satisfaction --recipe ngrams`; as the simple baseline of every table it is fitted by the
declarations in `cmcc_bench.tasks`, once for each data set (`kept_ngrams`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmcc_bench.errors import DataError
from cmcc_bench.files import write_bytes, write_json
from cmcc_bench.kept import kept, key_of
from cmcc_bench.terminal import progress_bar

MODEL_TYPE = "character_ngrams"  # in config.json
OPTION = "character n-grams"  # what a table adds to the name of such a system
LONGEST = 3  # characters of an n-gram: three code points of 21 bits fit into one 64-bit integer
_BITS = 21
_CHUNK = 1024  # texts whose n-grams are counted at a time
_CERTAIN = 30.0  # log-odds of a label that all training texts have; its negative where none has it


@dataclass(frozen=True)
class NgramSettings:
    """How the regressions are fitted.

    order: characters of the longest n-gram, 1 to 3. min_count: texts that an n-gram must occur in. c: inverse strength
    of the L2 penalty. balanced: weight texts inversely to the frequency of their class.
    """

    order: int = LONGEST
    min_count: int = 2
    c: float = 50.0
    balanced: bool = False


@dataclass(frozen=True)
class NgramClassifier:
    """A fitted model.

    ngrams: [n-grams] sorted codes, each the sum of code point i times 2 ** (21 i). idf: [n-grams]. weights: [labels,
    n-grams]; bias: [labels]. multi_label: whether each label has a probability of its own; otherwise they sum to 1.
    settings: other keys of config.json, such as thresholds.
    """

    labels: tuple[str, ...]
    multi_label: bool
    order: int
    ngrams: NDArray[np.int64]
    idf: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """The probability of each label: [texts, labels]."""
        rows, columns, counts = _counts(texts, self.order, self.ngrams)
        values = _tf_idf(rows, columns, counts, self.idf)
        scores = np.empty((len(texts), len(self.labels)))
        for label, weights in enumerate(self.weights):
            scores[:, label] = np.bincount(rows, values * weights[columns], len(texts)) + self.bias[label]
        scores = 1 / (1 + np.exp(-scores))
        return scores if self.multi_label else scores / scores.sum(axis=1, keepdims=True)

    @property
    def parameters(self) -> int:
        """The number of weights and biases."""
        return self.weights.size + self.bias.size

    def save(self, folder: Path) -> None:
        """Writes model.safetensors and config.json into a folder."""
        from safetensors.numpy import save

        tensors: dict[str, NDArray[Any]] = {
            "ngrams": self.ngrams,
            "idf": self.idf,
            "weights": self.weights,
            "bias": self.bias,
        }
        write_bytes(folder / "model.safetensors", save(tensors))
        facts = {"model_type": MODEL_TYPE, "labels": self.labels, "multi_label": self.multi_label, "order": self.order}
        write_json(folder / "config.json", facts | dict(self.settings))


def fit_ngrams(
    texts: Sequence[str],
    gold: NDArray[np.bool_],
    labels: Iterable[str],
    *,
    multi_label: bool,
    settings: NgramSettings = NgramSettings(),
    progress: Callable[[int, int], None] | None = None,
) -> NgramClassifier:
    """Fits one logistic regression for each label. gold: [texts, labels].

    progress: called with the number of finished labels and of all. The same texts give the same model on one machine.
    Source: TF-IDF as scikit-learn's TfidfVectorizer has it, with lowercase, the smoothed idf and rows of length 1;
    liblinear (Fan et al., 2008).
    """
    from scipy.sparse import csr_matrix  # only fitting needs scikit-learn

    every = _all_ngrams(texts, settings.order)
    rows, columns, counts = _counts(texts, settings.order, every)
    frequency = np.bincount(columns, minlength=len(every))  # texts that have the n-gram
    kept = frequency >= settings.min_count
    ngrams, idf = every[kept], (np.log((1 + len(texts)) / (1 + frequency[kept])) + 1).astype(np.float32)
    known, number = kept[columns], np.cumsum(kept) - 1
    rows, columns, counts = rows[known], number[columns[known]], counts[known]
    shape = len(texts), len(ngrams)
    matrix = csr_matrix((_tf_idf(rows, columns, counts, idf), (rows, columns)), shape=shape)
    fitted = list[tuple[NDArray[np.float64], float]]()
    for label in range(gold.shape[1]):
        if progress:
            progress(label, gold.shape[1])
        fitted.append(_fit_label(matrix, gold[:, label], settings))
    weights = np.stack([weight for weight, _ in fitted]).astype(np.float32)
    bias = np.array([intercept for _, intercept in fitted], dtype=np.float32)
    return NgramClassifier(tuple(labels), multi_label, settings.order, ngrams, idf, weights, bias)


def kept_ngrams(
    texts: Sequence[str],
    gold: NDArray[np.bool_],
    labels: Iterable[str],
    *,
    multi_label: bool,
    settings: NgramSettings = NgramSettings(),
) -> NgramClassifier:
    """What fit_ngrams returns, fitted once for these texts, labels and settings and then read from the cache."""
    names = tuple(labels)
    facts = json.dumps([names, multi_label, asdict(settings), _version("scikit-learn"), len(texts)]).encode()
    key = key_of([facts, gold.tobytes(), *(text.encode("utf-8", "surrogatepass") for text in texts)], [__file__])

    def fit() -> NgramClassifier:
        """Fits the model and shows how far it is: 80,000 utterances take about 20 seconds."""
        with progress_bar("fitting character n-grams") as show:
            return fit_ngrams(texts, gold, names, multi_label=multi_label, settings=settings, progress=show)

    return kept("ngrams", key, fit, NgramClassifier.save, lambda folder: load_ngrams(folder, names))


def _version(package: str) -> str:
    """The version of a package; "" if it is not installed."""
    with suppress(PackageNotFoundError):
        return version(package)
    return ""


def _fit_label(matrix: Any, gold: NDArray[np.bool_], settings: NgramSettings) -> tuple[NDArray[np.float64], float]:  # noqa: ANN401
    """The weights and the intercept of a label. matrix: [texts, n-grams], sparse; scipy has no types."""
    from sklearn.linear_model import LogisticRegression

    if gold.all() or not gold.any() or not matrix.shape[1]:
        share = float(gold.mean()) if len(gold) else 0.0
        odds = math.log(share / (1 - share)) if 0 < share < 1 else math.copysign(_CERTAIN, share - 0.5)
        return np.zeros(matrix.shape[1]), odds
    # The primal problem: deterministic, and at this C several times faster than the dual one. At a tolerance of 0.01
    # the scores are those of 0.0001 to the third decimal.
    weight = "balanced" if settings.balanced else None
    regression = LogisticRegression(C=settings.c, solver="liblinear", tol=0.01, class_weight=weight)
    regression.fit(matrix, gold)
    return regression.coef_[0], float(regression.intercept_[0])


def is_ngrams(folder: str | Path) -> bool:
    """Whether a model's folder holds character n-grams."""
    try:
        config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return False  # who opens the model says what is wrong
    return isinstance(config, dict) and config.get("model_type") == MODEL_TYPE


def load_ngrams(folder: str | Path, labels: Iterable[str]) -> NgramClassifier:
    """Loads the model in a folder. Raises cmcc.DataError if it is damaged or has other labels."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    hint = "Copy the folder again from the run that trained the model."
    try:
        config = json.loads((Path(folder) / "config.json").read_text("utf-8"))
        tensors = load_file(Path(folder) / "model.safetensors")
        names, multi, order = tuple(map(str, config.pop("labels"))), config.pop("multi_label"), config.pop("order")
        ngrams, idf, weights, bias = (tensors[name] for name in ("ngrams", "idf", "weights", "bias"))
        if not 1 <= order <= LONGEST or len(ngrams) != len(idf) or weights.shape != (len(names), len(ngrams)):
            raise ValueError("its two files are of different models")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"the model cannot be opened ({reason})", "", hint, model=str(folder)) from error
    if names != (expected := tuple(labels)):
        hint = "Give the folder of a run of this task, RUN/best."
        raise DataError(f"the labels {', '.join(names)}", ", ".join(expected), hint, model=str(folder))
    settings = {name: value for name, value in config.items() if name != "model_type"}
    return NgramClassifier(names, bool(multi), order, ngrams, idf, weights, bias, settings)


def _tf_idf(
    rows: NDArray[np.int64], columns: NDArray[np.int64], counts: NDArray[np.int64], idf: NDArray[np.float32]
) -> NDArray[np.float64]:
    """The weights of n-grams that occur `counts` times in the texts `rows`; those of a text have length 1."""
    values = counts * idf[columns].astype(np.float64)
    lengths = np.sqrt(np.bincount(rows, values**2))
    weights: NDArray[np.float64] = values / lengths[rows]
    return weights


def _all_ngrams(texts: Sequence[str], order: int) -> NDArray[np.int64]:
    """The codes of all n-grams in the texts, sorted."""
    every = np.zeros(0, np.int64)
    for _, part in _parts(texts):
        every = np.unique(np.concatenate([every, *(np.unique(codes) for _, codes in _occurrences(part, order))]))
    return every


def _counts(
    texts: Sequence[str], order: int, ngrams: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """(text, n-gram, count) of each n-gram of `ngrams` (sorted) that a text has, by text: three of one length."""
    keys, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    size = max(1, len(ngrams))
    for start, part in _parts(texts):
        cells = []
        for rows, codes in _occurrences(part, order):
            columns = np.searchsorted(ngrams, codes)
            known = np.append(ngrams, -1)[columns] == codes
            cells.append((start + rows[known]) * size + columns[known])
        found = np.unique(np.concatenate(cells), return_counts=True)
        keys.append(found[0])
        counts.append(found[1])
    rows, columns = np.divmod(np.concatenate(keys), size)
    return rows, columns, np.concatenate(counts)


def _parts(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """(index of its first text, texts) of parts that need little memory."""
    return ((start, texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK))


def _occurrences(texts: Sequence[str], order: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(text, code) of all n-grams of one character, then of two, and so on.

    All texts are one array of code points with a 0 between two texts; an n-gram with a 0 is none.
    """
    joined = "\0".join(text.replace("\0", " ").lower() for text in texts)
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    rows = np.cumsum(points == 0)
    codes, whole = np.zeros_like(points), np.ones(len(points), bool)
    for size in range(order):
        end = len(points) - size
        codes = codes[:end] + (points[size:] << _BITS * size)
        whole = whole[:end] & (points[size:] != 0)
        yield rows[:end][whole], codes[whole]

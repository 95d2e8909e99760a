"""The classification layer that is fitted before the rest, for encoders and for causal models."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from transformers import LlamaConfig, LlamaForSequenceClassification

import cmcc
from cmcc_bench.models.classifier import (
    MULTI_LABEL,
    SINGLE_LABEL,
    EncodedText,
    probabilities,
    scratch_classifier,
)
from cmcc_bench.models.tokenizer import character_tokenizer
from cmcc_bench.training.classifier import fit_head, labeled_examples

TOKENS = character_tokenizer(["气死我了好的谢谢"], ())


def bert(labels, problem):
    return scratch_classifier(TOKENS, labels, problem, layers=1, width=16, heads=2, positions=16, dropout=0.1)


def llama(labels, problem):
    sizes = {"vocab_size": len(TOKENS), "hidden_size": 16, "intermediate_size": 16, "pad_token_id": 0}
    layers = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    names = {"id2label": dict(enumerate(labels)), "problem_type": problem}
    return LlamaForSequenceClassification(LlamaConfig(**sizes, **layers, **names))


@pytest.mark.parametrize("make", [bert, llama])
@pytest.mark.parametrize("problem", [MULTI_LABEL, SINGLE_LABEL])
def test_the_layer_separates_what_the_features_separate(make, problem):
    torch.manual_seed(0)
    texts = [EncodedText((2, 5 + n % 2, *[9] * (n % 5), 6 + n % 2, 3), (0,) * (4 + n % 5)) for n in range(40)]
    gold = [(1.0, float(n % 2), 0.0) if problem == MULTI_LABEL else n % 2 for n in range(40)]
    model, examples = make(list(cmcc.SATISFACTION), problem), labeled_examples(texts, gold)
    fit_head(model, examples, torch.device("cpu"), balanced=problem == SINGLE_LABEL)
    scores = np.array([scores for _, scores in sorted(probabilities(model, texts))])
    if problem == SINGLE_LABEL:
        assert (scores.argmax(axis=1) == gold).mean() > 0.8
    else:
        assert ((scores[:, 1] > 0.5) == (np.arange(40) % 2 == 1)).mean() > 0.8
        assert (scores[:, 0] > 0.9).all() and (scores[:, 2] < 0.1).all()


def test_the_layer_is_the_logistic_regression_of_scikit_learn():
    torch.manual_seed(0)
    texts = [EncodedText((2, 5 + n % 3, 6 + n % 2, 3), (0,) * 4) for n in range(12)]
    gold = [(float(n % 2), float(n % 3 == 0), 0.0) for n in range(12)]
    model = bert(list(cmcc.SATISFACTION), MULTI_LABEL)
    read = []
    model.classifier.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    dict(probabilities(model, texts))
    features = read[0].numpy()
    scale = features.std(axis=0) + 1e-3
    fit_head(model, labeled_examples(texts, gold), torch.device("cpu"))
    expected = LogisticRegression(solver="liblinear").fit(features / scale, [g[0] for g in gold])
    found = [scores[0] for _, scores in sorted(probabilities(model, texts))]
    assert found == pytest.approx(expected.predict_proba(features / scale)[:, 1], abs=1e-3)

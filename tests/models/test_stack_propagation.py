"""The joint tagger: padding changes nothing, the emotion feeds the tagger, and decoding follows its own tags."""

import pytest
import torch
from transformers import BertConfig

from cmcc_bench.models.encoding import IGNORED
from cmcc_bench.models.stack_propagation import (
    EMOTIONS,
    TAGS,
    StackPropagation,
    StackPropagationConfig,
    said_emotions,
    votes,
)
from cmcc_bench.training.loss import joint_loss


def model(**settings):
    torch.manual_seed(0)
    sizes = {"vocab_size": 20, "width": 16, "heads": 2, "dropout": 0.0, "pad_token_id": 0}
    found = StackPropagation(StackPropagationConfig(**(sizes | settings)))
    return found.train(False)


def batch(*rows):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, (ids != 0).long()


@pytest.mark.parametrize("emotions", [True, False])
@pytest.mark.parametrize("encoder", [None, "bert"])
def test_padding_changes_nothing(emotions, encoder):
    inner = BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    tagger = model(emotions=emotions, encoder=inner.to_dict() if encoder else None)
    alone_ids, alone_mask = batch([3, 4, 5])
    ids, mask = batch([3, 4, 5], [7, 8, 9, 10, 11])
    tags = torch.zeros_like(ids)
    alone = tagger(alone_ids, alone_mask, tags[:1, :3])
    both = tagger(ids, mask, tags)
    assert torch.allclose(alone.tags[0], both.tags[0, :3], atol=1e-5)
    assert (both.emotions is None) == (not emotions)
    decoded, shares = tagger.decode(ids, mask)
    assert torch.equal(tagger.decode(alone_ids, alone_mask)[0][0], decoded[0, :3])
    assert (shares is None) == (not emotions)


def test_the_emotions_that_are_found_feed_the_tagger():
    tagger = model()
    ids, mask = batch([3, 4, 5])
    before = tagger(ids, mask, torch.zeros_like(ids)).tags
    with torch.no_grad():
        tagger.emotion_output.bias += 5
    assert not torch.allclose(before, tagger(ids, mask, torch.zeros_like(ids)).tags)


def test_decoding_reads_its_own_last_tag():
    tagger = model()
    ids, mask = batch([3, 4, 5, 6])
    decoded, _ = tagger.decode(ids, mask)
    given = tagger(ids, mask, decoded).tags.argmax(dim=-1)  # the tags before each token are those that were decoded
    assert torch.equal(given, decoded)


def test_the_loss_is_of_the_text_alone_and_falls_when_the_tags_are_learned():
    tagger = model().train()
    ids, mask = batch([3, 4, 5], [7, 8])
    tags = torch.tensor([[IGNORED, 1, 2], [IGNORED, 0, IGNORED]])
    emotions = torch.zeros(2, len(EMOTIONS))
    emotions[:, 1] = 1
    optimizer = torch.optim.Adam(tagger.parameters(), 0.05)
    losses = []
    for _ in range(40):
        loss, units = joint_loss(tagger, {"input_ids": ids, "attention_mask": mask, "tags": tags, "emotions": emotions})
        assert units == 3
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 20
    decoded, shares = tagger.train(False).decode(ids, mask)
    assert decoded[0, 1:].tolist() == [1, 2] and said_emotions(shares[0].tolist()) == (EMOTIONS[1],)
    assert TAGS[1].startswith("B-") and TAGS[2].startswith("I-")


def test_the_tokens_vote_and_the_most_said_emotion_stands_where_none_has_the_most_votes():
    logits = torch.full((1, 4, 9), -1.0)
    logits[0, :3, 2] = logits[0, :2, 4] = 1.0
    mask = torch.tensor([[1, 1, 1, 0]])
    assert said_emotions(votes(logits, mask)[0].tolist()) == (EMOTIONS[2], EMOTIONS[4])
    assert said_emotions([0.1, 0.4, 0.4, *[0.0] * 6]) == (EMOTIONS[1],)


def test_a_saved_tagger_is_the_same_after_loading(tmp_path):
    tagger = model()
    tagger.save_pretrained(tmp_path)
    again = StackPropagation.from_pretrained(tmp_path).train(False)
    ids, mask = batch([3, 4, 5])
    assert torch.equal(again.decode(ids, mask)[1], tagger.decode(ids, mask)[1])

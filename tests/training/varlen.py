"""A stand-in for the CUDA kernels behind torch's varlen_attn, so that what they are given is tested on a CPU.

    with on_cpu(monkeypatch): ...

It checks what the kernels check, and computes plain attention text by text.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import varlen

from cmcc_bench.training import packing

_kind = {"is_wrong": False, "calls": []}


def _texts(starts: torch.Tensor, *tensors: torch.Tensor) -> Iterator[list[torch.Tensor]]:
    """The tensors of each text, [heads, tokens, head size], in float32; heads of keys and values repeated."""
    heads = max(tensor.shape[1] for tensor in tensors)
    for start, end in zip(starts.tolist(), starts.tolist()[1:], strict=False):
        yield [
            tensor[start:end].float().transpose(0, 1).repeat_interleave(heads // tensor.shape[1], 0)
            for tensor in tensors
        ]


def _weights(query: torch.Tensor, key: torch.Tensor, scale: float | None) -> torch.Tensor:
    scores = query @ key.transpose(1, 2) * (scale or query.shape[-1] ** -0.5)
    return scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf).softmax(-1)


def _forward(
    query,
    key,
    value,
    cu_seq_q,
    cu_seq_k,
    max_q,
    max_k,
    is_causal=False,
    scale=None,
    window_size=None,
    enable_gqa=False,
    seqused_k=None,
    block_table=None,
    num_splits=None,
):
    for states in (query, key, value):
        assert states.dtype in (torch.bfloat16, torch.float16) and states.dtype == query.dtype
        assert states.dim() == 3 and states.shape[0] == query.shape[0] and states.stride(-1) == 1
        assert states.shape[2] == query.shape[2]
    if query.shape[2] % 8 or query.shape[2] > 256:
        raise RuntimeError("head_size must be a multiple of 8")
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32 and cu_seq_q.is_contiguous()
    lengths = cu_seq_q.diff()
    assert cu_seq_q[0] == 0 and cu_seq_q[-1] == len(query) and bool((lengths > 0).all())
    assert max_q == max_k == lengths.max() and is_causal and list(window_size) == [-1, 0]
    assert enable_gqa == (query.shape[1] != key.shape[1])
    _kind["calls"].append(lengths.tolist())
    starts = torch.tensor([0, len(query)]) if _kind["is_wrong"] else cu_seq_q
    attended = [_weights(q, k, scale) @ v for q, k, v in _texts(starts, query, key, value)]
    none = torch.zeros(query.shape[1], len(query)), torch.zeros(2, dtype=torch.uint64)
    return torch.cat(attended, 1).transpose(0, 1).to(query.dtype).contiguous(), *none


def _backward(
    grad_out, query, key, value, out, lse, cu_seq_q, cu_seq_k, max_q, max_k, is_causal, rng_state, scale, window_size
):
    assert grad_out.dtype == query.dtype and max_q == cu_seq_q.diff().max() and list(window_size) == [-1, 0]
    gradients = []
    for q, k, v, grad in _texts(cu_seq_q, query, key, value, grad_out):
        weights, grad_weights = _weights(q, k, scale), grad @ v.transpose(1, 2)
        grad_scores = weights * (grad_weights - (grad_weights * weights).sum(-1, keepdim=True)) * scale
        gradients.append((grad_scores @ k, grad_scores.transpose(1, 2) @ q, weights.transpose(1, 2) @ grad))
    whole = (
        torch.cat(parts, 1).transpose(0, 1) for parts in zip(*gradients, strict=True)
    )  # [tokens, heads, head size]
    return tuple(
        grad.unflatten(1, (tensor.shape[1], -1)).sum(2).to(tensor.dtype)
        for grad, tensor in zip(whole, (query, key, value), strict=True)
    )


varlen._varlen_attn.register_kernel("cpu", _forward)
varlen._varlen_attn_backward.register_kernel("cpu", _backward)


@contextmanager
def on_cpu(monkeypatch, is_wrong: bool = False) -> Iterator[list[list[int]]]:
    """Flash attention is tried on a CPU, too. Yields the lengths of the texts of each call so far.

    is_wrong: every token sees the texts before its own.
    """
    _kind.update(is_wrong=is_wrong, calls=[])
    with monkeypatch.context() as patch:
        patch.setattr(packing, "_may_have_flash", lambda device: True)
        yield _kind["calls"]

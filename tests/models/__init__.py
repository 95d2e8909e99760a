"""Tests of tokenizers, encoding and causal language models."""

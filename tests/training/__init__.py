"""Tests of the training loop, batching, recipes and the training scripts."""

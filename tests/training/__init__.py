"""Tests of the training loop, batching, recipes and cmcc train."""

"""Tests of the metric modules."""

"""Tests of the dialogue state."""

"""Reads raw files to rows of `labeled` and `unlabeled`: encodings, JSON, labels, spans, care files, splits, Track 2."""

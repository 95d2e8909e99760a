"""Raw files to rows of `labeled` and `unlabeled`: splits, encodings, JSON, labels, spans, care files, Track 2."""

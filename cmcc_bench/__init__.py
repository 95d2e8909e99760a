"""The library behind the CMCC corpus: simulator, checks, statistics, dialogue state, models, scores and reports."""

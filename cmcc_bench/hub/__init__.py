"""`cmcc push` and `cmcc pull`: upload and download data sets, models, metrics and the leaderboard.

What the Hub does afterwards (checks of a card's fields, quotas, a Space's build, the viewer) is not covered here.
"""

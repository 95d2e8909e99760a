"""`cmcc annotate`: the page on which calls are labeled, the store of decisions, suggestions, and plans of work."""

"""Tables of results, computed from prediction files, for the terminal and as Markdown."""

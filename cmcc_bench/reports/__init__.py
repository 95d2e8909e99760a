"""Tables of results: made of prediction files, printed in the terminal and written as Markdown."""

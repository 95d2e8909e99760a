"""Models, their tokenizers and the encoding of exchanges. Only `digest` and `record` can be imported without torch."""

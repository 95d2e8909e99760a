"""Models' tokenizers, how an exchange becomes tokens, and causal language models; all of it needs torch."""

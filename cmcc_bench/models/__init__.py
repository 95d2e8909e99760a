"""Models' tokenizers, how an exchange becomes tokens, models themselves; only digest and training need no torch."""

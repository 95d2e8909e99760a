"""`cmcc card`: the card of a trained model, written from its run and from scores that are computed again."""

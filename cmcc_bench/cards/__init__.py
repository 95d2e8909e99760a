"""`cmcc card`: the card of a trained model, made of its run and of scores that are computed anew."""

"""`cmcc chat`: talk to a trained model, in the terminal or on a page, and see what it predicts on the way."""

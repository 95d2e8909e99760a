"""`cmcc chat`: chat with trained models in the terminal or on a page, and see the predictions before each reply."""

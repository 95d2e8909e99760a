"""Recognition: what trained models say of emotions, entities and satisfaction, and labels for unlabeled dialogues."""

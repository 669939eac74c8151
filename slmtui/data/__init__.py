"""What a model is trained on: the corpus, its tokens, their split, and the n-gram baseline."""

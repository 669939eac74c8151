"""What a phase learns from: the corpus, its tokens, their split, and the n-gram baseline."""

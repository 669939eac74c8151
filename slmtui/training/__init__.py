"""How a model learns: the trainer, what it is made of, and its events."""

"""slmtui: train a small language model on your own text in the terminal, and see whether it learns or memorises."""

__version__ = "0.1.0"

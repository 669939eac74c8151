"""What a model writes, judged: samples, copies, what it knows by heart."""

"""What is wrong with a run, its data or its size, and what to do about it."""

"""What learns: a GPT-2-style model, its kernels, and generation."""

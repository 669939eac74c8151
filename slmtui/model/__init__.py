"""The models: a GPT-2-style network, its copy head, its kernels, and an n-gram model mixed into its predictions."""

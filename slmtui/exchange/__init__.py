"""To and from others: a run's model as Hugging Face and llama.cpp read it, its curves as TensorBoard and tables do."""

"""Using a model: generation, the key/value cache, streaming, and the models kept in memory."""

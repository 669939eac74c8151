"""What a model is used with: generation, key/value cache, streaming, models kept in memory."""

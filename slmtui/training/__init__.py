"""How a model learns: the phase (TOML), the trainer and its events."""

"""A phase's configuration in TOML: schema, files, positions, errors, overrides, editing, docs."""

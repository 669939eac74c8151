"""What a person configures, as TOML: schema, files, positions, errors, overrides, editing, docs."""

"""Lists that are filtered by what a person types."""

"""The Phases screen."""

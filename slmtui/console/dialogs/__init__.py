"""Questions, messages and help in front of a screen."""

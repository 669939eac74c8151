"""The Complete screen."""

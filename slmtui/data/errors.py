"""What can be wrong with a corpus, its split or its vocabulary."""

from slmtui.errors import UserError


class DataError(UserError):
    """A corpus, split or vocabulary that cannot be used; the message says why, and what would work."""


class TooShort(DataError):
    """A text, or a side of it, that has too few tokens to train on, to validate on or to test on."""

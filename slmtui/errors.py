"""The two ways in which slmtui gives up, and the exit status of each.

Everything a person can put right (a phase, a path, a corpus, an option) is a `UserError`: its message says what is
wrong, where, what was found and what would be right, and it is all that they see.
"""


class UserError(Exception):
    """Usage, phase or data at fault: the message alone is shown, exit status 2."""


class TrainingFailed(Exception):
    """The training could not go on (diverged, out of memory, disk full): exit status 3."""

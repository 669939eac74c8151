"""The two kinds of error that slmtui reports, and the exit status of each.

Anything the user can fix (a phase, a path, a corpus, an option) is a `UserError`. Its message says what is wrong and
where, what was found and what would be right; it is shown without a traceback.
"""


class UserError(Exception):
    """A mistake in the usage, the phase or the data: only the message is shown, exit status 2."""


class TrainingFailed(Exception):
    """The training could not continue (diverged, out of memory, disk full): exit status 3."""

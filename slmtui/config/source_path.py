"""Where a source leads that a person or a phase names."""

from __future__ import annotations

import os
from pathlib import Path


def source_path(source: str | Path) -> Path:
    """The path of a source, with `~` and `~user` as the home folder.

    Unlike Path.expanduser, which raises RuntimeError, it leaves the home of an unknown user as it is: a path that leads
    nowhere, and is reported as a missing file.
    """
    return Path(os.path.expanduser(source))  # noqa: PTH111

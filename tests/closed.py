"""A folder without permissions, also for root, who may read everything and often runs the tests."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

LISTING = ("scandir", "listdir", "open")


def close(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the folder is like one of mode 000: neither listed nor gone through."""

    def guarded(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **more: Any) -> Any:
            if isinstance(path, str | Path):
                place = Path(path).absolute()
                if name != "lstat":
                    with suppress(OSError):  # no link
                        place = place.parent / os.readlink(place)  # noqa: PTH115
                if folder in place.parents or (name in LISTING and place == folder):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return real(path, *rest, **more)

        return call

    for name in (*LISTING, "stat", "lstat"):
        monkeypatch.setattr(os, name, guarded(name, getattr(os, name)))

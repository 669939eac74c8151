"""The desktop around the terminal, if there is one: its browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
AWAY = ("SSH_CONNECTION", "SSH_TTY")  # whoever sits there has another desktop than this machine


def opener(environment: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """The program that opens a file as a double click does; None where nobody would see that."""
    if any(environment.get(name) for name in AWAY):
        return None
    if platform == "darwin":
        return shutil.which("open")
    return shutil.which("xdg-open") if any(environment.get(name) for name in DISPLAYS) else None


def open_in_browser(page: Path) -> bool:
    """Show an HTML file, without waiting; False where there is no desktop to show it on.

    Not by Python's webbrowser, which may start one in this terminal.
    """
    if (program := opener(os.environ)) is None:
        return False
    nothing = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            [program, page.resolve().as_uri()], stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
    except OSError:
        return False
    threading.Thread(target=process.wait, name="browser", daemon=True).start()  # else it stays a zombie
    return True

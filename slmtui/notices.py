"""That a training has ended is noticed: the terminal's bell, a notification of the desktop, a command.

The sequences are for the terminal in front of a person, who may sit behind SSH and tmux: what decides is the
environment, which SSH and tmux hand on in TERM alone.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from slmtui.output import STATUS_FILE, visible
from slmtui.runs.log_reader import last_event
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.settings import Settings

PUSH_TITLE, POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"  # the terminal keeps the title that it has, and brings it back
BELL = "\a"
PLAIN = ("", "dumb", "linux")  # values of TERM for terminals without a title or a desktop
# Which of the two each terminal understands; one that understands both would notify twice.
OSC_9 = ("iterm", "wezterm", "ghostty", "kitty", "windows")
OSC_777 = ("rxvt", "foot", "vte")
LONGEST = 200  # characters of a notification
# In the environment of a process of several, from torchrun and --nproc: besides these, all TORCHELASTIC_…
OF_SEVERAL = {
    "RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "ROLE_NAME", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE",
    "ROLE_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", STATUS_FILE,
}  # fmt: skip


ENDED = {"done": "is done", "stopped": "was stopped", "failed": "has failed"}


@dataclass(frozen=True)
class Notice:
    """What became of a training. folder: of the run; "" where it came to none."""

    name: str
    state: Literal["done", "stopped", "failed"]
    words: str
    folder: str = ""

    def environment(self) -> dict[str, str]:
        """What a command learns of it."""
        return {
            "SLMTUI_RUN": self.name, "SLMTUI_STATE": self.state, "SLMTUI_MESSAGE": visible(self.words),
            "SLMTUI_FOLDER": self.folder,
        }  # fmt: skip


def notice_of(run: Run) -> Notice | None:
    """What became of a run; None while it may go on elsewhere, as when it was interrupted."""
    end = last_event(run.log_file)
    reason = getattr(end, "reason", "interrupted")
    if reason == "interrupted":
        return None
    summary, _ = summarise(run)
    state: Literal["done", "stopped", "failed"] = (
        "stopped" if reason == "stopped" else "failed" if reason in ("failed", "diverged") else "done"
    )
    bits = summary.judged_bits_per_byte
    best = "" if bits is None else f", best {bits:.2f} bits/byte"
    words = f"{run.name} {ENDED[state]} at step {summary.step:,}{best}"
    return Notice(run.name, state, words, str(run.folder.resolve()))


def failed(name: str, message: str, run: Run | None) -> Notice:
    """Of a training that could not begin, or broke off."""
    return Notice(name, "failed", f"{name} has failed: {message}", "" if run is None else str(run.folder.resolve()))


def sequence(words: str, settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """What is written to the terminal at the end of a training; "" where all of it is turned off."""
    written = BELL if settings.bell else ""
    if settings.notification and environment.get("TERM", "") not in PLAIN:
        body = visible(words)[:LONGEST]
        terminal = f"{environment.get('TERM', '')} {environment.get('TERM_PROGRAM', '')}".lower()
        terminal += " windows" if "WT_SESSION" in environment else ""
        terminal += " vte" if "VTE_VERSION" in environment else ""
        if not any(name in terminal for name in OSC_777):
            written += _passed_on(f"\x1b]9;{body}\a", environment)
        if not any(name in terminal for name in OSC_9):
            written += _passed_on(f"\x1b]777;notify;slmtui;{body}\a", environment)
    return written


def title_sequence(words: str, environment: Mapping[str, str] = os.environ) -> str:
    """Has the terminal's window, or tmux's pane, bear these words; "" where there is no such thing."""
    return "" if environment.get("TERM", "") in PLAIN else f"\x1b]2;{visible(words)}\a"


def _passed_on(written: str, environment: Mapping[str, str]) -> str:
    """tmux and screen keep sequences that they do not know, unless told to hand them on to the terminal outside."""
    term = environment.get("TERM", "")
    if "STY" in environment and "TMUX" not in environment:
        return f"\x1bP{written}\x1b\\"
    if "TMUX" in environment or term.startswith(("tmux", "screen")):
        return "\x1bPtmux;" + written.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return written


def start_command(command: str, notice: Notice) -> subprocess.Popen[bytes]:
    """Start a person's command in a shell; what it prints goes to stderr. OSError as such.

    It is none of the processes that train together here, nor is a training that it starts.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in OF_SEVERAL and not name.startswith("TORCHELASTIC_")
    }
    return subprocess.Popen(
        command, shell=True, env=environment | notice.environment(), stdin=subprocess.DEVNULL, stdout=2,
        start_new_session=True,
    )  # fmt: skip

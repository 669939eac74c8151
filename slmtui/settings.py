"""What a person has set for all projects, in settings.toml in their configuration folder. Every key has a default.

glyphs = "braille"            # auto, braille, block, ascii
refresh = 0.25                # seconds between two looks of the console at what is going on

bell = true                   # at the end of a training: the terminal's bell,
notification = true           # a notification of the desktop (OSC 9, OSC 777),
on_finish = ""                # and a command
window_title = true           # while the console trains: how far it is
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import tomlkit
from platformdirs import user_config_path
from tomlkit.exceptions import TOMLKitError

from slmtui.atomic_files import atomic_write
from slmtui.config.errors import PhaseError, Problem, printable, shown
from slmtui.config.phase_file import parse_toml, read_phase_text
from slmtui.config.positions import spots
from slmtui.errors import UserError
from slmtui.files import is_there

CHOICES = {"glyphs": ("auto", "braille", "block", "ascii")}
LEAST_REFRESH, MOST_REFRESH = 0.1, 5.0  # seconds


@dataclass(frozen=True)
class Settings:
    glyphs: str = "auto"
    refresh: float = 0.25
    bell: bool = True
    notification: bool = True
    on_finish: str = ""
    window_title: bool = True


ABOUT = {
    "glyphs": "characters for charts; auto: what the terminal can show",
    "refresh": "seconds between two looks of the console at what is going on",
    "bell": "ring the terminal's bell at the end of a training",
    "notification": "notify the desktop at the end of a training, through tmux and SSH, too",
    "on_finish": "a command that is run at the end of a training; empty: none",
    "window_title": "how far a training is, in the terminal's title",
}


def settings_file() -> Path:
    return user_config_path("slmtui") / "settings.toml"


def keys_file() -> Path:
    """Where a person changes the keys of the console."""
    return settings_file().with_name("keys.toml")


def load_settings(path: Path | None = None) -> Settings:
    """What stands in the file; the defaults where there is none. UserError, with line and key, for what is wrong."""
    path = path or settings_file()
    if not is_there(path):
        return Settings()
    text = read_phase_text(path).replace("\r\n", "\n")
    file = printable(str(path), limit=200)
    values = parse_toml(text, file)
    places, problems = spots(text), []
    for key, value in values.items():
        if wrong := why_wrong(key, value):
            spot = places.get((key,))
            line = spot.line if spot else 1
            problems.append(Problem(f"{file}:{line}", key, wrong, line, spot.value_column if spot else None))
    if problems:
        raise PhaseError(problems, text)
    return replace(Settings(), **values)


def why_wrong(key: str, value: Any) -> str:
    """What is wrong with a value, and what would be right; "" for nothing."""
    kinds = {field.name: field.type for field in fields(Settings)}
    if key not in kinds:
        near = difflib.get_close_matches(key, kinds, n=1)
        return f"unknown setting, {f'did you mean {near[0]}?' if near else 'allowed: ' + ', '.join(kinds)}"
    if key in CHOICES:
        right, allowed = value in CHOICES[key], ", ".join(CHOICES[key])
    elif kinds[key] == "bool":
        right, allowed = isinstance(value, bool), "true or false"
    elif kinds[key] == "float":
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        right = is_number and LEAST_REFRESH <= value <= MOST_REFRESH
        allowed = f"a number from {LEAST_REFRESH:g} to {MOST_REFRESH:g}"
    else:
        right, allowed = isinstance(value, str) and "\0" not in value, "a command, as a string"
    return "" if right else f"not possible (got {shown(value)}), allowed: {allowed}"


def save_setting(key: str, value: Any, path: Path | None = None) -> Settings:
    """Write one setting, and leave the rest of the file as it is, comments and all. UserError if that cannot be."""
    if wrong := why_wrong(key, value):
        raise UserError(f"{key}: {wrong}")
    path = path or settings_file()
    now = load_settings(path)  # a file with a mistake in it is not written over
    text = path.read_text(encoding="utf-8") if is_there(path) else ""
    try:
        document = tomlkit.parse(text)
        document[key] = value
        written = document.as_string()
        if tomllib.loads(written) != {**tomllib.loads(text), key: value}:
            raise ValueError
    except (TOMLKitError, ValueError):
        raise UserError(f"{path}: {key} cannot be changed without disturbing the rest; edit the file itself") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path.resolve()) as file:  # which may be a link to where somebody keeps all such files
            file.write(written.encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    return replace(now, **{key: value})

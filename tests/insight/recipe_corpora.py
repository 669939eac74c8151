"""Four corpora unlike the bundled one, made of what every Python brings along, or with dice: no network, no file."""

from __future__ import annotations

import inspect
import json
import random
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

BYTES = 130_000  # enough for 23,000 GPT-2 tokens of any of them
MODULES = ("argparse", "csv", "textwrap", "shlex", "heapq", "configparser", "queue", "sched", "string", "zipfile")
USERS = ("anna", "boris", "carla", "dmitri", "elena", "felix", "greta", "hugo", "irene", "jonas", "karla", "pavel")
WORDS = (
    "order", "ticket", "invoice", "parcel", "garden", "window", "river", "letter", "market", "harbour", "engine",
    "copper", "silver", "winter", "summer", "report", "budget", "account", "filter", "sensor", "bridge", "export",
)  # fmt: skip
MESSAGES = {
    "auth": ("login accepted for user {u}", "login rejected for user {u}: bad password", "session {h} expired"),
    "billing": (
        "invoice {n} issued to {u}, total {m} EUR",
        "payment {h} captured, {m} EUR",
        "refund of {m} EUR queued",
    ),
    "catalog": (
        "product {n} updated by {u}",
        "price of product {n} set to {m}",
        "import finished: {n} rows, {k} errors",
    ),
    "search": ("query '{w} {w}' took {k} ms, {n} hits", "index rebuilt in {k} s", "slow query '{w}' ({n} ms)"),
    "gateway": ("GET /api/{w}/{n} 200 {k}ms", "POST /api/{w} 201 {k}ms", "upstream {w} timed out after {n} ms"),
    "scheduler": ("job {w} started", "job {w} finished in {k} s", "job {w} failed: exit status {k}"),
}


def standard_library(folder: Path) -> Path:
    """Python of many hands."""
    for name in MODULES:
        (folder / f"{name}.py").write_text(inspect.getsource(import_module(name)), encoding="utf-8")
    return folder


def prose(folder: Path) -> Path:
    """The language reference as `help()` has it."""
    topics: dict[str, str] = import_module("pydoc_data.topics").topics
    text = "\n".join(topics[name] for name in sorted(topics) if len(topics[name]) > 1_000)
    (folder / "reference.txt").write_text(text[:BYTES], encoding="utf-8")
    return folder


def log(folder: Path) -> Path:
    """What half a dozen services write down in a day."""
    dice, lines, seconds = random.Random(7), list[str](), 8 * 3600.0
    while sum(map(len, lines)) < BYTES:
        seconds += dice.expovariate(0.5)
        service, message = _message(dice)
        level = (
            "ERROR" if "failed" in message else "WARN " if "timed out" in message or "rejected" in message else "INFO "
        )
        clock = f"{int(seconds // 3600) % 24:02}:{int(seconds // 60) % 60:02}:{seconds % 60:06.3f}"
        lines.append(f"2024-03-01T{clock}Z {level:5} {service}[{dice.randrange(1000, 1020)}] {message}\n")
    (folder / "services.log").write_text("".join(lines), encoding="utf-8")
    return folder


def records(folder: Path) -> Path:
    """JSON, one record on a line or over several."""
    dice, parts = random.Random(11), list[str]()
    while sum(map(len, parts)) < BYTES:
        service, note = _message(dice)
        record = {
            "id": dice.randrange(10**6),
            "service": service,
            "user": {
                "name": dice.choice(USERS),
                "age": dice.randrange(18, 80),
                "tags": dice.sample(WORDS, dice.randrange(4)),
            },
            "amount": dice.randrange(100, 99_999) / 100,
            "active": dice.random() < 0.6,
            "note": note if dice.random() < 0.5 else None,
        }
        parts.append(json.dumps(record, indent=dice.choice((None, 2))) + "\n")
    (folder / "records.json").write_text("".join(parts), encoding="utf-8")
    return folder


def _message(dice: random.Random) -> tuple[str, str]:
    service = dice.choice(sorted(MESSAGES))
    values: dict[str, Callable[[], str]] = {
        "{u}": lambda: dice.choice(USERS),
        "{w}": lambda: dice.choice(WORDS),
        "{n}": lambda: str(dice.randrange(1, 10 ** dice.randrange(1, 5))),
        "{k}": lambda: str(dice.randrange(1, 400)),
        "{m}": lambda: f"{dice.randrange(100, 99_999) / 100:.2f}",
        "{h}": lambda: f"{dice.randrange(16**8):08x}",
    }
    message = dice.choices(MESSAGES[service], (5, 3, 1))[0]
    for place, value in values.items():
        while place in message:
            message = message.replace(place, value(), 1)
    return service, message

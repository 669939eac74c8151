"""Tiny real runs to look at and to talk to, and a console over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slmtui.config.phase import Phase
from slmtui.console.app import Console
from slmtui.console.ui_state import UIState
from slmtui.runs.run import Run
from slmtui.session import begin

WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon"


def write_corpus(folder: Path, repeats: int = 40) -> Path:
    """Two files; a model soon knows by heart what comes after what."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text((WORDS + "\n") * repeats, encoding="utf-8")
    return folder


def tiny_phase(corpus: Path, name: str = "tiny", width: int = 8, study: str = "", **training: Any) -> Phase:
    return Phase.model_validate(
        {
            "phase": {"name": name, "study": study},
            "data": {"source": str(corpus), "join": "published"},  # completions of full length
            "tokenizer": {"kind": "gpt2-compact"},
            "model": {"n_layer": 1, "n_head": 1, "n_embd": width, "block_size": 8},
            "training": {"max_iters": 4, "batch_size": 4, "seed": 1, "threads": 1} | training,
            "evaluation": {"interval": max(2, training.get("max_iters", 4) // 2)},
            "sampling": {"prompts": []},
        }
    )


def tiny_study(name: str, phase: str, settings: str = "") -> str:
    """The file of a study of a phase in phases/: two widths, two seeds. settings: lines of its [set]."""
    return f"""\
[study]
name = "{name}"
phase = "phases/{phase}.toml"
seeds = [1, 2]

[set]
{settings}
[grid]
model.n_embd = [8, 16]
"""


def train_tiny(checkpoints: Path, phase: Phase) -> Run:
    session = begin(phase, checkpoints)
    for _ in session.events:
        pass
    return session.run


def console(checkpoints: Path, folder: Path) -> Console:
    app = Console(checkpoints, log=folder / "console.log", ui_state=UIState(folder / "memory.json"))
    app.ui_state.remember("screen", "complete")
    return app

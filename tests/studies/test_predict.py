"""slmtui predict: from the trials of a study to the loss of a phase."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.config.study import load_study
from slmtui.studies.claims import CLAIMS
from slmtui.studies.runner import Work

REST = """\
[grid]
model.n_embd = [8, 16, 32]
[[variant]]
name = "less"
data.include = ["i*.py", "o*.py", "p*.py"]
data.validation = ["p*.py"]
[[variant]]
name = "more"
data.validation = ["p*.py"]
"""


def test_a_loss_is_predicted_as_an_interval_and_not_too_far(
    study_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = study_file(rest=REST)
    command = ["predict", "base.toml", "--study", str(file), "--set", "data.validation=['p*.py']", "--json"]
    assert main(command) == 2
    assert "small.toml: a law has five constants, so it takes 6 cells or more" in capsys.readouterr().err
    list(Work(load_study(file, CLAIMS), tmp_path / "checkpoints", lambda: None).run())
    assert main(command) == 0
    out, said = capsys.readouterr()
    found = json.loads(out)
    here = found["bits_per_byte"]["as it is"]
    assert here["low"] <= here["loss"] <= here["high"]
    assert 3 < here["loss"] < 9
    assert found["law"]["cells"] == 6
    assert found["parameters"] > 0
    assert main([*command[:-1], "--set", "model.n_embd=512"]) == 2
    assert "are more than 4 times from what was measured" in capsys.readouterr().err
    assert main([*command[:-1], "--set", "model.dropout=0.3"]) == 0
    out, said = capsys.readouterr()
    assert "also differs from the study's trials in" in said
    assert "dropout" in said
    assert out.startswith("as it is: ")
    assert "with twice the text: " in out
    child = ["--set", "model.init_from=small.06-001", "--set", "model.n_embd=8"]
    assert main([*command[:-1], *child]) == 2, "the parent's width is 32"
    assert "does not fit the model to start from, small.06-001@" in capsys.readouterr().err

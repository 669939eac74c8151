"""A text that is not there is told of with its place in the phase."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.config.errors import PhaseError
from slmtui.config.phase_file import load_phase
from slmtui.training.prepare import phase_corpus


def test_a_missing_source_is_told_with_file_line_and_key(tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_text("text\n")
    path = tmp_path / "mine.toml"
    path.write_text(f'[phase]\nname = "mine"\n[data]\nsource = ["{tmp_path}/there.txt", "missing_dir"]\n')
    with pytest.raises(PhaseError, match=r"mine\.toml:4: data\.source: missing_dir: no such file or folder"):
        phase_corpus(load_phase(path))

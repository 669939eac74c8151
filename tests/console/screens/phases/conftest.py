"""Every test of Phases runs in a project of two phases, as the current folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.screens.phases.driver import two_phases


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return two_phases(tmp_path)

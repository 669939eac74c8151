"""v on Runs and Complete: a run is served, with its address and what is asked of it, and ends with the console."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from textual.widgets import Static

from slmtui.console.app import Console
from slmtui.console.dialogs.serving import ServingDialog
from slmtui.console.workers import run_server
from slmtui.runs.cells import find_cell
from tests.console.screens.complete.page import complete_page
from tests.console.screens.runs.driver import open_runs
from tests.console.tiny_runs import tiny_phase, train_tiny, write_corpus
from tests.patience import wait_for


def shown(app: Console) -> str:
    assert isinstance(app.screen, ServingDialog)
    return str(app.screen.query_one("#served", Static).content)


def says(app: Console, words: str) -> bool:
    return words in shown(app)


def is_gone(address: str) -> bool:
    try:
        urlopen(f"{address}/health", timeout=5).close()
    except (URLError, OSError):
        return True
    return False


@pytest.mark.long
async def test_a_run_is_served_until_the_console_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_server, "PORTS", ("0",))
    run = train_tiny(tmp_path / "checkpoints", tiny_phase(write_corpus(tmp_path / "corpus")))
    async with open_runs(tmp_path / "checkpoints") as opened:
        await opened.press("V")
        assert "starting" in shown(opened.app)
        await opened.until(partial(says, opened.app, "0 requests · 0 tokens · 0 tokens/s"))
        address = opened.app.server.address
        assert f"{address}/v1" in shown(opened.app)
        with urlopen(f"{address}/v1/completions", json.dumps({"prompt": "alpha", "max_tokens": 3}).encode()) as answer:
            assert json.load(answer)["model"] == run.name
        await opened.until(partial(says, opened.app, "1 request · 3 tokens"))
        await opened.press("escape")
        assert not is_gone(address), "it goes on without the dialog"
        await opened.press("c", "escape", "V")
        await opened.until(partial(says, opened.app, f"{address}/v1"))
    wait_for(partial(is_gone, address), "it ends with the console")


@pytest.mark.long
async def test_a_cell_is_served_from_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_server, "PORTS", ("0",))
    corpus, checkpoints = write_corpus(tmp_path / "corpus"), tmp_path / "checkpoints"
    for seed in (1, 2):
        train_tiny(checkpoints, tiny_phase(corpus, "s.01", study="s", seed=seed))
    async with complete_page(checkpoints, tmp_path) as page:
        cell = find_cell(checkpoints, "s/01")
        assert cell is not None
        page.screen.show_models([cell])
        await page.press("escape", "V")
        await page.until(lambda: says(page.app, "0 requests · 0 tokens · 0 tokens/s"))
        body = json.dumps({"prompt": "alpha", "max_tokens": 3}).encode()
        with urlopen(f"{page.app.server.address}/v1/completions", body) as answer:
            assert json.load(answer)["model"] == "s/01"
        await page.press("x")


async def test_a_run_that_cannot_be_served_says_why(tmp_path: Path) -> None:
    run = train_tiny(tmp_path / "checkpoints", tiny_phase(write_corpus(tmp_path / "corpus")))
    run.best_file.write_bytes(b"no model")
    async with open_runs(tmp_path / "checkpoints") as opened:
        await opened.press("V")
        await opened.until(partial(says, opened.app, "not served: "))
        assert "best.pt" in shown(opened.app)
        await opened.press("x")
        assert not isinstance(opened.app.screen, ServingDialog)

"""v on Runs and Complete: a run is served, with its address and what is asked of it, and ends with the console."""

from __future__ import annotations

import json
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from textual.widgets import Static

from slmtui.console.app import Console
from slmtui.console.dialogs.serving import ServingDialog
from slmtui.console.workers import run_server
from slmtui.console.workers.run_server import RunServer
from slmtui.errors import UserError
from slmtui.runs.cells import find_cell
from slmtui.runs.run import Run
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


SLOW_SERVER = """\
#!{python}
import os, sys, threading, time
name, port = sys.argv[5], sys.argv[7]
with open("started", "a") as started:
    started.write(f"{{name}} {{port}}\\n")
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
while not os.path.exists("loaded"):
    time.sleep(0.02)
print(f"http://127.0.0.1:{{port}}/{{name}}", flush=True)
threading.Event().wait()
"""


def test_what_is_started_last_is_served_and_nothing_is_once_it_was_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "slow-server"
    program.write_text(SLOW_SERVER.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(program))
    server, started = RunServer(), Path("started")
    first, second = (Run(Path("checkpoints") / name) for name in ("a-001", "b-001"))

    def begin(run: Run) -> Future[None]:
        before = started.read_text() if started.exists() else ""
        future = pool.submit(server.start, run)
        wait_for(lambda: started.exists() and started.read_text() != before, "its process")
        return future

    with ThreadPoolExecutor(3) as pool:
        ended = begin(first)
        server.end()
        with pytest.raises(UserError, match="was ended"):
            ended.result(60)
        assert (started.read_text(), server.run) == ("a-001 8000\n", None)
        replaced, stays = begin(first), begin(second)
        with pytest.raises(UserError, match="something else is served"):
            replaced.result(60)
        Path("loaded").touch()
        stays.result(60)
        assert server.serves(second)
        assert server.address == "http://127.0.0.1:8000/b-001"
        assert started.read_text() == "a-001 8000\n" * 2 + "b-001 8000\n"
        server.end()


async def test_a_run_that_cannot_be_served_says_why(tmp_path: Path) -> None:
    run = train_tiny(tmp_path / "checkpoints", tiny_phase(write_corpus(tmp_path / "corpus")))
    run.best_file.write_bytes(b"no model")
    async with open_runs(tmp_path / "checkpoints") as opened:
        await opened.press("V")
        await opened.until(partial(says, opened.app, "not served: "))
        assert "best.pt" in shown(opened.app)
        await opened.press("x")
        assert not isinstance(opened.app.screen, ServingDialog)

"""`slmtui serve` as a person starts it: what it says, refuses, and how it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys
import threading
import urllib.request
from pathlib import Path

import psutil
import pytest

from slmtui.cli import main
from slmtui.runs.run import Run
from tests.patience import PATIENCE, wait_for
from tests.processes import Processes
from tests.serve.conftest import serving, trained
from tests.serve.raw import exchanged, posted, status


def test_sigterm_ends_it_once_what_runs_is_finished(processes: Processes, run: Run, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w+b") as out:
        process = processes.start(
            "serve", "--port", "0", "--checkpoints", str(run.folder.parent), cwd=tmp_path, streams={1: out.fileno()}
        )
    wait_for(lambda: b"\n" in (tmp_path / "out").read_bytes(), "an address")
    address = (tmp_path / "out").read_text().strip()
    asked = json.dumps({"prompt": "def ", "max_tokens": 1500, "stream": True, "seed": 1, "temperature": 5}).encode()
    with urllib.request.urlopen(f"{address}/v1/completions", asked, timeout=PATIENCE) as answer:
        first = answer.readline()
        assert psutil.Process(process.pid).nice() >= 10, "a training beside it goes first"
        process.send_signal(signal.SIGTERM)
        rest = answer.read().decode()
    assert first.startswith(b"data: {")
    assert rest.endswith("data: [DONE]\n\n")
    assert '"finish_reason":"' in rest
    assert process.wait() == 0
    _, err = process.communicate()
    assert "Traceback" not in err
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{address}/health", timeout=10)


def test_it_ends_with_its_stdin_if_asked(processes: Processes, run: Run, tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    process = processes.start(
        "serve", run.name, "--port", "0", "--until-eof", "--checkpoints", str(run.folder.parent), cwd=tmp_path,
        streams={0: theirs.fileno()},
    )  # fmt: skip
    theirs.close()
    ours.close()
    assert process.wait() == 0
    out, err = process.communicate()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+\n", out)
    assert f"{run.name}/best.pt: step" in err
    assert "ctrl+c ends it" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "nonsense: no such run"),
        (["--host", "0.0.0.0"], "--host 0.0.0.0 can be reached by others: give --api-key KEY"),
        (["--host", "no.such.host.invalid"], "--host no.such.host.invalid: no address"),
        (["--host", "a..b"], "--host a..b: no address"),
        (["--host", "a" * 300, "--api-key", "k"], "…:8000: cannot be listened at"),
        (["--host", "\udcff"], r"--host \udcff: no address"),
        (["--api-key", ""], "--api-key: empty"),
        (["--api-key", "two\nlines"], "--api-key: no client can send it"),
        (["--api-key", "schlüssel"], "--api-key: no client can send it"),
        (["--port", "70000"], "'70000' is not a whole number from 0 to 65,535"),
    ],
)
def test_what_is_wrong_is_said_before_it_serves(
    run: Run, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments, "--checkpoints", str(run.folder.parent)]) == 2
    assert says in capsys.readouterr().err


def test_a_model_that_is_damaged_is_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(tmp_path)
    run.best_file.write_bytes(b"nothing of that kind")
    assert main(["serve", run.name, "--port", "0", "--checkpoints", str(run.folder.parent)]) == 2
    assert capsys.readouterr().err.count("not a checkpoint") == 1


def test_a_port_that_is_taken_is_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port, "--checkpoints", str(run.folder.parent)]) == 2
    assert f"127.0.0.1:{port}: cannot be listened at" in capsys.readouterr().err


def test_without_its_packages_it_says_which_extra_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "--checkpoints", str(run.folder.parent)]) == 2
    assert "pip install 'slmtui[serve]'" in capsys.readouterr().err


def engines() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "engine"}


def test_no_thread_of_it_is_left(run: Run) -> None:
    before = engines()
    with serving(run.folder.parent) as server:
        answer = exchanged(server.port, posted("/v1/completions", {"prompt": "def load_", "max_tokens": 2}))
        assert status(answer) == 200
        assert engines() - before
    wait_for(lambda: not engines() - before, "no more engines than before")

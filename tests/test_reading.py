"""What a person is told at every start of what is read, what is left out and what is odd; it is in the log, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.data.corpus import open_corpus
from slmtui.data.documents import DocumentForm
from slmtui.data.reading import at_start, what_is_left_out, what_is_read
from slmtui.runs.log_reader import last_event, read_events
from slmtui.training.events import RunFinished, RunStarted
from tests.data.test_corpus import write
from tests.patience import wait_for
from tests.processes import Processes

TOKEN = "glpat-" + "a1B2c3D4e5F6g7H8i9J0"


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: with a corpus of which much is to be said, and a phase."""
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path,
        {
            "notes/a.txt": "one two three four five six seven\n" * 60,
            "notes/b.txt": "café à la crème, déjà vu\n".encode("cp1252") * 20,
            "notes/c.txt": ("schöne grüne Bäume\n" * 20).encode() + b"\xff\n",
            "notes/d.txt": f"{TOKEN}\n",
            "notes/image.bin": b"\0",
            "notes/package-lock.json": "{}",
            **{f"notes/.{i}": "x" for i in range(5)},
            "odd.toml": """
                [phase]
                name = "odd"
                [data]
                source = "notes"
                [model]
                n_layer = 1
                n_head = 1
                n_embd = 8
                block_size = 8
                [training]
                max_iters = 2
                threads = 1
                [evaluation]
                interval = 1
                """,
        },
    )
    return tmp_path


LINES = (
    "reading notes: 4 files, 3.1 KB of text",
    "left out: image.bin (binary: contains a NUL byte)",
    "left out: .0, .1, .2 and 2 more (hidden)",
    "left out: package-lock.json (a lock file)",
    "b.txt: read as cp1252, a guess; data.encoding can name another",
    "c.txt: not UTF-8: 1 byte (0xff, line 21, offset 440), kept as such",
    "d.txt:1: looks like a GitLab token",
)


def test_suggest_inspect_and_every_training_say_it(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suggest", "notes", "--set", "training.max_iters=2"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[: len(LINES)] == list(LINES)
    assert main(["inspect", "notes"]) == 0
    output = capsys.readouterr()
    assert output.err.splitlines()[:4] == [LINES[0], *LINES[4:]]
    assert "package-lock.json: skipped, a lock file" in output.out
    assert main(["--headless", "odd.toml"]) == 0
    output = capsys.readouterr()
    assert [line for line in output.err.splitlines() if line.removeprefix("odd-001: ") in LINES] == [
        f"odd-001: {line}" for line in LINES
    ]
    assert TOKEN not in output.err + output.out


def test_the_log_and_the_report_have_it(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--headless", "odd.toml"]) == 0
    started = next(read_events(odd / "checkpoints/odd-001/events.jsonl"))
    assert isinstance(started, RunStarted)
    assert (started.data.source, *started.data.left_out) == LINES[:4]
    assert started.data.notes[:3] == LINES[4:]
    capsys.readouterr()
    assert main(["report", "odd-001", "-o", "odd.md"]) == 0
    report = Path("odd.md").read_text()
    assert "Reading notes: 4 files, 3.1 KB of text." in report
    assert all(line in report.replace("\\", "") for line in LINES[1:])


def test_a_training_that_is_resumed_says_it_again(
    odd: Path, capsys: pytest.CaptureFixture[str], processes: Processes
) -> None:
    from slmtui.config.phase_file import load_phase
    from slmtui.runs.run import create_run

    create_run(Path("checkpoints"), load_phase(Path("odd.toml"), ()))
    assert main(["--resume", "odd-001"]) == 0
    assert f"odd-001: {LINES[0]}" in capsys.readouterr().err.splitlines()
    run = create_run(Path("checkpoints"), load_phase(Path("odd.toml"), ()))
    told = processes.run("--resume", run.name, "--detach", cwd=odd).stderr
    assert f"odd-002: {LINES[1]}" in told.splitlines()
    wait_for(lambda: isinstance(last_event(run.log_file), RunFinished) and not run.is_alive())


def test_many_reasons_are_cut_short(tmp_path: Path) -> None:
    write(tmp_path, {"a.jsonl": '{"text": "a"}\n' + "".join(f'{{"{i}": 1}}\n' for i in range(50))})
    write(tmp_path, {f"{i}.jsonl": '{"text": "b"}\n[]\n' + "\n" * i + "{" * (i + 1) for i in range(5)})
    corpus = open_corpus(tmp_path, form=DocumentForm(field="text"))
    assert what_is_read(corpus).endswith(": 6 files, 6 documents, 6 bytes of text")
    lines = what_is_left_out(corpus)
    assert len(lines) <= 11
    assert len(at_start(corpus)) == 1 + len(lines)

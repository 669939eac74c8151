"""Paths on the command line that lead nowhere, may not be followed, or are none: each is said in one sentence."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.output import ExitStatus
from tests.closed import close

Captured = pytest.CaptureFixture[str]
LONG = "x" * 5000


@pytest.fixture
def project(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases" / "quick.toml").write_text(tiny_toml)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["check"], "phases"),
        (["check", "phases/quick.toml"], "phases/quick.toml"),
        (["--headless"], "phases/quick.toml"),
        (["--headless", "phases/quick.toml"], "phases/quick.toml"),
        (["inspect"], "phases/quick.toml"),
        (["suggest"], "phases/quick.toml"),
        (["suggest", "corpus", "-o", "phases/mine.toml"], "phases/mine.toml"),
    ],
)
def test_phases_that_may_not_be_looked_into(
    project: Path, words: list[str], named: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    close(project / "phases", monkeypatch)
    assert main(words) == ExitStatus.USAGE
    said = capsys.readouterr().err
    assert f"{named}: cannot be read: Permission denied" in said or f"{named} already exists" in said


@pytest.mark.parametrize("words", [["inspect"], ["suggest"], ["--headless"], ["--detach", "phases/quick.toml"]])
def test_data_that_may_not_be_looked_into(
    project: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    close(project / "data", monkeypatch)
    assert main([*words, "--set", "data.source=data/corpus"]) == ExitStatus.USAGE
    assert "data/corpus: cannot be read: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["check", LONG], ["inspect", LONG], ["suggest", LONG], ["--headless", f"{LONG}.toml"],
        ["inspect", "--set", f"data.source={LONG}"], ["--headless", "--set", f"data.source={LONG}"],
    ],
)  # fmt: skip
def test_a_name_that_is_too_long_is_cut_short(project: Path, words: list[str], capsys: Captured) -> None:
    assert main(words) == ExitStatus.USAGE
    said = capsys.readouterr().err
    assert "no such file" in said
    assert len(said) < 1000


def test_check_names_a_folder_that_cannot_be_listed(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (project / "phases" / "sub").mkdir()
    close(project / "phases" / "sub", monkeypatch)
    assert main(["check"]) == ExitStatus.USAGE
    out, err = capsys.readouterr()
    assert out.startswith("phases/quick.toml: valid")
    assert err == "phases/sub: cannot be read: Permission denied\n"


def test_check_passes_over_what_vanishes_and_what_is_no_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    (project / "phases" / "sub").mkdir()
    os.mkfifo(project / "phases" / "pipe.toml")
    (project / "phases" / "folder.toml").mkdir()
    (project / "phases" / "link.toml").symlink_to("quick.toml")
    scandir = os.scandir

    def vanishing(path: str | Path) -> object:
        if Path(path).name == "sub":
            (project / "phases" / "sub").rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert main(["check"]) == ExitStatus.DONE
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines()] == ["phases/link.toml", "phases/quick.toml"]
    assert err == ""


def test_a_broken_link_is_called_one(project: Path, capsys: Captured) -> None:
    (project / "phases" / "dang.toml").symlink_to("nowhere")
    for words in (["check"], ["check", "phases/dang.toml"], ["--headless", "phases/dang.toml"]):
        assert main(words) == ExitStatus.USAGE
        assert "phases/dang.toml: cannot be read: a link that leads nowhere\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["check", ""], ["inspect", ""], ["suggest", ""], ["runs", "--checkpoints", ""], ["init", ""], [""]]
)
def test_an_empty_path_is_not_the_current_folder(project: Path, words: list[str], capsys: Captured) -> None:
    assert main(words) == ExitStatus.USAGE
    assert "an empty path; the current folder is called ." in capsys.readouterr().err


def test_an_empty_name_is_no_run(project: Path, capsys: Captured) -> None:
    assert main(["watch", ""]) == ExitStatus.USAGE
    assert 'slmtui: "": no such run in checkpoints' in capsys.readouterr().err


def test_what_may_not_be_read_is_said_in_our_words(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """The check of click, for which root may read all, looks at this."""
    (project / "checkpoints").mkdir()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(["check", "phases/quick.toml"]) == ExitStatus.DONE
    assert main(["runs"]) == ExitStatus.DONE


def test_check_says_that_a_source_is_not_there(project: Path, capsys: Captured) -> None:
    assert main(["check", "--set", "data.source=elsewhere"]) == ExitStatus.USAGE
    out, err = capsys.readouterr()
    assert out.startswith("phases/quick.toml: valid")
    assert err == "phases/quick.toml: data.source: there is no elsewhere here, so it cannot be trained here\n"
    assert main(["check", "--json", "--set", "data.source=elsewhere"]) == ExitStatus.USAGE
    said = json.loads(capsys.readouterr().out.splitlines()[0])
    assert not said["ok"]
    assert said["errors"] == [err.strip()]


def test_check_says_that_the_model_to_start_from_is_not_there(project: Path, capsys: Captured) -> None:
    assert main(["check", "--set", "model.init_from=elsewhere-001@400"]) == ExitStatus.USAGE
    err = capsys.readouterr().err
    assert err.startswith("phases/quick.toml: model.init_from: elsewhere-001: no such run in checkpoints (there: ")
    assert err.endswith(", so it cannot be trained here\n")


def test_a_current_folder_that_was_deleted_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for words in (["check"], ["init"], ["--headless"], ["inspect", "/etc/hostname"]):
        assert main(words) == ExitStatus.USAGE
        assert capsys.readouterr().err == (
            "slmtui: the current folder no longer exists; change to another one with cd\n"
        )
    assert main(["check", "--help"]) == ExitStatus.DONE

"""The end of a training is noticed, in terminals of all kinds and by a command."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.notices import notice_of, sequence, start_command, title_sequence
from slmtui.settings import Settings
from tests.written_runs import done_run

NINE, SEVEN = "\x1b]9;it is done\a", "\x1b]777;notify;slmtui;it is done\a"


def in_tmux(written: str) -> str:
    return "\x1bPtmux;" + written.replace("\x1b", "\x1b\x1b") + "\x1b\\"


@pytest.mark.parametrize(
    ("environment", "written"),
    [
        ({"TERM": "xterm-256color"}, NINE + SEVEN),  # as over SSH: it may be any
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, NINE),
        ({"TERM": "xterm-ghostty"}, NINE),
        ({"TERM": "foot"}, SEVEN),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, SEVEN),
        ({"TERM": "screen-256color", "TMUX": "/tmp/tmux-1/default,1,0"}, in_tmux(NINE) + in_tmux(SEVEN)),
        ({"TERM": "tmux-256color"}, in_tmux(NINE) + in_tmux(SEVEN)),  # from within tmux by SSH
        ({"TERM": "screen", "STY": "1.pts"}, f"\x1bP{NINE}\x1b\\\x1bP{SEVEN}\x1b\\"),
        ({"TERM": "linux"}, ""),
        ({}, ""),
    ],
)
def test_a_terminal_is_told_in_a_way_that_it_understands(environment: dict[str, str], written: str) -> None:
    assert sequence("it is done", Settings(), environment) == "\a" + written
    assert sequence("it is done", Settings(bell=False), environment) == written
    assert sequence("it is done", Settings(notification=False), environment) == "\a"
    assert sequence("it is done", Settings(bell=False, notification=False), environment) == ""


def test_no_name_of_a_run_gets_out_of_its_sequence() -> None:
    terminal = {"TERM": "foot"}
    assert sequence("a\x1b]0;x\ab", Settings(bell=False), terminal).count("\x1b") == 1
    assert title_sequence("a\x1b\a", terminal).count("\a") == 1
    assert title_sequence("a", {"TERM": "linux"}) == ""


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("completed", "done"),
        ("early stopping", "done"),
        ("stopped", "stopped"),
        ("diverged", "failed"),
        ("interrupted", ""),
    ],
)
def test_what_became_of_a_run_is_a_word(reason: str, state: str, tmp_path: Path) -> None:
    notice = notice_of(done_run(tmp_path, "tiny-001", reason=reason))  # type: ignore[arg-type]
    assert ("" if notice is None else notice.state) == state


def test_a_command_is_run_at_the_end_and_learns_what_became_of_it(
    tmp_path: Path, tiny_toml: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(tiny_toml)
    command = (
        'echo "$SLMTUI_RUN $SLMTUI_STATE: $SLMTUI_MESSAGE" >> told; ls "$SLMTUI_FOLDER" > files; echo heard; exit 3'
    )
    train = ["--headless", "tiny.toml", "--set", "training.max_iters=2"]
    assert main([*train, "--on-finish", command]) == 0  # whatever becomes of the command
    assert Path("told").read_text().startswith("tiny-001 done: tiny-001 is done at step 2, best ")
    assert "best.pt" in Path("files").read_text()
    out, err = capfd.readouterr()
    assert "heard" in err
    assert "heard" not in out
    assert "tiny-001: the command for its end gave exit status 3" in err
    assert "\x1b" not in err  # no terminal, no sequences

    settings = tmp_path / "config/slmtui/settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("on_finish = 'echo $SLMTUI_RUN >> told'\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert main(train) == 0
    assert Path("told").read_text().endswith("\ntiny-002\n")
    assert main([*train, "--on-finish", ""]) == 0
    assert "tiny-003" not in Path("told").read_text()


def test_the_command_is_none_of_those_that_train_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training that it starts would wait for the others, and leave its exit status in the place of this one's."""
    kept = {"PATH_OF_MINE": "kept", "MASTERS": "kept"}
    of_several = {
        "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "x", "TORCHELASTIC_RESTART_COUNT": "1",
        "SLMTUI_STATUS_FILE": str(tmp_path / "status"),
    }  # fmt: skip
    for name, value in (kept | of_several).items():
        monkeypatch.setenv(name, value)
    notice = notice_of(done_run(tmp_path, "tiny-001"))
    assert notice is not None
    assert start_command(f"env > {tmp_path}/told", notice).wait() == 0
    told = dict(line.split("=", 1) for line in (tmp_path / "told").read_text().splitlines() if "=" in line)
    assert not of_several.keys() & told.keys()
    assert (kept | notice.environment()).items() <= told.items()


def test_an_interrupted_training_has_not_ended(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tiny.toml").write_text(tiny_toml)
    monkeypatch.setattr(
        "slmtui.commands.headless.Interrupted.wish", lambda self: self(signal.SIGTERM, None) or "interrupt"
    )
    assert main(["--headless", "tiny.toml", "--on-finish", "touch told"]) == 130
    assert not Path("told").exists()

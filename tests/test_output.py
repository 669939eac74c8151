"""Text from outside is shown, never obeyed, whatever a corpus, a model, a log or a name holds; numbers for a person."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.output import put, put_json, said_if_slow, say, visible
from tests.patience import wait_for

EVIL = "\x1b[31mred\x1b]0;title\x07\x9b2J\r\x7f\udc80 line\ttab ü 漢"
# Nothing that a terminal acts upon: C0 but newline and tab, DEL, C1.
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def test_what_takes_a_while_is_said_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with said_if_slow("quick"):
        pass
    monkeypatch.setattr("slmtui.output.SLOW", 0.0)
    with said_if_slow("slow"):
        wait_for(lambda: capsys.readouterr().err == "slow …\n", "that it is slow, and not a word of what was quick")


def test_what_is_shown_and_what_stays() -> None:
    shown = visible(EVIL)
    assert not OBEYED.search(shown)
    shown.encode()
    assert shown == "␛[31mred␛]0;title␇�2J␍␡� line\ttab ü 漢"


def test_everything_said_is_visible(capsys: pytest.CaptureFixture[str]) -> None:
    put(EVIL)
    say(EVIL)
    out, err = capsys.readouterr()
    assert out == err == visible(EVIL) + "\n"


def test_json_says_the_same_without_commanding_anybody(capsys: pytest.CaptureFixture[str]) -> None:
    put_json(json.dumps({"text": EVIL}, ensure_ascii=False))
    out = capsys.readouterr().out
    assert not OBEYED.search(out)
    assert json.loads(out) == {"text": EVIL}


def test_a_terminal_of_another_alphabet_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as narrow:
        monkeypatch.setattr(sys, "stdout", narrow)
        put("漢 val − train")
    assert (tmp_path / "out").read_text() == "\\u6f22 val \\u2212 train\n"


def test_a_corpus_full_of_escapes_commands_nobody(
    tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the corpus through training, samples, completions, logs and error messages."""
    monkeypatch.chdir(tmp_path)
    corpus = tmp_path / "escapes"
    corpus.mkdir()
    for i in range(4):
        (corpus / f"a\x1b[31m{i}.txt").write_text("\x1b[31m\x1b]0;x\x07 \x9b2J \x1b[2J" * 60)
    text = tiny_toml.replace("def ", "\\u001b[31m").replace(str(tmp_path / "corpus"), "escapes")
    Path("tiny.toml").write_text(text)
    evil_name = "x\x1b[2J"
    commands = [
        ["--headless", "tiny.toml"],
        ["--headless", "tiny.toml", "--json"],
        ["watch", "latest"],
        ["watch", "latest", "--json"],
        ["complete", "latest", "\x1b[31m", "--tokens", "30"],
        ["complete", "latest", "\x1b[31m", "--tokens", "30", "--json"],
        ["inspect", "escapes"],
        ["inspect", "escapes", "--json"],
        ["inspect", "tiny.toml"],
        ["runs"],
        ["check", evil_name],
        ["complete", evil_name, "x"],
        ["--headless", evil_name],
        ["--headless", "--resume", evil_name],
        ["--headless", "tiny.toml", "--set", f"model.{evil_name}=1"],
        ["--headless", "tiny.toml", "--set", f"data.source={evil_name}"],
    ]
    for command in commands:
        status = main(command)
        out, err = capsys.readouterr()
        assert status in (0, 2), (command, err)
        assert not OBEYED.search(out + err), command
        assert "Traceback" not in err

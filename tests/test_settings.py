"""settings.toml: read with its mistakes told, and changed key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.errors import UserError
from slmtui.settings import Settings, load_settings, save_setting, settings_file


def test_without_a_file_all_is_as_usual(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.toml") == Settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bell = 1\n", ":1: bell: not possible (got 1), allowed: true or false"),
        ("# mine\nbel = true\n", ":2: bel: unknown setting, did you mean bell?"),
        ("refresh = 0.01\n", "allowed: a number from 0.1 to 5"),
        ("refresh = nan\n", "allowed: a number from 0.1 to 5"),
        ('glyphs = "fancy"\n', "allowed: auto, braille, block, ascii"),
        ("glyphs = [1]\n", "allowed: auto, braille, block, ascii"),
        ("on_finish = 3\n", "allowed: a command"),
        ("bell =\n", ":1: not valid TOML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_settings(path)
    assert told in str(error.value)
    with pytest.raises(UserError):
        save_setting("bell", False, path)
    assert path.read_text() == text


def test_one_is_saved_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "settings.toml"
    assert save_setting("bell", False, path) == Settings(bell=False)
    path.write_text("# quiet nights\n" + path.read_text() + "refresh = 1\n")
    assert save_setting("glyphs", "ascii", path) == load_settings(path) == Settings("ascii", 1, bell=False)
    assert path.read_text().startswith("# quiet nights\nbell = false\nrefresh = 1\n")
    with pytest.raises(UserError, match="refresh: not possible"):
        save_setting("refresh", 0, path)


def test_a_mistake_in_it_stops_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tiny_toml: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    settings_file().parent.mkdir()
    settings_file().write_text("bell = 'loud'\n")
    (tmp_path / "tiny.toml").write_text(tiny_toml)
    assert main(["--headless", str(tmp_path / "tiny.toml"), "--checkpoints", str(tmp_path / "runs")]) == 2
    assert 'settings.toml:1: bell: not possible (got "loud"), allowed: true or false' in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()

"""Phase files that are no TOML, no text or no files: one message each, and never a traceback."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmtui.config.phase_file import PhaseError, Problem, load_phase, parse_phase

PHASE0 = (Path(__file__).parents[2] / "phases/phase0.toml").read_text()
NAMED = '[phase]\nname = "p"\n'


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb = = 2", "p.toml:2: not valid TOML at column 5: "),
        ("a = 1\r\nb = = 2\r\n", "p.toml:2: not valid TOML at column 5: "),
        ("[model]\nn_layer = [1,\n2", "p.toml:3: not valid TOML at column 2: "),
        ("a = ab\n", "p.toml:1: not valid TOML at column 5: "),
        ("[a]\n\n[a]\n", "p.toml:3: not valid TOML at column 3: "),
        ("a = \x01", "p.toml:1: not valid TOML at column 5: "),
        ("a = " + "[" * 100_000, "p.toml: not valid TOML: brackets nested too deeply"),
        ("a = " + "1" * 5_000, "p.toml: not valid TOML: a number with too many digits"),
        ("\ufeffa = 1", "p.toml:1: begins with a byte order mark; save it as UTF-8 without one"),
    ],
)
def test_syntax(text: str, place: str) -> None:
    with pytest.raises(PhaseError) as caught:
        parse_phase(text, "p.toml")
    assert str(caught.value).startswith(place)


def test_lines_are_counted_whatever_ends_them() -> None:
    with pytest.raises(PhaseError, match=r"^p\.toml:6: model\.n_layer: too small"):
        parse_phase(f"{NAMED}\n# c\n[model]\nn_layer = 0\n".replace("\n", "\r\n"), "p.toml")


def test_files_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("phase1.toml").write_text(NAMED)
    Path("latin.toml").write_bytes(b'[phase]\nname = "caf\xe9"\n')
    Path("wide.toml").write_bytes(NAMED.encode("utf-16"))
    Path("marked.toml").write_bytes(b"\xef\xbb\xbf" + NAMED.encode())
    Path("corpus.txt").write_text("x" * (1 << 20) + "x")
    answers = {
        "phase2.toml": "phase2.toml: no such file, did you mean phase1.toml?",
        "nothing.toml": "nothing.toml: no such file",  # nothing but its ending is like that of others
        "no/where.toml": "no/where.toml: no such file",
        "phase1.toml/x": "phase1.toml/x: no such file",
        ".": ".: a folder, not a phase file",
        "latin.toml": "latin.toml:2: not UTF-8 (got byte 0xe9); save it as UTF-8",
        "wide.toml": "wide.toml: encoded as UTF-16; save it as UTF-8",
        "marked.toml": "marked.toml:1: begins with a byte order mark; save it as UTF-8 without one",
        "corpus.txt": "corpus.txt: larger than 1 MiB, so not a phase; "
        "to train on this file, name it as data.source in a phase",
        "a\0b": "a\\u0000b: cannot be read: embedded null byte",
    }
    for path, answer in answers.items():
        with pytest.raises(PhaseError) as caught:
            load_phase(path)
        assert str(caught.value) == answer


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by hand, since the tests may run as root, who may read everything."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, os.strerror(13))

    path = tmp_path / "p.toml"
    path.write_text(NAMED)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PhaseError, match=re.escape(f"{path}: cannot be read: Permission denied")):
        load_phase(path)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # re, of [[ in a pattern
@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(PHASE0)),
    st.integers(0, 30),
    st.text("abn_.=[]{}\"'#\\\n ,10-\x1b\ufeffé", max_size=12),
)
def test_whatever_is_in_a_file_there_is_a_phase_or_a_message(start: int, cut: int, put: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse_phase(PHASE0[:start] + put + PHASE0[start + cut :])
    except PhaseError as error:
        problems = error.problems or pytest.fail("an error without a word")
    assert all(re.match(r"phase\.toml(:\d+)?: ", str(problem)) for problem in problems)


def test_a_phase_of_a_project_is_missing_where_there_is_no_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PhaseError) as missing:
        load_phase("phases/quick.toml")
    assert str(missing.value).startswith(
        "phases/quick.toml: no such file; there is no phases/ here. To set up a project: "
    )
    (tmp_path / "phases").mkdir()
    with pytest.raises(PhaseError) as missing:
        load_phase("phases/quick.toml")
    assert str(missing.value) == "phases/quick.toml: no such file"

"""A folder of scripts that is a project of slmtui, too: what slmtui writes there does not become part of the corpus."""

from __future__ import annotations

from pathlib import Path

import pytest

from slmtui.config.phase_file import parse_phase
from slmtui.console.dialogs.text_folders import text_below
from slmtui.console.screens.complete.screen import HISTORY
from slmtui.console.screens.runs.reporting import report_file
from slmtui.console.start import LOG_NAME
from slmtui.data.corpus import open_corpus
from slmtui.runs.run import create_run
from slmtui.runs.tags import TAGS_FILE
from slmtui.training.prepare import phase_corpus
from tests.closed import close
from tests.data.test_corpus import names, skipped, write

PHASE = '[phase]\nname = "mine"\n\n[data]\nsource = ["."]\n'
STUDY = '# of mine\n[study] # one\nname = "recipes"\nphase = "phases/mine.toml"\n'
SCRIPTS = {
    "build.sh": "make all\n", "tools/phase.py": "print(1)\n", "pyproject.toml": "[project]\nname = 'x'\n",
    "tools/console.log": "not slmtui's\n", "moon/phase.toml": "[moon]\n", "moon/full.txt": "full\n",
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(tmp_path, SCRIPTS)  # type: ignore[arg-type]


def own_files(runs: Path) -> dict[str, str]:
    """All that slmtui writes, by the names that its parts give to it; and why each is left out."""
    phase = parse_phase(PHASE)
    finished, begun = create_run(runs, phase), create_run(runs, phase)
    finished.log_file.write_text('{"event": "begin"}\n')
    (begun.folder / "detached.log").write_text("a line\n")
    finished.folder.rename(renamed := finished.folder.with_name("the best"))
    report = report_file([], runs)
    beside = [runs / LOG_NAME, runs / HISTORY, runs / TAGS_FILE, report, report.with_suffix(".md")]
    for file in beside:
        file.write_text("{}\n")
    write(Path(), {"phases/suggested-x.toml": PHASE, "mine.toml": PHASE, "studies/recipes.toml": STUDY})
    return {
        **{str(folder): "a run of slmtui" for folder in (renamed, begun.folder)},
        **{str(file): "kept by slmtui beside its runs" for file in beside},
        **dict.fromkeys(("phases/suggested-x.toml", "mine.toml", "studies/recipes.toml"), "a phase or study of slmtui"),
    }


@pytest.mark.parametrize("runs", ["checkpoints", "runs/of mine", "."])
def test_what_slmtui_writes_is_left_out_and_told(project: Path, runs: str) -> None:
    before = open_corpus(".")
    left_out = own_files(Path(runs))
    after = open_corpus(".")
    assert names(after) == names(before) == sorted(SCRIPTS)
    assert after.fingerprint == before.fingerprint
    assert skipped(after) == left_out


def test_the_log_of_a_console_that_trained_nothing_is_left_out(project: Path) -> None:
    write(project, {"checkpoints/console.log": "a warning\n"})
    assert names(open_corpus(".")) == sorted(SCRIPTS)


def test_the_chooser_counts_what_a_training_reads(project: Path) -> None:
    own_files(Path("checkpoints"))
    write(project, {"node_modules/a.js": "x", "a.tmp": "x", ".gitignore": "*.tmp\n"})
    all_of_it, *listed = text_below(Path(), lambda: True)
    assert all_of_it.files == len(open_corpus(".").files) == len(SCRIPTS)
    assert {one.name: one.files for one in listed} == {"moon/": 2, "tools/": 2, "build.sh": 1, "pyproject.toml": 1}


def test_what_is_named_is_read(project: Path) -> None:
    own_files(Path("checkpoints"))
    corpus = open_corpus(".")
    taken_in = open_corpus(".", exclude=[item.take_in for item in corpus.skipped])
    assert {"mine.toml", "checkpoints/console.log", "checkpoints/mine-002/detached.log"} <= set(names(taken_in))
    assert skipped(taken_in) == {
        f"checkpoints/{run}/phase.toml": "a phase or study of slmtui" for run in ("mine-002", "the best")
    }
    assert names(open_corpus(".", include=["*.sh", "/mine.toml"])) == ["build.sh", "mine.toml"]
    assert names(open_corpus(".", include=["*.sh", "*.toml"])) == ["build.sh", "moon/phase.toml", "pyproject.toml"]
    assert len(open_corpus(["mine.toml", "build.sh"]).files) == 2
    everything = phase_corpus(parse_phase(PHASE + "default_excludes = false\n"))
    assert {"mine.toml", "checkpoints/console.log", "checkpoints/the best/events.jsonl"} <= set(names(everything))


def test_a_folder_that_may_not_be_entered_is_no_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "closed").mkdir()
    close(project / "closed", monkeypatch)
    corpus = open_corpus(".")
    assert names(corpus) == sorted(SCRIPTS)
    assert skipped(corpus) == {"closed/": "the folder cannot be read: Permission denied"}

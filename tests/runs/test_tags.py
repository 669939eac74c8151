"""Tags and notes: they name runs on the command line, move, outlast damage, and go to no other run by themselves."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.errors import UserError
from slmtui.runs.index import RunIndex
from slmtui.runs.run import RunError, create_run, find_run
from slmtui.runs.summary import RunSummary, doubts_of_baseline
from slmtui.runs.tags import read_tags, set_note, set_tags
from slmtui.training.versions import commit_of, versions
from tests.written_runs import BEGAN, done_run, make_phase

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, the older of which is better."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "checkpoints"
    done_run(folder, "tiny-001", [(6.6, 6.6), (2.0, 3.0)], at=BEGAN)
    done_run(folder, "tiny-002", [(6.6, 6.6), (3.0, 4.0)], at=BEGAN + 60)
    return folder


def test_a_tag_names_a_run_and_moves(checkpoints: Path, capsys: Captured) -> None:
    assert main(["tag", "tiny-001", "good", "v1.2"]) == 0
    assert find_run(checkpoints, "good").name == "tiny-001"
    assert main(["tag", "tiny-002", "good"]) == 0
    assert "good: tiny-002, and no longer tiny-001" in capsys.readouterr().out
    assert find_run(checkpoints, "good").name == "tiny-002"
    assert find_run(checkpoints, "v1.2").name == "tiny-001"
    lines = [json.loads(line) for line in (checkpoints / "tags.jsonl").read_text().splitlines()]
    assert [line["run"] for line in lines if line["tag"] == "good"] == ["tiny-001", "tiny-002"]  # where it was
    assert main(["tag", "--remove", "good"]) == 0
    with pytest.raises(RunError, match=r"good: no such run .* \(there: tiny-001, tiny-002, v1\.2\)"):
        find_run(checkpoints, "good")
    assert main(["tag", "--remove", "good"]) == 2
    assert capsys.readouterr().err.endswith("good: no such tag (there: v1.2)\n")


def test_what_is_tagged_or_noted_is_listed(checkpoints: Path, capsys: Captured) -> None:
    assert main(["tag"]) == 0
    assert "no run in checkpoints has a tag yet" in capsys.readouterr().err
    main(["tag", "latest", "good", "--note", "a lower\n rate"])
    main(["tag", "tiny-001", "--note", "x"])
    main(["tag", "tiny-001", "--note", ""])
    capsys.readouterr()
    assert main(["tag"]) == 0
    assert capsys.readouterr().out == f"tiny-002: good\n  note: a lower rate\n  data: {'f' * 12}\n  slmtui: 0.1.0\n"
    assert main(["tag", "good", "--json"]) == 0
    told = {"name": "tiny-002", "tags": ["good"], "note": "a lower rate", "parent": None, "data": "f" * 64}
    assert json.loads(capsys.readouterr().out) == told | {"code": "0.1.0"}
    assert main(["runs"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in (header, *rows)][::2] == ["tags", "good"]
    assert main(["runs", "--json"]) == 0
    runs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(run["tags"], run["note"]) for run in runs] == [([], ""), (["good"], "a lower rate")]
    assert main(["report", "good"]) == 0
    out = capsys.readouterr().out
    assert "**Tags:** good." in out
    assert "**Note:** a lower rate." in out
    assert main(["report", "tiny-001", "good"]) == 0
    assert "| tiny-002 (good) |" in capsys.readouterr().out


def test_what_is_archived_is_listed_when_it_is_asked_for(checkpoints: Path, capsys: Captured) -> None:
    assert main(["tag", "tiny-001", "good", "--archive"]) == 0
    assert capsys.readouterr().out == "good: tiny-001\ntiny-001: archived\n"
    assert main(["runs"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["run", "tiny-002"]
    assert err == "1 run left out (archived); slmtui runs --all has them\n"
    assert main(["runs", "--all"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [(row[0], row[-1]) for row in rows[:2]] == [("run", "tags"), ("tiny-001", "archived")]
    assert main(["runs", "--all", "--json"]) == 0
    assert [json.loads(line)["archived"] for line in capsys.readouterr().out.splitlines()] == [True, False]
    assert find_run(checkpoints, "good").name == "tiny-001"  # its names still name it
    assert main(["tag", "good", "--unarchive"]) == 0
    assert main(["runs"]) == 0
    assert "tiny-001" in capsys.readouterr().out
    assert main(["tag", "--archive"]) == 2
    assert "--archive is of a run: name it" in capsys.readouterr().err
    assert main(["tag", "tiny-001", "archived"]) == 2
    assert "slmtui tag RUN --archive" in capsys.readouterr().err


def test_best_is_the_run_with_the_fewest_bits_per_byte_on_the_newest_ones_text(checkpoints: Path) -> None:
    assert find_run(checkpoints, "best").name == "tiny-001"
    done_run(checkpoints, "easy-001", [(0.2, 0.1)], at=BEGAN + 30, val_text="b" * 64).phase_file.touch()
    assert find_run(checkpoints, "best").name == "easy-001"
    done_run(checkpoints, "tiny-003", [(6.6, 6.6), (3.0, 3.5)], at=BEGAN + 90)
    (done_run(checkpoints, "tiny-004").log_file).write_text("no log")
    assert find_run(checkpoints, "best").name == "tiny-001"


def test_without_an_evaluation_none_is_the_best(tmp_path: Path) -> None:
    create_run(tmp_path, make_phase())
    with pytest.raises(RunError, match="none is the best"):
        find_run(tmp_path, "best")


@pytest.mark.parametrize("tag", ["latest", "best", "tiny-001", "tiny-009", "a b", "", "x/y", "a.pt", "-x", "a\x1b[1m"])
def test_a_tag_that_could_mean_something_else_is_refused(checkpoints: Path, tag: str, capsys: Captured) -> None:
    assert main(["tag", "tiny-001", "--", tag]) == 2
    assert "choose another tag" in (err := capsys.readouterr().err) or "no tag; a tag has up to 64" in err
    assert not (checkpoints / "tags.jsonl").exists()


def test_a_damaged_line_is_reported_and_skipped(checkpoints: Path, capsys: Captured) -> None:
    set_tags(checkpoints, {"good": "tiny-001"})
    with (checkpoints / "tags.jsonl").open("ab") as file:
        file.write(b'[1]\n{"tag": "../x", "run": "tiny-001"}\n\xff\n{"run": "tiny-002", "ta')  # the last is torn
    set_tags(checkpoints, {"fine": "tiny-002"})
    assert [find_run(checkpoints, tag).name for tag in ("good", "fine")] == ["tiny-001", "tiny-002"]
    assert main(["runs"]) == 0
    err = capsys.readouterr().err
    assert [f"tags.jsonl:{line}: neither a tag nor a note of a run" in err for line in range(1, 7)] == [
        False, True, True, True, True, False,
    ]  # fmt: skip


def test_a_link_in_the_place_of_the_file_is_not_followed(checkpoints: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious\n")
    (checkpoints / "tags.jsonl").symlink_to(tmp_path / "precious")
    with pytest.raises(UserError, match="cannot be written"):
        set_tags(checkpoints, {"good": "tiny-001"})
    assert "cannot be read" in read_tags(checkpoints).faults[0]
    assert (tmp_path / "precious").read_text() == "precious\n"


def test_a_tag_never_goes_to_another_run_by_itself(checkpoints: Path, capsys: Captured) -> None:
    set_tags(checkpoints, {"good": "tiny-002"})
    find_run(checkpoints, "good").delete()
    assert create_run(checkpoints, make_phase()).name == "tiny-003"
    with pytest.raises(RunError, match=r"the run that it tags, tiny-002, is gone; tag another: slmtui tag RUN good"):
        find_run(Path("checkpoints"), "good")
    assert main(["tag"]) == 0
    assert "good: the run that it tags, tiny-002, is gone" in capsys.readouterr().err


def _tag_many(checkpoints: Path, which: str) -> None:
    for number in range(100):
        set_tags(checkpoints, {f"{which}.{number}": "tiny-001"})


def test_two_processes_may_tag_at_once(checkpoints: Path) -> None:
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_tag_many, args=(checkpoints, which)) for which in ("a", "b")]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    found = read_tags(checkpoints)
    assert (len(found.tags), found.faults) == (200, ())


def test_the_index_sees_a_tag_without_a_change_of_the_log(checkpoints: Path) -> None:
    index = RunIndex(checkpoints)
    first, second = index.look()
    set_tags(checkpoints, {"good": "tiny-001"})
    set_note(checkpoints, "tiny-001", "one to keep")
    now, same = index.look()
    assert (first.tags, now.tags, now.note) == ((), ("good",), "one to keep")
    assert same is second


def test_a_note_of_a_thousand_characters_is_enough(checkpoints: Path, capsys: Captured) -> None:
    assert main(["tag", "tiny-001", "--note", "x" * 1001]) == 2
    assert "a note has up to 1,000 characters, and this one 1,001" in capsys.readouterr().err
    assert main(["tag", "--note", "x"]) == 2
    assert "--note is of a run: name it" in capsys.readouterr().err


def test_the_code_version_has_the_commit_of_a_clone(tmp_path: Path) -> None:
    assert next(iter(versions())) == "slmtui"
    assert commit_of(tmp_path) == ""
    (tmp_path / ".git").mkdir()  # no clone that git knows
    assert commit_of(tmp_path) == ""


def test_what_speaks_against_a_baseline_is_said() -> None:
    assert doubts_of_baseline(RunSummary("a", gate="failed")).startswith("its gate failed")
    assert doubts_of_baseline(RunSummary("a", reason="diverged")).startswith("it diverged")
    assert doubts_of_baseline(RunSummary("a", gate="passed", reason="completed")) == ""

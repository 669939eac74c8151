"""Trials are trained once, go on where they were cut off, and are shared by whoever works on the study."""

from __future__ import annotations

import errno
import itertools
import json
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from slmtui.cli import main
from slmtui.config.study import Study, load_study
from slmtui.runs.cells import find_cell
from slmtui.runs.run import all_runs
from slmtui.studies.claims import CLAIMS
from slmtui.studies.reading import read_results
from slmtui.studies.results import StudyResults
from slmtui.studies.runner import Work, take_trial
from slmtui.training.control import CommandKind
from tests.patience import wait_for
from tests.processes import Process, Processes
from tests.studies.conftest import GRID, MakeStudy


def never() -> CommandKind | None:
    return None


def worked(study: Study, checkpoints: Path, wish: Callable[[], CommandKind | None] = never) -> list[str]:
    """Work on a study here; the labels of the trials that were trained, in order."""
    return [result.trial.label for result in Work(study, checkpoints, wish).run()]


def numbers(results: StudyResults) -> dict[str, tuple[float | None, list[float]]]:
    return {
        result.trial.label: (result.bits_per_byte, result.blocks.judged if result.blocks else [])
        for result in results.trials
    }


def test_each_trial_is_an_ordinary_run_and_is_trained_once(make_study: MakeStudy, tmp_path: Path) -> None:
    study, checkpoints = make_study(), tmp_path / "checkpoints"
    assert worked(study, checkpoints) == [
        "n_embd 8 · seed 1", "n_embd 16 · seed 1", "n_embd 8 · seed 2", "n_embd 16 · seed 2",
    ]  # fmt: skip
    assert [run.name for run in all_runs(checkpoints)] == [
        "small.01-001", "small.01-002", "small.02-001", "small.02-002",
    ]  # fmt: skip
    assert all(run.phase().phase.study == "small" for run in all_runs(checkpoints))
    results = read_results(study, checkpoints)
    assert results.count("done") == 4
    for trial in results.trials:
        assert trial.blocks is not None
        assert trial.summary is not None
        assert sum(trial.blocks.judged) / sum(trial.blocks.n_bytes) * 1.4427 == pytest.approx(
            trial.bits_per_byte, rel=0.03
        ), "the blocks are the validation side but its first token"
    assert len({run.phase().training.seed for run in all_runs(checkpoints)}) == 2
    assert worked(study, checkpoints) == []


def test_a_study_that_is_cut_off_anywhere_ends_with_the_same_numbers(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study()
    worked(study, tmp_path / "whole")
    for cut in (1, 4, 9, 17):
        checkpoints = tmp_path / f"cut-{cut}"
        asked = iter(range(10_000))

        def wish(asked=asked, cut=cut) -> CommandKind | None:  # type: ignore[no-untyped-def]
            return "interrupt" if next(asked) >= cut else None

        worked(study, checkpoints, wish)
        assert read_results(study, checkpoints).count("done") < 4
        worked(study, checkpoints)
        assert numbers(read_results(study, checkpoints)) == numbers(read_results(study, tmp_path / "whole"))
        assert len(all_runs(checkpoints)) == 4


def test_a_trial_whose_log_came_from_a_cluster_before_its_checkpoint_begins_again(
    make_study: MakeStudy, tmp_path: Path
) -> None:
    study = make_study(rest="")
    for checkpoints in (tmp_path / "whole", tmp_path / "killed"):
        worked(study, checkpoints)
    run = all_runs(tmp_path / "killed")[0]
    lines = run.log_file.read_bytes().splitlines(keepends=True)
    first = next(at for at, line in enumerate(lines) if b'"event":"checkpoint"' in line)
    run.log_file.write_bytes(b"".join(lines[: first + 4]))
    run.last_file.unlink()
    assert worked(study, tmp_path / "killed") == ["as it is · seed 1"]
    assert numbers(read_results(study, tmp_path / "killed")) == numbers(read_results(study, tmp_path / "whole"))
    assert len(all_runs(tmp_path / "killed")) == 2


def test_how_many_train_at_once_is_known_without_torch() -> None:
    code = "import sys; import slmtui.studies.capacity; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0, "the key + asks at once"


def test_trials_are_known_by_their_settings_wherever_their_cells_stand(
    study_file: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    checkpoints = tmp_path / "checkpoints"

    def trained(rest: str) -> list[dict[str, Any]]:
        file = study_file(rest=rest)
        assert main(["study", str(file), "--at-once", "1", "--json", "--checkpoints", str(checkpoints)]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    first = trained("[grid]\nmodel.n_embd = [8, 24]\n")
    assert [cell["number"] for cell in first] == [1, 2]
    between = trained("[grid]\nmodel.n_embd = [8, 16, 24]\n")
    assert [cell["number"] for cell in between] == [1, 3, 2], "a cell keeps the number that its runs have"
    assert [trial["run"] for cell in between for trial in cell["trials"]] == [
        "small.01-001", "small.01-002", "small.03-001", "small.03-002", "small.02-001", "small.02-002",
    ]  # fmt: skip
    cell = find_cell(checkpoints, "small/03")
    assert cell is not None
    assert [run.phase().model.n_embd for run in cell.runs] == [16, 16]
    turned = trained("[[variant]]\nname = 'large'\nmodel.n_embd = 24\n[[variant]]\nname = 'new'\nmodel.n_embd = 32\n")
    assert [cell["number"] for cell in turned] == [2, 4], "3 is another's"
    assert len(all_runs(checkpoints)) == 8, "none was trained twice"


def test_trials_of_another_text_are_left_out_and_named(
    study_file: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, checkpoints = str(study_file("", "")), str(tmp_path / "checkpoints")
    command = ["study", file, "--at-once", "1", "--checkpoints", checkpoints]
    study = load_study(file, CLAIMS)
    assert len(list(itertools.islice(Work(study, Path(checkpoints), never).run(), 1))) == 1
    for text in [*Path(study.trials[0].phase.data.source[0]).rglob("*.py")]:
        text.write_text(text.read_text() * 3)
    assert main(command) == 0
    told = capsys.readouterr().err
    assert "small.01-001 was trained or judged on another text than the trials of its cell that count" in told
    (cell,) = read_results(study, Path(checkpoints)).cells
    assert [trial.trial.seed for trial in cell.measured] == [2]
    assert main(["report", file, "--checkpoints", checkpoints]) == 0
    assert "1 trial had another text than those of the cell that count" in capsys.readouterr().out


def test_cells_that_read_one_corpus_at_two_times_are_not_compared(
    study_file: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The validation text stays the same, so nothing but the training text tells."""
    checkpoints = str(tmp_path / "checkpoints")
    rest = 'data.validation = ["*held.txt"]\n[grid]\nmodel.n_embd = {}\ndata.dataset_size = [600, 800]\n'
    file = study_file("", rest.format([8]))
    corpus = Path(load_study(file, CLAIMS).trials[0].phase.data.source[0])
    (corpus / "held.txt").write_text("held back, and the same for all\n" * 40)
    command = ["study", str(file), "--at-once", "1", "--checkpoints", checkpoints]
    assert main(command) == 0
    assert "another text" not in capsys.readouterr().err
    for text in corpus.rglob("*.py"):
        text.write_text(text.read_text().replace("e", "a"))
    study_file("", rest.format([8, 16]))
    assert main(command) == 0
    told = capsys.readouterr()
    words = "held another text for n_embd 8 · dataset_size 600 and n_embd 8 · dataset_size 800"
    assert f"the files of [data] {words} than for other cells, so they are not compared" in told.err
    rows = {line[4:].split("  ")[0]: line for line in told.out.splitlines()}
    compared = [row for row in rows.values() if "worse" in row or "not shown" in row]
    assert len(compared) == 1, "the other one that had the text of the best"
    assert main(["report", str(file), "--checkpoints", checkpoints]) == 0
    assert words in capsys.readouterr().out


def test_a_trial_that_another_process_has_is_left_to_it(make_study: MakeStudy, tmp_path: Path) -> None:
    study, checkpoints = make_study(), tmp_path / "checkpoints"
    lock = take_trial(study, study.trials[1], checkpoints)
    assert lock is not None
    with lock:
        assert worked(study, checkpoints) == ["n_embd 8 · seed 1", "n_embd 8 · seed 2", "n_embd 16 · seed 2"]
        assert take_trial(study, study.trials[1], checkpoints) is None
    assert worked(study, checkpoints) == ["n_embd 16 · seed 1"]


def test_no_trial_begins_when_the_time_is_used_up(make_study: MakeStudy, tmp_path: Path) -> None:
    study, checkpoints = make_study("max_minutes = 5"), tmp_path / "checkpoints"
    assert study.max_minutes == 5
    work = Work(study, checkpoints, never, deadline=time.time() + 0.01)
    assert len(list(work.run())) == 1
    assert len(list(Work(study, checkpoints, never, deadline=time.time() - 1).run())) == 0


def test_a_trial_that_cannot_be_trained_here_stops_no_other(make_study: MakeStudy, tmp_path: Path) -> None:
    study = make_study(rest='[grid]\ndata.include = [["*.py"], ["*.none"]]\n')
    work = Work(study, tmp_path / "checkpoints", never)
    assert len(list(work.run())) == 2
    assert len(work.refused) == 2
    assert all("*.none" in reason for reason in work.refused.values())


def test_trials_that_start_from_a_model_are_trained_once(make_study: MakeStudy, tmp_path: Path) -> None:
    """Their runs have the parent's shape, which the study does not know."""
    checkpoints = tmp_path / "checkpoints"
    worked(make_study(rest=""), checkpoints)
    (parent, _) = all_runs(checkpoints)
    rest = f'[[variant]]\nname = "child"\nmodel.init_from = "{parent.name}"\ntraining.learning_rate = 0.001\n'
    child = make_study(rest=rest)
    assert len(worked(child, checkpoints)) == 2
    assert worked(child, checkpoints) == []
    assert read_results(child, checkpoints).count("done") == 2


def test_one_that_diverges_has_failed_and_is_not_tried_again(make_study: MakeStudy, tmp_path: Path) -> None:
    rest = '[[variant]]\nname = "wild"\ntraining.learning_rate = 10.0\noptimizer.grad_clip = 0.0\n'
    study, checkpoints = make_study(rest=rest + "training.warmup_iters = 0\n"), tmp_path / "checkpoints"
    worked(study, checkpoints)
    assert read_results(study, checkpoints).count("failed") == 2
    assert worked(study, checkpoints) == []


def small_disk() -> None:
    """No file of this process may grow past 3,000 bytes: a run's phase fits, the beginning of its log does, too."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, resource.RLIM_INFINITY))


def test_a_full_disk_that_no_log_can_tell_of_is_no_endless_loop(
    study_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, before = study_file(), resource.getrlimit(resource.RLIMIT_FSIZE)
    small_disk()
    try:
        status = main(["study", str(file), "--at-once", "1", "--checkpoints", str(tmp_path / "checkpoints")])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = capsys.readouterr().err
    assert status == 3
    assert said.count("n_embd 8 · seed 1: training failed: ") == 1
    assert said.count("File too large") == 4, "once for each trial"
    assert main(["study", str(file), "--at-once", "1", "--checkpoints", str(tmp_path / "checkpoints")]) == 0, "room"


def test_what_failed_while_it_was_saved_goes_on_with_the_same_command(
    study_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log tells of the failure, which is no divergence."""

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    command = ["study", str(study_file()), "--at-once", "1", "--checkpoints", str(tmp_path / "checkpoints")]
    with monkeypatch.context() as patched:
        patched.setattr("torch.save", full)
        assert main(command) == 3
    assert main(command) == 0
    results = read_results(load_study(command[1], CLAIMS), tmp_path / "checkpoints")
    assert results.count("done") == 4


def test_a_trial_whose_log_is_damaged_is_named_with_what_to_do(
    study_file: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, checkpoints = study_file(), tmp_path / "checkpoints"
    arguments = ["study", str(file), "--at-once", "1", "--checkpoints", str(checkpoints)]
    assert main(arguments) == 0
    first = checkpoints / "small.01-001"
    (first / "events.jsonl").write_bytes(b"no log\n" * 100)
    capsys.readouterr()
    assert main(arguments) == 3
    said = capsys.readouterr().err
    assert f"{first}/events.jsonl is damaged; delete {first}, and the same command trains it anew" in said
    shutil.rmtree(first)
    assert main(arguments) == 0


def test_halving_gives_up_what_lags_behind(make_study: MakeStudy, tmp_path: Path) -> None:
    """Nine cells of which one is good: it alone is trained to the end, for less than half of all steps."""
    rates = ", ".join(f"{1e-7 * (n + 1):.1e}" for n in range(8))
    rest = f"[grid]\ntraining.learning_rate = [0.02, {rates}]\n"
    study, checkpoints = make_study("halving = true", rest, steps=27), tmp_path / "checkpoints"
    worked(study, checkpoints)
    results = read_results(study, checkpoints)
    done = [result.trial.label for result in results.trials if result.status == "done"]
    assert done == ["learning_rate 0.02 · seed 1", "learning_rate 0.02 · seed 2"]
    assert sum(result.step for result in results.trials) < 18 * 27 / 2
    assert worked(study, checkpoints) == [], "nothing more is wanted"


@pytest.mark.long
def test_two_processes_work_on_one_study_and_an_interrupted_one_goes_on(
    study_file: Callable[..., Path], processes: Processes, tmp_path: Path
) -> None:
    file = study_file(rest="[grid]\nmodel.n_embd = [8, 16, 24, 32]\n")
    command = ["study", file.name, "--at-once", "2"]
    first = processes.start(*command, cwd=tmp_path)
    checkpoints = tmp_path / "checkpoints"
    while not checkpoints.exists() or len(all_runs(checkpoints)) < 2:
        assert first.poll() is None, first.communicate()
        time.sleep(0.05)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate()
    assert first.returncode == 130, said
    assert "interrupted; the same command goes on with it" in said
    result = processes.run(*command, "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    cells = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(cells) == 4
    assert all(trial["status"] == "done" for cell in cells for trial in cell["trials"])
    assert sum(cell["best"] for cell in cells) == 1
    shown = processes.run("study", file.name, "--show", cwd=tmp_path)
    assert "the best" in shown.stdout
    again = processes.run(*command, cwd=tmp_path)
    assert "8 of 8 trials done" in again.stderr
    assert len(all_runs(checkpoints)) == 8


def begun_or_over(process: Process, checkpoints: Path) -> bool:
    return process.poll() is not None or any(run.is_alive() for run in all_runs(checkpoints))


@pytest.mark.soak
def test_a_study_killed_at_random_twenty_times_ends_with_the_same_numbers(
    study_file: Callable[..., Path], processes: Processes, tmp_path: Path, make_study: MakeStudy
) -> None:
    study, killed = make_study(steps=400), tmp_path / "killed"
    worked(study, tmp_path / "whole")
    file, rng = study_file(steps=400), random.Random(0)
    command = ["study", file.name, "--at-once", "1", "--checkpoints", "killed"]
    hit = 0
    for _ in range(20):
        process = processes.start(*command, cwd=tmp_path)
        wait_for(partial(begun_or_over, process, killed))
        time.sleep(rng.uniform(0.0, 0.8))
        hit += any(run.is_alive() for run in all_runs(killed))
        process.kill()
        process.communicate()
    assert hit >= 10, "a machine too fast for this test: trials were over before they were killed"
    assert processes.run(*command, cwd=tmp_path).returncode == 0
    assert numbers(read_results(study, killed)) == numbers(read_results(study, tmp_path / "whole"))


def test_the_best_cell_alone_is_judged_on_the_test_side_and_only_at_the_end(
    study_file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    rest = "data.test_fraction = 0.3\n" + GRID
    file = str(study_file(rest=rest))
    study = load_study(file, CLAIMS)
    three = itertools.islice(Work(study, Path("checkpoints"), never).run(), 3)
    assert len(list(three)) == 3
    assert read_results(study, Path("checkpoints")).test is None
    assert main(["study", file, "--at-once", "1", "--checkpoints", "checkpoints"]) == 0
    results = read_results(study, Path("checkpoints"))
    assert results.test is not None
    assert results.best is not None
    tested = [trial.test for trial in results.best.measured]
    assert results.test.estimate.mean == pytest.approx(
        sum(test.judged_bits_per_byte for test in tested if test is not None) / 2, rel=0.03
    )
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if line.startswith("test: ")]
    assert line.startswith(f"test: {results.best.cell.label} has {results.test.estimate.mean:.3f} bits per byte (")
    assert "validation flattered by" in line
    assert main(["study", file, "--show", "--json", "--checkpoints", "checkpoints"]) == 0
    cells = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [cell["test"] is not None for cell in cells] == [cell["best"] for cell in cells]
    assert not any("test" in key for cell in cells for trial in cell["trials"] for key in trial)

"""A run is a folder: what is in it after a training, after a stop, after a crash."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
import torch

from slmtui.errors import TrainingFailed, UserError
from slmtui.runs.checkpoint import CheckpointError, load_checkpoint
from slmtui.runs.log import EventLog
from slmtui.runs.log_reader import read_events
from slmtui.runs.preview import newest_of
from slmtui.runs.run import Run, RunError, all_runs, create_run, find_run
from slmtui.runs.safe_payload import checksum
from slmtui.runs.summary import summarise
from slmtui.session import begin, resume
from slmtui.training import events
from tests.conftest import MakePhase
from tests.runs.trained import append, stop_at, train_to_the_end, without_resumes


def test_a_run_holds_its_phase_its_log_and_two_checkpoints(make_phase: MakePhase, tmp_path: Path) -> None:
    run = train_to_the_end(make_phase, tmp_path)
    assert sorted(p.name for p in run.folder.iterdir()) == [
        "best.pt", "control.jsonl", "events.jsonl", "last.pt", "lock", "now.json", "phase.toml",
    ]  # fmt: skip
    assert run.name == "tiny-001"
    assert run.phase() == make_phase()
    log = list(run.events())
    assert isinstance(log[0], events.RunStarted)
    assert isinstance(log[-1], events.RunFinished)
    assert run.state(log[-1]) == "done"
    assert not run.is_alive()


def test_numbers_count_up_for_each_phase(make_phase: MakePhase, tmp_path: Path) -> None:
    names = [create_run(tmp_path, make_phase(f"phase.name={name}")).name for name in ("a", "a", "a-b", "a")]
    assert names == ["a-001", "a-002", "a-b-001", "a-003"]
    assert [run.name for run in all_runs(tmp_path)] == ["a-001", "a-002", "a-003", "a-b-001"]


def test_checkpoints_load_as_tensors_and_plain_values_only(make_phase: MakePhase, tmp_path: Path) -> None:
    run = train_to_the_end(make_phase, tmp_path)
    best, last = load_checkpoint(run.best_file), load_checkpoint(run.last_file)
    assert best.training is None
    assert last.training is not None
    assert best.step == summarise(run)[0].best_step
    assert best.val_loss == summarise(run)[0].best_val_loss
    assert best.tokenizer.decode(best.tokenizer.encode("def load_x(päth):\n")) == "def load_x(päth):\n"
    assert torch.load(run.last_file, weights_only=True)["step"] == 12


@pytest.fixture(scope="module")
def undisturbed(make_shared_phase: MakePhase, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """The run with these overrides that nobody stopped, trained once."""
    checkpoints = tmp_path_factory.mktemp("undisturbed")
    return cache(lambda *overrides: train_to_the_end(make_shared_phase, checkpoints, *overrides))


@pytest.mark.parametrize(
    ("setting", "step"),
    [
        *(("evaluation.method=full", step) for step in (0, 1, 4, 6, 11)),
        *(("evaluation.method=sampled", step) for step in (0, 1, 4, 6, 11)),
        *(("model.copy_head=true", step) for step in (4, 6)),
        *(("model.positions=rotary model.norm=rms model.mlp=swiglu", step) for step in (4, 6)),
    ],
)
def test_a_stopped_run_goes_on_to_the_same_end(
    make_shared_phase: MakePhase, undisturbed: Callable[..., Run], tmp_path: Path, step: int, setting: str
) -> None:
    overrides = (*setting.split(), "model.dropout=0.2")
    whole = undisturbed(*overrides)
    stopped = stop_at(make_shared_phase, tmp_path, step, *overrides)
    assert summarise(stopped)[1] == "stopped"
    for _ in resume(stopped).events:
        pass
    ours = [e for e in without_resumes(list(stopped.events())) if not isinstance(e, events.Checkpoint)]
    assert ours == [e for e in whole.events() if not isinstance(e, events.Checkpoint)]
    for file in ("last_file", "best_file"):
        ended, expected = (load_checkpoint(getattr(run, file)).model.tensors() for run in (stopped, whole))
        assert all(torch.equal(ended[name], expected[name]) for name in expected)


def test_a_crash_between_two_writes_is_made_up_for(make_phase: MakePhase, tmp_path: Path) -> None:
    """Killed after each event, the first ones, too: it ends as if nothing had happened; nothing twice or missing."""
    short = ("training.max_iters=3", "evaluation.interval=2", "model.n_layer=1", "sampling.tokens=1")
    whole = list(train_to_the_end(make_phase, tmp_path / "whole", *short).events())
    for kill_after in range(len(whole) - 1):
        session = begin(make_phase(*short), tmp_path / f"killed-{kill_after}")
        for _ in range(kill_after + 1):
            next(session.events)
        session.events.close()  # type: ignore[attr-defined]
        for _ in resume(session.run).events:
            pass
        assert without_resumes(list(session.run.events())) == whole
        assert load_checkpoint(session.run.best_file).step == summarise(session.run)[0].best_step


def test_what_cannot_go_on_is_refused_with_a_reason(make_phase: MakePhase, tmp_path: Path, corpus: Path) -> None:
    with pytest.raises(RunError, match="is finished"):
        resume(train_to_the_end(make_phase, tmp_path))
    stopped = stop_at(make_phase, tmp_path, 6)
    (corpus / "orders.py").write_text("something_else = 1\n" * 30)
    with pytest.raises(RunError, match="corpus or its tokens have changed"):
        resume(stopped)
    stopped.last_file.unlink()
    with pytest.raises(RunError, match=r"last.pt is missing"):
        resume(stopped)


def test_only_a_training_that_would_fail_again_is_not_resumed(make_phase: MakePhase, tmp_path: Path) -> None:
    run = stop_at(make_phase, tmp_path, 6)
    lines = run.log_file.read_bytes().splitlines(keepends=True)
    run.log_file.write_bytes(b"".join(lines[:-1]) + lines[-1].replace(b'"stopped"', b'"diverged"'))
    with pytest.raises(RunError, match=r"diverged at step 6 and would diverge again; .* lower training.learning_rate"):
        resume(run)
    run.log_file.write_bytes(b"".join(lines[:-1]) + lines[-1].replace(b'"stopped"', b'"failed"'))
    for _ in resume(run).events:
        pass
    assert summarise(run)[0].reason == "completed"


def test_what_cannot_be_continued_exactly_is_said_in_the_log(make_phase: MakePhase, tmp_path: Path) -> None:
    run = stop_at(make_phase, tmp_path, 6)
    elsewhere = run.log_file.read_bytes().replace(b'"threads":1', b'"threads":8')
    run.log_file.write_bytes(elsewhere)
    happened = list(resume(run).events)
    said = [event for event in happened if isinstance(event, events.Warned) and not event.of_the_run]
    assert isinstance(happened[0], events.Resumed)
    assert [event.message for event in said] == ["threads was 8 and is 1: the digits may differ from here on"]
    assert said[0] in list(run.events())


def test_what_was_killed_before_it_was_saved_begins_again(make_phase: MakePhase, tmp_path: Path, corpus: Path) -> None:
    whole = list(train_to_the_end(make_phase, tmp_path / "whole").events())
    run = create_run(tmp_path, make_phase())  # killed before it wrote anything
    assert run.state(None) == "crashed"
    for _ in resume(run).events:
        pass
    assert list(run.events()) == whole
    killed = begin(make_phase(), tmp_path)
    next(killed.events)
    killed.events.close()  # type: ignore[attr-defined]
    (corpus / "orders.py").write_text("something_else = 1\n" * 30)
    with pytest.raises(RunError, match="corpus or its tokens have changed"):
        resume(killed.run)


def test_a_run_goes_on_from_where_the_other_process_left_it(make_phase: MakePhase, tmp_path: Path) -> None:
    """Nothing is read of a run that is still being trained: the refusal comes before."""
    session = begin(make_phase(), tmp_path)
    next(session.events)
    session.run.phase_file.write_text("not even a phase")
    with pytest.raises(RunError, match=rf"trained by another process \({os.getpid()}\)"):
        resume(session.run)


def test_those_who_ask_do_not_take_each_other_for_a_trainer(make_phase: MakePhase, tmp_path: Path) -> None:
    run = train_to_the_end(make_phase, tmp_path, "training.max_iters=1")
    answers: list[bool] = []

    def ask() -> None:
        answers.extend(run.is_alive() for _ in range(2000))

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert not any(answers)
    run.lock().release()  # nor do they keep a trainer out


def test_two_trainers_on_one_run_are_refused(make_phase: MakePhase, tmp_path: Path) -> None:
    session = begin(make_phase(), tmp_path)
    next(session.events)
    assert session.run.is_alive()
    with pytest.raises(RunError, match="another process"):
        session.run.lock()
    with pytest.raises(RunError, match="another process"):
        resume(session.run)
    with pytest.raises(RunError, match="another process"):
        session.run.delete()
    session.events.close()  # type: ignore[attr-defined]
    assert not session.run.is_alive()
    assert session.run.state(None) == "crashed"


def test_a_torn_last_line_is_not_read_and_a_wrong_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log.append(events.Paused(step=1))
        log.append(events.Resumed(step=1))
        size = log.size
    append(path, '{"event": "step", "ste')
    assert list(read_events(path)) == [events.Paused(step=1), events.Resumed(step=1)]
    with EventLog(path, keep=size) as log:
        log.append(events.Paused(step=2))
    assert len(list(read_events(path))) == 3
    append(path, "nonsense\n")
    with pytest.raises(ValueError, match=r"events\.jsonl:4: not an event"):
        list(read_events(path))


def test_checkpoints_that_are_none_are_refused(make_phase: MakePhase, tmp_path: Path) -> None:
    run = train_to_the_end(make_phase, tmp_path)
    record = torch.load(run.best_file, weights_only=True)
    del record["checksum"]
    path = tmp_path / "other.pt"

    def refused(content: dict[str, object], why: str) -> None:
        with suppress(ValueError):
            content = content | {"checksum": checksum(content, most_bytes=1 << 40)}
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=why):
            load_checkpoint(path)

    refused({"a": 1}, "not a checkpoint of slmtui")
    refused(record | {"model": record["model"] | {"ln_f.weight": torch.zeros(3)}}, r"ln_f.weight is \(3,\)")
    refused(record | {"model": {}}, "is missing")
    broken = {k: torch.full_like(v, float("nan")) for k, v in record["model"].items()}
    refused(record | {"model": broken}, "not finite")
    # pathlib.PosixPath, in Python 3.13 pathlib._local.PosixPath
    refused({"x": Path("/")}, r"pathlib\.(\w+\.)?PosixPath, which could run code")
    path.write_bytes(run.best_file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(path)
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "none.pt")


def test_a_disk_that_refuses_fails_the_training_and_keeps_the_last_checkpoint(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = begin(make_phase(), tmp_path)
    for event in session.events:
        if isinstance(event, events.Checkpoint) and event.step == 4 and event.kind == "best":
            break
    before = session.run.last_file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(TrainingFailed, match="No space left"):
        for _ in session.events:
            pass
    assert session.run.last_file.read_bytes() == before
    assert not list(session.run.folder.glob(".*.draft"))


def test_runs_are_found_by_name_by_folder_and_as_the_latest(make_phase: MakePhase, tmp_path: Path) -> None:
    first, second = (train_to_the_end(make_phase, tmp_path, "training.max_iters=1") for _ in range(2))
    assert find_run(tmp_path, "tiny-001") == first
    assert find_run(tmp_path, "latest") == second
    assert find_run(tmp_path, str(first.folder)) == first
    with pytest.raises(RunError, match=r"no such run .* \(there: tiny-001, tiny-002\)"):
        find_run(tmp_path, "tiny-009")


def test_a_run_is_whatever_folder_holds_one(make_phase: MakePhase, tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    run = train_to_the_end(make_phase, checkpoints, "training.max_iters=1")
    shutil.copytree(run.folder, checkpoints / "the one to keep")
    shutil.copytree(run.folder, tmp_path / "elsewhere" / "copy")
    run.folder.rename(checkpoints / "renamed")
    assert [run.name for run in all_runs(checkpoints)] == ["renamed", "the one to keep"]
    assert summarise(find_run(checkpoints, "renamed"))[0].phase == "tiny"
    assert find_run(checkpoints, str(tmp_path / "elsewhere" / "copy" / "best.pt")).name == "copy"
    assert newest_of(all_runs(checkpoints), "tiny") is None
    assert create_run(checkpoints, make_phase()).name == "tiny-001"


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_trained(
    make_phase: MakePhase, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose a folder with --checkpoints"):
        begin(make_phase(), tmp_path / "file" / "checkpoints")

"""Files that were damaged, or made to do harm: each ends in a clear message or a right result, never in a traceback,
a hang or a wrong number. A thousand cases here, ten thousand in the soak."""

from __future__ import annotations

import json
import math
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slmtui.commands.watch import follow
from slmtui.config.phase_file import PhaseError, dump_phase, parse_phase
from slmtui.errors import TrainingFailed, UserError
from slmtui.runs.checkpoint import CheckpointError, load_checkpoint
from slmtui.runs.control import ControlFile
from slmtui.runs.history import RunHistory
from slmtui.runs.index import RunIndex
from slmtui.runs.lines import line_of
from slmtui.runs.log_reader import LogError
from slmtui.runs.preview import preview
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.runs.safe_payload import checksum
from slmtui.runs.summary import summarise
from slmtui.session import begin, resume
from slmtui.training import events
from tests.conftest import MakePhase

SHORT = ("training.max_iters=4", "evaluation.interval=2", "model.n_layer=1", "model.n_embd=8")
# What a careful attacker, or a disk, would put in the place of a value.
EVIL: list[Any] = [
    None, True, -1, 0, 1, 2**31, 2**63, 10**400, -(10**18), 1.5, float("inf"), float("nan"), "", "x", "\x1b[31m",
    "\ud800", [], {}, [[]], {"a": 1}, "a" * 5000, [1] * 500,
]  # fmt: skip


def cases(here: int, soak: int) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("n_cases", [here, pytest.param(soak, marks=pytest.mark.soak)])


def check_many(n_cases: int, check: Callable[..., None], **strategies: st.SearchStrategy[Any]) -> None:
    torch.set_flush_denormal(False)  # which the training of the fixture has turned on, and hypothesis will not have
    settings(
        max_examples=n_cases, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
    )(given(**strategies)(check))()  # fmt: skip


@st.composite
def damage(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """A few changes to bytes: cut, flipped bits, a stretch left out, doubled, moved or overwritten."""
    edits = draw(
        st.lists(st.tuples(st.sampled_from("cfdlmo"), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=4)
    )

    def apply(data: bytes) -> bytes:
        for kind, first, second in edits:
            start = int(first * len(data))
            end = min(len(data), start + 1 + int(second * min(len(data) - start, 300)))
            part = data[start:end]
            match kind:
                case "c":
                    data = data[:start]
                case "f" if part:
                    data = data[:start] + bytes([part[0] ^ (1 << int(second * 7))]) + data[start + 1 :]
                case "d":
                    data = data[:end] + part + data[end:]
                case "l":
                    data = data[:start] + data[end:]
                case "m":
                    data = data[:start] + data[end:] + part
                case "o":
                    data = data[:start] + b"\0" * len(part) + data[end:]
        return data

    return apply


@st.composite
def replacement(draw: st.DrawFn) -> Callable[[Any], Any]:
    """Puts something evil somewhere into nested dicts and lists."""
    evil = draw(st.sampled_from(EVIL))
    path = draw(st.lists(st.integers(0, 40), min_size=1, max_size=5))

    def apply(value: Any) -> Any:
        value = value.copy()
        node = value
        for i, index in enumerate(path):
            keys = list(node) if isinstance(node, dict) else range(len(node))
            if not keys:
                break
            key = keys[index % len(keys)]
            if i == len(path) - 1 or not isinstance(node[key], dict | list):
                node[key] = evil
                break
            node[key] = node[key].copy()
            node = node[key]
        return value

    return apply


@pytest.fixture
def run(make_phase: MakePhase, tmp_path: Path) -> Run:
    """A run killed in its middle."""
    session = begin(make_phase(*SHORT), tmp_path / "runs")
    for _ in range(11):
        next(session.events)
    session.events.close()  # type: ignore[attr-defined]
    return session.run


def look_at_everything(run: Run) -> None:
    """All that reads a log; only UserError may come of it."""
    with suppress(LogError):
        summarise(run)
    with suppress(ValueError):
        RunHistory(run).refresh()
    with suppress(ValueError):
        preview(run)
    RunIndex(run.folder.parent).look()
    with suppress(LogError):
        progress = Progress()
        for event in follow(run):
            if event is not None:
                progress.add(event)
                line_of(event, progress)


@cases(250, 2500)
def test_damaged_logs(run: Run, n_cases: int) -> None:
    whole = run.log_file.read_bytes()

    def check(change: Callable[[bytes], bytes]) -> None:
        run.log_file.write_bytes(change(whole))
        look_at_everything(run)

    check_many(n_cases, check, change=damage())


@cases(250, 2500)
def test_logs_that_say_strange_things(run: Run, n_cases: int) -> None:
    lines = [json.loads(line) for line in run.log_file.read_bytes().splitlines()]

    def check(change: Callable[[Any], Any], number: int) -> None:
        changed = list(lines)
        changed[number % len(lines)] = change(lines[number % len(lines)])
        run.log_file.write_text("".join(json.dumps(line) + "\n" for line in changed))
        look_at_everything(run)

    check_many(n_cases, check, change=replacement(), number=st.integers(0, len(lines) - 1))


@pytest.mark.parametrize(("at", "step"), [(1e300, 2), (0.0, 2), (-1e300, 2), (1001.0, 1), (1001.0, 0)])
def test_a_clock_that_jumps_gives_no_speed_and_no_error(at: float, step: int) -> None:
    progress = Progress()
    for time, number in ((1000.0, 1), (at, step)):
        progress.add(events.Step(step=number, time=time, loss=1, learning_rate=1, grad_norm=1, tokens=1))
    speed, to_go = progress.steps_per_second, progress.seconds_to_go
    assert speed is None or speed > 0
    assert to_go is None or 0 <= to_go < math.inf


@cases(150, 1500)
def test_control_files(tmp_path: Path, n_cases: int) -> None:
    path = tmp_path / "control.jsonl"
    command = st.fixed_dictionaries(
        {"command": st.sampled_from(["pause", "learning_rate", "stop", "sample", "fly", *EVIL[:9]])},
        optional={"value": st.sampled_from(EVIL) | st.floats()},
    )

    def check(written: list[Any], rubbish: bytes) -> None:
        path.write_bytes(b"")
        control = ControlFile(path)
        text = "".join(json.dumps(line) + "\n" for line in written).encode()
        path.write_bytes(text + rubbish + b"\n")
        found = control.poll()
        assert len(found) <= len(written) + 1
        assert all(c.value is None or 0.001 <= c.value <= 1000 for c in found)
        assert control.poll() == []

    check_many(
        n_cases, check, written=st.lists(command | st.sampled_from(EVIL), max_size=5), rubbish=st.binary(max_size=50)
    )


@cases(150, 1500)
def test_phase_files(tiny_toml: str, n_cases: int) -> None:
    def check(change: Callable[[bytes], bytes]) -> None:
        with suppress(PhaseError):
            phase = parse_phase(change(tiny_toml.encode()).decode(errors="replace"))
            assert parse_phase(dump_phase(phase)) == phase

    check_many(n_cases, check, change=damage())


@cases(150, 1500)
def test_damaged_checkpoints(run: Run, tmp_path: Path, n_cases: int) -> None:
    whole = run.last_file.read_bytes()
    right = load_checkpoint(run.last_file).model.tensors()
    path = tmp_path / "damaged.pt"

    def check(change: Callable[[bytes], bytes]) -> None:
        path.write_bytes(change(whole))
        with suppress(CheckpointError):
            found = load_checkpoint(path).model.tensors()
            assert all(torch.equal(found[name], right[name]) for name in right)

    check_many(n_cases, check, change=damage())


@cases(60, 600)
def test_checkpoints_that_say_strange_things(run: Run, tmp_path: Path, n_cases: int) -> None:
    """Made by hand, with a checksum that is right: refused, or trained from to an end."""
    record = torch.load(run.last_file, weights_only=True)
    del record["checksum"]
    log = run.log_file.read_bytes()

    def check(change: Callable[[Any], Any]) -> None:
        changed = change(record)
        with suppress(ValueError):
            changed["checksum"] = checksum(changed, most_bytes=1 << 40)
        torch.save(changed, run.last_file)
        run.log_file.write_bytes(log)
        with suppress(UserError):
            for _ in resume(run).events:
                pass

    check_many(n_cases, check, change=replacement())


class Sly:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/slmtui-was-here",)


def test_a_pickle_with_code_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sly.pt"
    torch.save({"slmtui_checkpoint": 1, "model": Sly()}, path)
    with pytest.raises(CheckpointError, match=r"\(posix\.system, which could run code when loaded\); refused"):
        load_checkpoint(path)
    path.write_bytes(pickle.dumps(Sly()))
    with pytest.raises(CheckpointError, match=r"asks for posix\.system, which could run code when loaded; refused"):
        load_checkpoint(path)
    assert not Path("/tmp/slmtui-was-here").exists()


def resaved(run: Run, path: Path, **changes: Any) -> Path:
    record = torch.load(run.best_file, weights_only=True) | changes
    del record["checksum"]
    try:
        total = checksum(record, most_bytes=1 << 40)
    except ValueError:
        total = 0
    torch.save(record | {"checksum": total}, path)
    return path


def test_tensors_that_are_not_what_they_seem_are_refused(run: Run, tmp_path: Path) -> None:
    model = torch.load(run.best_file, weights_only=True)["model"]
    path = tmp_path / "odd.pt"

    def refused(name: str, tensor: Any, why: str) -> None:
        with pytest.raises(CheckpointError, match=why):
            load_checkpoint(resaved(run, path, model=model | {name: tensor}))

    weight = model["lm_head.weight"]
    refused("lm_head.weight", torch.zeros(1).expand(weight.shape), "do not lie in order")  # one number for all
    refused("lm_head.weight", torch.zeros(1).expand(1 << 40), "do not lie in order")  # four terabytes
    refused("lm_head.weight", torch.empty(weight.shape, device="meta"), "not plain numbers|meta")
    refused("lm_head.weight", weight.to_sparse(), "not plain numbers|sparse|damaged")
    refused("lm_head.weight", weight.double(), "float64; the phase requires")
    refused("lm_head.weight", weight.t().contiguous(), "the phase requires")
    refused("ln_f.bias", torch.full((8,), float("inf")), "not finite")
    refused("extra", torch.zeros(1), "does not belong to this model")


def test_tensors_that_were_swapped_are_noticed(run: Run, tmp_path: Path) -> None:
    record = torch.load(run.best_file, weights_only=True)
    model = record["model"]
    model["ln_f.weight"], model["ln_f.bias"] = model["ln_f.bias"], model["ln_f.weight"]
    path = tmp_path / "swapped.pt"
    torch.save(record, path)
    with pytest.raises(CheckpointError, match="its checksum differs"):
        load_checkpoint(path)


def test_a_list_that_holds_itself_a_billion_times_is_refused(run: Run, tmp_path: Path) -> None:
    laughs: list[Any] = ["ha"] * 10
    for _ in range(9):
        laughs = [laughs] * 10
    with pytest.raises(CheckpointError, match="too many values"):
        load_checkpoint(resaved(run, tmp_path / "laughs.pt", tokenizer=laughs))
    nest: list[Any] = []
    for _ in range(100):
        nest = [nest]
    with pytest.raises(CheckpointError, match="nests them too deeply"):
        load_checkpoint(resaved(run, tmp_path / "nest.pt", tokenizer=nest))


def test_archives_that_are_larger_than_they_look_are_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "packed.pt"
    with zipfile.ZipFile(run.best_file) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in source.infolist():
            packed.writestr(entry.filename, source.read(entry))
        packed.writestr("archive/data/99", b"\0" * 10_000_000)
    with pytest.raises(CheckpointError, match="claims more than the file can hold"):
        load_checkpoint(path)


def test_a_model_of_terabytes_takes_no_memory_to_refuse(run: Run, tmp_path: Path) -> None:
    phase = torch.load(run.best_file, weights_only=True)["phase"]
    phase["model"] |= {"n_layer": 48, "n_embd": 4096, "n_head": 64, "block_size": 8192}
    with pytest.raises(CheckpointError, match="is missing or does not belong to this model"):
        load_checkpoint(resaved(run, tmp_path / "huge.pt", phase=phase))


def test_a_random_stream_that_does_not_exist_is_refused(run: Run) -> None:
    record = torch.load(run.last_file, weights_only=True)
    kind, keys, _, has_gauss, cached = record["training"]["batches"]
    record["training"]["batches"] = (kind, keys, 625, has_gauss, cached)  # NumPy would read past its end
    del record["checksum"]
    torch.save(record | {"checksum": checksum(record, most_bytes=1 << 40)}, run.last_file)
    with pytest.raises(UserError, match="state of the batch generator is invalid"):
        resume(run)


def test_a_log_that_does_not_lead_to_the_checkpoint_is_refused(run: Run) -> None:
    log = run.log_file.read_bytes()
    run.log_file.write_bytes(log[: len(log) // 2])
    with pytest.raises(UserError, match="do not belong together"):
        resume(run)
    run.log_file.write_bytes(log[:300] + b" " * 10 + log[300:])
    with pytest.raises(UserError, match="do not belong together"):
        resume(run)
    run.log_file.write_bytes(log + b"\0" * 4096)  # as a file system may leave it when the power goes
    *_, last = resume(run).events
    assert last.event == "run_finished"


def test_files_of_a_run_that_are_links_are_not_followed(run: Run, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    for name in ("events.jsonl", "control.jsonl", "lock"):
        path = run.folder / name
        kept = path.read_bytes()
        path.unlink()
        path.symlink_to(precious)
        with pytest.raises((UserError, TrainingFailed), match="a link, which is not followed here"):
            for _ in resume(run).events:
                pass
        assert precious.read_text() == "precious"
        path.unlink()
        path.write_bytes(kept)


def test_names_of_runs_name_runs(run: Run, tmp_path: Path) -> None:
    from slmtui.runs.run import all_runs, find_run

    checkpoints = run.folder.parent
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert find_run(checkpoints, f"{checkpoints}/{run.name}") == run
    assert find_run(elsewhere, str(run.folder)) == run  # a path is the person's own word
    for name in (f"../runs/../runs/{run.name}/..", "..", ".", "", "/", "/etc", f"{elsewhere}/../x", "a\0b", "../x\0/y"):
        with pytest.raises(UserError):
            find_run(checkpoints, name)
    (elsewhere / "tiny-007").symlink_to(run.folder)
    assert all_runs(elsewhere) == []
    with pytest.raises(UserError, match="is a link"):
        Run(elsewhere / "tiny-007").delete()
    assert run.folder.exists()


def test_a_packed_header_of_torch_that_lies_is_refused(run: Run, tmp_path: Path) -> None:
    """The central directory says that an entry begins elsewhere."""
    data = bytearray(run.best_file.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 42 : at + 46] = struct.pack("<I", 0x7FFFFFF0)
    path = tmp_path / "lying.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)

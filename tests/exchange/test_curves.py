"""Curves for other tools: what the log holds, in TensorBoard's records and in tables, during a run and after it."""

from __future__ import annotations

import csv
import math
import struct
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from slmtui.cli import main
from slmtui.runs.run import Run
from slmtui.training import events
from tests.written_runs import evaluations, finished, make_phase, started, write_run

Captured = pytest.CaptureFixture[str]


def export(run: Run, to: str, out: Path) -> None:
    assert main(["export", str(run.folder), "--to", to, "-o", str(out)]) == 0


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def adaptive_run(folder: Path, *, last: bool = True) -> Run:
    losses = [(6.0, 6.1), (3.0, 4.0), (2.0, math.nan)]
    happened: list[Any] = [started(make_phase()), *evaluations(losses, mixed=[3.0, 2.5, 2.4], adaptive=[2.5, 2.2, 2.1])]
    sample = events.Sample(step=200, time=happened[-1].time, prompt="def ", text="load():\n  \x1b[31mx")
    return write_run(folder, "tiny-001", make_phase(), [*happened, sample, *([finished(happened)] if last else [])])


def test_tables_have_every_step_and_every_evaluation(tmp_path: Path, capsys: Captured) -> None:
    run = adaptive_run(tmp_path / "runs")
    export(run, "csv", tmp_path / "out")
    steps, found = (table(tmp_path / "out" / f"{name}.csv") for name in ("steps", "evaluations"))
    assert [(row["step"], row["loss"], row["tokens"]) for row in steps] == [
        ("100", "3.0", "6400"), ("200", "2.0", "12800")
    ]  # fmt: skip
    assert [row["val_loss"] for row in found] == ["6.1", "4.0", ""]
    assert [row["adaptive_loss"] for row in found] == ["2.5", "2.2", "2.1"]
    assert [row["best"] for row in found] == ["true", "true", "true"]
    assert found[0]["decides"] == "adaptive"
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "out" / f"{name}.csv") for name in ("evaluations", "steps")
    ]


def test_a_training_can_be_exported_while_it_lasts_and_again_after_it(tmp_path: Path) -> None:
    run = adaptive_run(tmp_path / "runs", last=False)
    export(run, "csv", tmp_path / "out")
    assert len(table(tmp_path / "out" / "steps.csv")) == 2
    with run.log_file.open("a") as log:
        log.write(events.to_json(events.Step(step=300, loss=1.0, learning_rate=1e-3, grad_norm=1.0, tokens=9)) + "\n")
        log.write('{"event":"step","step":4')  # being written
    export(run, "csv", tmp_path / "out")
    assert [row["step"] for row in table(tmp_path / "out" / "steps.csv")] == ["100", "200", "300"]


def test_a_run_without_a_log_has_no_curves(tmp_path: Path, capsys: Captured) -> None:
    run = write_run(tmp_path / "runs", "tiny-001", make_phase(), [])
    assert main(["export", str(run.folder), "--to", "csv", "-o", str(tmp_path / "out")]) == 2
    assert "has no log yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def records(file: Path) -> list[Any]:
    """TensorBoard's events: each after its length and a checksum of that, before a checksum of its own."""
    proto = pytest.importorskip("tensorboardX.proto.event_pb2", reason="tensorboardX, which writes them: .[export]")
    crc = pytest.importorskip("tensorboardX.crc32c").crc32c
    data, found = file.read_bytes(), []

    def masked(part: bytes) -> int:
        value: int = crc(part)
        return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF

    while data:
        length, check = struct.unpack("<QI", data[:12])
        record, end = data[12 : 12 + length], data[12 + length : 16 + length]
        assert (check, struct.unpack("<I", end)[0]) == (masked(data[:8]), masked(record))
        found.append(proto.Event.FromString(record))
        data = data[16 + length :]
    return found


def test_tensorboard_gets_all_curves_in_the_order_of_their_steps(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX, which writes them: .[export]")
    export(adaptive_run(tmp_path / "runs"), "tensorboard", tmp_path / "out")
    first, *rest = records(next((tmp_path / "out").glob("*tfevents*")))
    assert first.file_version == "brain.Event:2"
    assert [event.step for event in rest] == sorted(event.step for event in rest)
    curves: dict[str, list[tuple[int, float]]] = defaultdict(list)
    texts = {}
    for event in rest:
        for value in event.summary.value:
            if value.HasField("tensor"):
                texts[value.tag] = value.tensor.string_val[0].decode()
            else:
                curves[value.tag].append((event.step, round(value.simple_value, 4)))
    assert curves["loss/val"] == [(0, 6.1), (100, 4.0)]  # what is not a number is left out
    assert curves["loss/adaptive"] == [(0, 2.5), (100, 2.2), (200, 2.1)]
    assert curves["loss/step"] == [(100, 3.0), (200, 2.0)]
    assert {"loss/train", "loss/gap", "loss/static", "bits_per_byte/val", "optimizer/grad_norm"} < set(curves)
    (text,) = texts.values()
    assert text == "    def load():\n      ␛[31mx"


def test_tensorboard_itself_reads_them(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX, which writes them: .[export]")
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard")
    export(adaptive_run(tmp_path / "runs"), "tensorboard", tmp_path / "out")
    found = reading.EventAccumulator(str(tmp_path / "out"))
    found.Reload()
    assert [point.step for point in found.Scalars("loss/adaptive")] == [0, 100, 200]

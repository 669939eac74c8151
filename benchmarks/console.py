"""What the console costs a training, how soon it answers a key, and how soon it is there at all."""

from __future__ import annotations

import compileall
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil
from textual.binding import Binding

import slmtui
from benchmarks.table import Row, at_least, paired_ratio, percentile, seconds
from benchmarks.terminal import PATIENCE, Terminal, end
from benchmarks.workers import worker
from slmtui.console.base import KEYS
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.runs.log_reader import read_events
from slmtui.runs.run import all_runs
from slmtui.training import events

PHASE = "phases/phase2.toml"
STEPS_ONLY = ("training.max_iters=10000", "evaluation.interval=10000", "sampling.prompts=[]")
TURNS = 4
WARM_UP, WINDOW = 3.0, 6.0  # seconds
FEWEST = 10  # steps in a window; fewer tell nothing

X_AXES = ("tokens", "time", "steps")  # what the key for the x axis shows, one after the other
SCREENS = ("runs", "train", "data", "train")
ROUNDS = 12
STARTS = 5
LOOP_PHASE, LOOP_TURNS, LOOP_STEPS = "phase1", 30, 10


@dataclass(frozen=True)
class Pace:
    steps_per_second: float
    cpu: float  # seconds of all threads for a step


def speed() -> list[Row]:
    """Phase 2 with the console open on Train, against headless: one process after the other, in turns."""
    headless, console = [], []
    for _ in range(TURNS):
        with TemporaryDirectory() as folder, _headless(Path(folder)) as process:
            headless.append(_pace(process, Path(folder)))
        with TemporaryDirectory() as folder, _console(Path(folder)) as terminal:
            console.append(_pace(terminal.process, Path(folder)))
    rates = [[pace.steps_per_second for pace in side] for side in (console, headless)]
    cpu = [[pace.cpu for pace in side] for side in (headless, console)]
    return [
        at_least(
            "Console", "steps/s with the console open on Train : headless, phase 2", paired_ratio(*rates), 0.97,
            f"{median(rates[0]):.1f} against {median(rates[1]):.1f} steps/s; wall, {TURNS} turns of {WINDOW:g} s",
        ),
        Row(
            "Console", "CPU time per step, headless : console", f"{paired_ratio(*cpu):.2f}×", "", None,
            f"{seconds(median(cpu[0]))} against {seconds(median(cpu[1]))}, all threads: the cost of the screen "
            "where no core is idle",
        ),
    ]  # fmt: skip


def headless_loop() -> list[Row]:
    """A step with all that headless does around it against a bare one, where a step is shortest."""
    with worker("loop", LOOP_PHASE, str(LOOP_STEPS)) as both:
        found = both.do(LOOP_TURNS).found
    note = (
        f"{seconds(found['bare'])} against {seconds(found['headless'])} per step: `train()` alone against a run that "
        f"is recorded, controlled and printed, {LOOP_TURNS} turns of {LOOP_STEPS} steps in one process; wall"
    )
    return [at_least("Console", f"steps/s headless : bare steps, {LOOP_PHASE}", found["ratio"], 0.98, note)]


def latency() -> list[Row]:
    """From a key to the bytes that answer it, while phase 2 trains."""
    random_pause = random.Random(0)
    on_train: list[float] = []
    switching: list[float] = []
    bindings = Binding.make_bindings(TrainScreen.BINDINGS)
    x_axis = next(binding.key for binding in bindings if binding.action == "x_axis")
    screens = [(KEYS[mode], f"▌{mode.capitalize()}▐") for mode in SCREENS]
    with TemporaryDirectory() as folder, _console(Path(folder)) as terminal:
        _first_step(terminal.process, Path(folder))
        time.sleep(WARM_UP)
        for round_ in range(ROUNDS + 1):
            for keys, latencies in (([(x_axis, axis) for axis in X_AXES], on_train), (screens, switching)):
                for key, answer in keys:
                    pressed = terminal.press(key)
                    answered = terminal.wait_for(answer, since=pressed)
                    if round_:  # the first time screens are imported and built
                        latencies.append(answered - pressed)
                    time.sleep(random_pause.uniform(0.2, 0.6))  # so that keys fall anywhere between two beats
    return [
        _latency_row("a key on Train (x axis) answered during a training, 95th percentile", on_train),
        _latency_row("another screen shown during a training, 95th percentile", switching),
    ]


def _latency_row(name: str, latencies: list[float]) -> Row:
    slow = percentile(latencies, 95)
    note = f"median {seconds(median(latencies))}, worst {seconds(max(latencies))}, {len(latencies)} keys; wall"
    return Row("Console", name, seconds(slow), "≤ 100 ms", slow <= 0.1, note)


def start() -> list[Row]:
    """From the start of the process to the first frame, in turns with what it would take to import torch first."""
    frames, cpu, imports, torch_before = [], [], [], []
    compileall.compile_dir(Path(slmtui.__file__).parent, quiet=1)
    for _ in range(STARTS):
        with TemporaryDirectory() as folder, Terminal(["--checkpoints", folder], Path(folder) / "state") as terminal:
            shown = terminal.wait_for("Complete")  # in the bar on top
            torch_before.append(_has_loaded_torch(terminal.process.pid))
            cpu.append(sum(psutil.Process(terminal.process.pid).cpu_times()[:2]))
            frames.append(shown - terminal.began)
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        imports.append(time.perf_counter() - began)
    known = None not in torch_before
    return [
        Row(
            "Console", "first frame after the start", seconds(median(frames)), "", None,
            f"wall, {STARTS} starts; {seconds(median(cpu))} of CPU time; importing torch alone takes "
            f"{seconds(median(imports))}",
        ),
        Row(
            "Console", "torch loaded before the first frame", f"{sum(map(bool, torch_before))} of {STARTS}" if known
            else "not known", "0", not any(torch_before) if known else None, "judged by the process's memory map",
        ),
    ]  # fmt: skip


def _has_loaded_torch(pid: int) -> bool | None:
    """None where the system does not say."""
    if sys.platform != "linux":
        return None
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


@contextmanager
def _headless(checkpoints: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "slmtui", "--headless", *_arguments(checkpoints)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        end(process)


def _console(checkpoints: Path) -> Terminal:
    return Terminal(_arguments(checkpoints), checkpoints / "state")


def _arguments(checkpoints: Path) -> list[str]:
    overrides = [part for override in STEPS_ONLY for part in ("--set", override)]
    return [PHASE, *overrides, "--checkpoints", str(checkpoints)]


def _pace(process: subprocess.Popen[bytes], checkpoints: Path) -> Pace:
    """Of a slmtui that has just been started, by its own log, once it is warm."""
    log = _first_step(process, checkpoints)
    time.sleep(WARM_UP)
    usage = psutil.Process(process.pid)
    began, cpu_before = time.time(), sum(usage.cpu_times()[:2])
    time.sleep(WINDOW)
    ended, cpu_after = time.time(), sum(usage.cpu_times()[:2])
    times = [e.time for e in read_events(log) if isinstance(e, events.Step) and began <= e.time <= ended]
    if len(times) < FEWEST:
        raise RuntimeError(f"{len(times)} steps in {WINDOW:g} s: this machine is too busy to measure anything")
    return Pace((len(times) - 1) / (times[-1] - times[0]), (cpu_after - cpu_before) / len(times))


def _first_step(process: subprocess.Popen[bytes], checkpoints: Path) -> Path:
    """Wait for it; returns the log."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        for run in all_runs(checkpoints):
            if run.log_file.exists() and b'"event":"step"' in run.log_file.read_bytes():
                return run.log_file
        time.sleep(0.1)
    raise RuntimeError(f"slmtui made no step in {PATIENCE:g} s")

"""A run in one line: a fold over its log."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from slmtui.config.deciding import Decides
from slmtui.runs.log_reader import LogReader
from slmtui.runs.run import Run, State
from slmtui.runs.verdict import Course
from slmtui.training import events
from slmtui.training.events import Cause, Event


@dataclass
class RunSummary:
    """Losses are those of the best evaluation, in nats per token; None before there is one.

    Those called mixed are of a mixture that stays as it is, those called adaptive of one that learns on; all others are
    the network's own.
    """

    name: str
    phase: str = ""
    study: str = ""  # that it is a trial of
    seed: int | None = None
    settings: str = ""  # fingerprint of the phase without its names and its seed: where it is the same, chance differs
    step: int = 0
    max_iters: int = 0
    parameters: int = 0
    train_tokens: int = 0
    val_tokens: int = 0
    n_vocab: int = 0
    tokenizer: str = ""
    parent: str | None = None  # the model that it started from: run@step, or a folder
    teacher: str | None = None  # the models whose predictions it learned from: run@step, with commas
    data: str = ""  # fingerprint of the corpus and its tokens
    code: str = ""  # the version of slmtui that began it, with the commit where it is known
    val_text: str = ""  # fingerprint of the validation text: losses are comparable only where it is the same
    corpus: str = ""  # fingerprint of all the text that was read; "": older logs do not say
    best_step: int | None = None
    best_val_loss: float | None = None
    gap: float | None = None
    verdict: str | None = None  # the gap's class; None, too, where it means nothing or would be undeserved praise
    bits_per_byte: float | None = None
    best_mixed_loss: float | None = None
    mixed_bits_per_byte: float | None = None
    best_adaptive_loss: float | None = None
    adaptive_bits_per_byte: float | None = None
    judged: Decides | None = None  # who predicts with the checkpoint
    judged_loss: float | None = None  # the best of what the checkpoint predicts with
    judged_bits_per_byte: float | None = None  # of what the checkpoint predicts with: runs are ranked by it
    test_loss: float | None = None  # on the test side, of the best model: None before the end, and without such a side
    test_bits_per_byte: float | None = None
    test_mixed_loss: float | None = None
    test_mixed_bits_per_byte: float | None = None
    test_adaptive_loss: float | None = None
    test_adaptive_bits_per_byte: float | None = None
    test_judged_bits_per_byte: float | None = None  # of what the checkpoint predicts with; the next two, its interval
    test_low: float | None = None
    test_high: float | None = None
    flattered: float | None = None  # how far the validation loss lies below the test loss, in bits per byte
    flattered_low: float | None = None
    flattered_high: float | None = None
    baseline: float | None = None  # the n-gram model's loss, where the log knows it
    counting: float | None = None  # the best static counting's: the n-gram model's, or a context mixer's
    counting_bits_per_byte: float | None = None  # of the same
    counting_adaptive_bits_per_byte: float | None = None  # of counting that learns as it goes
    samples: int = 0  # at the best evaluation, that the two rates were counted over
    parse_rate: float | None = None
    copied_share: float | None = None
    finding: str = ""  # what the diagnosis at its end names first
    gate: Literal["passed", "failed"] | None = None  # None: no limit is set, or the run is not over
    gate_failed: bool = False
    paused: bool = False
    reason: str | None = None  # why it ended, once it has
    cause: Cause = ""  # of its divergence
    sentence: str = ""  # the verdict: network, mixture and bar
    seconds: float = 0.0  # of training, once it has ended; else from the first event to the last, pauses left out

    def add(self, event: Event) -> None:
        self.step = event.step
        self.reason, self.cause = None, ""
        match event:
            case events.RunStarted():
                self.phase, self.study = event.phase["phase"]["name"], str(event.phase["phase"].get("study") or "")
                self.seed, self.settings = event.phase["training"].get("seed"), settings_of(event.phase)
                self.max_iters = event.phase["training"]["max_iters"]
                self.parameters = event.parameters["total"]
                self.data, self.code = event.data.fingerprint, code_of(event.versions)
                data = event.data
                self.train_tokens, self.val_tokens, self.n_vocab = data.train_tokens, data.val_tokens, data.n_vocab
                self.tokenizer, self.val_text, self.corpus = data.tokenizer, data.val_text, data.corpus
                self.parent, self.teacher = event.parent, event.teacher
                if (baseline := data.baseline) is not None:
                    self.baseline = baseline.loss
                    self.counting, self.counting_bits_per_byte = baseline.static.loss, baseline.static.bits_per_byte
                    self.counting_adaptive_bits_per_byte = baseline.adaptive_bits_per_byte
            case events.Evaluation(best=True):
                self.best_step, self.best_val_loss = event.step, event.val_loss
                self.gap, self.bits_per_byte = event.gap, event.bits_per_byte
                self.verdict = event.verdict or None
                self.best_mixed_loss, self.mixed_bits_per_byte = event.mixed_loss, event.mixed_bits_per_byte
                self.best_adaptive_loss, self.adaptive_bits_per_byte = event.adaptive_loss, event.adaptive_bits_per_byte
                self.judged = event.judged
                self.judged_loss, self.judged_bits_per_byte = event.judged_loss, event.judged_bits_per_byte
                self.samples, self.parse_rate, self.copied_share = 0, None, None
            case events.SampleRates() if event.step == self.best_step:
                self.samples, self.parse_rate, self.copied_share = event.samples, event.parse_rate, event.copied_share
            case events.FinalTest():
                self.test_loss, self.test_bits_per_byte = event.test_loss, event.bits_per_byte
                self.test_mixed_loss, self.test_mixed_bits_per_byte = event.mixed_loss, event.mixed_bits_per_byte
                self.test_adaptive_loss = event.adaptive_loss
                self.test_adaptive_bits_per_byte = event.adaptive_bits_per_byte
                self.test_judged_bits_per_byte = event.judged_bits_per_byte
                self.test_low, self.test_high, self.flattered = event.low, event.high, event.flattered
                self.flattered_low, self.flattered_high = event.flattered_low, event.flattered_high
            case events.Warned(of_the_run=True, code="gate"):
                self.gate, self.gate_failed = "failed", True
            case events.Warned(of_the_run=True):
                self.finding = event.message
            case events.Paused():
                self.paused = True
            case events.Resumed() | events.Step():
                self.paused, self.finding, self.gate, self.gate_failed = False, "", None, False
                self.test_loss = self.test_bits_per_byte = None
                self.test_mixed_loss = self.test_mixed_bits_per_byte = None
                self.test_adaptive_loss = self.test_adaptive_bits_per_byte = None
                self.test_judged_bits_per_byte = self.test_low = self.test_high = None
                self.flattered = self.flattered_low = self.flattered_high = None
            case events.RunFinished():
                self.paused = False
                if event.gate_failed is not None:
                    self.gate = "failed" if event.gate_failed else "passed"
                self.reason, self.cause, self.seconds = event.reason, event.cause, event.seconds


def bits_above(run: RunSummary, other: RunSummary) -> float | None:
    """How far a run lies above another one, in bits per byte of what their checkpoints predict with: below 0, it is
    better. None where that says nothing: their validation texts differ or are not known, or one has no such number."""
    mine, its = run.judged_bits_per_byte, other.judged_bits_per_byte
    if mine is None or its is None or not run.val_text or run.val_text != other.val_text:
        return None
    return mine - its if math.isfinite(mine - its) else None


def doubts_of_baseline(run: RunSummary) -> str:
    """What speaks against a run as the one that others are compared with; "" for nothing."""
    if run.reason in ("diverged", "failed"):
        return f"it {run.reason}: a worse one is no bar for others"
    return "its gate failed: it is not good enough itself" if run.gate == "failed" else ""


def settings_of(phase: Mapping[str, Any]) -> str:
    """A fingerprint of a phase's values, but for its names and its seed."""
    values = {section: dict(keys) for section, keys in phase.items() if section != "phase"}
    values.get("training", {}).pop("seed", None)
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def code_of(versions: Mapping[str, str]) -> str:
    """The version of slmtui among those of a run: 0.1.0 (376fa90c12)."""
    commit = versions.get("commit")
    return versions.get("slmtui", "") + (f" ({commit})" if commit else "")


class SummaryFold:
    """A run's summary as its events come in, and between which of them it lies."""

    def __init__(self, name: str) -> None:
        self.summary = RunSummary(name=name)
        self.first: Event | None = None
        self.last: Event | None = None
        self.course = Course()
        self.blocks: events.BlockLosses | None = None  # of the run's end: gone when it goes on
        self._idle = 0.0  # seconds of pauses, and between processes

    def add(self, event: Event) -> None:
        if isinstance(event, events.Resumed) and self.last is not None:
            self._idle += event.time - self.last.time
        self.first = self.first or event
        self.last = event
        self.summary.add(event)
        self.course.add(event)
        match event:
            case events.BlockLosses():
                self.blocks = event
            case events.Resumed() | events.Step():
                self.blocks = None

    def so_far(self) -> RunSummary:
        """The summary as it is now; it stays so when more is added."""
        seconds = self.summary.seconds if self.summary.reason is not None else self._lasted()
        return replace(self.summary, seconds=seconds, sentence=self.course.verdict)

    def _lasted(self) -> float:
        if self.first is None or self.last is None:
            return 0.0
        return self.last.time - self.first.time - self._idle


def summarise(run: Run) -> tuple[RunSummary, State]:
    """Read a run's log once, and ask whether it is alive.

    A log that is not there yet gives a summary without numbers; LogError if it is damaged.
    """
    fold = SummaryFold(run.name)
    for chunk in LogReader(run.log_file).read():
        for event in chunk.skim():
            fold.add(event)
    return fold.so_far(), run.state(fold.last, paused=fold.summary.paused)

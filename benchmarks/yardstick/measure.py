"""Counting and suggested phases on a text: bits per byte, seconds, usefulness."""

from __future__ import annotations

import hashlib
import json
import math
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.yardstick.rows import Counting, TextRow, Trained
from slmtui.commands.suggest import suggested
from slmtui.config.limits import SEED
from slmtui.config.phase import Phase
from slmtui.config.phase_file import parse_phase
from slmtui.data.context_mixing.kernels import VERSION
from slmtui.data.context_mixing.mixer import ContextMixer
from slmtui.data.dataset import Dataset, SideTokens
from slmtui.data.mixer_baseline import Limits, with_mixer
from slmtui.data.ngram_baseline import fit_ngram
from slmtui.data.split_stats import dataset_baseline
from slmtui.insight.judging.completing import by_counting, complete_lines, usefulness
from slmtui.insight.judging.line_places import line_places
from slmtui.insight.suggest import MEASURED
from slmtui.model.context_mixture import ContextMixture
from slmtui.runs.checkpoint import load_model
from slmtui.session import begin
from slmtui.training.events import Evaluation
from slmtui.training.prepare import prepare_dataset

PLACES = 200
WHOLE_TEXT = Limits(sys.maxsize, sys.maxsize)


def suggested_phase(sources: list[Path], overrides: tuple[str, ...], *, timed: bool) -> tuple[Phase, Dataset]:
    """What is suggested, and its dataset.

    timed: of a large text no more steps than there is time for on this machine. Of a small one always all of them, so
    that the result does not depend on what else the machine does.
    """
    phase = parse_phase(suggested(sources, overrides, timed=False), "suggested")
    dataset = prepare_dataset(phase)
    if timed and dataset.train.n_bytes > MEASURED:
        phase = parse_phase(suggested(sources, overrides), "suggested")
    return phase, dataset


def row_of(name: str, phase: Phase, dataset: Dataset) -> TextRow:
    """A row with nothing measured yet."""
    train, val = side_bytes(dataset, dataset.train), side_bytes(dataset, dataset.val)
    text = _digest(f"{len(train)} ".encode() + train + val)
    date = time.strftime("%Y-%m-%d")
    return TextRow(name, text, len(train), len(val), dataset.tokenizer.n_vocab, date, recipe=recipe(phase))


def recipe(phase: Phase) -> str:
    """The same for phases that differ at most in what a text's place, its seed and a machine's speed decide."""
    values = phase.values()
    del values["phase"], values["data"]["source"], values["data"]["validation"]
    for key in ("seed", "max_iters", "warmup_iters"):
        del values["training"][key]
    del values["evaluation"]["interval"]
    return _digest(json.dumps([VERSION, values], sort_keys=True, default=str).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def side_bytes(dataset: Dataset, side: SideTokens) -> bytes:
    """A person's text, without the ends of documents."""
    return dataset.tokenizer.decode_bytes(side.tokens)


def counting(dataset: Dataset) -> Counting:
    """The n-gram baseline, and the context mixer alone: static in the phase's tokens; adaptive in bytes, as the bar is
    that a training is shown with, but of the whole text."""
    baseline = dataset_baseline(dataset)
    assert baseline is not None, "a text of the yardstick is long enough"
    tokenizer = dataset.tokenizer
    places = line_places(dataset.val, tokenizer, PLACES, SEED)
    ngram = fit_ngram(dataset.train.tokens, tokenizer.n_vocab)
    useful = complete_lines(by_counting(ngram), places, tokenizer) if places else None
    ContextMixture.fit(dataset.train.tokens[:100], tokenizer)  # numba compiles, once
    began = time.perf_counter()
    static = _static_bits(ContextMixture.fit(dataset.train.tokens, tokenizer).mixer, dataset.val)
    seconds = time.perf_counter() - began
    adaptive = with_mixer(baseline, dataset, WHOLE_TEXT).adaptive_bits_per_byte
    return Counting(baseline.order, baseline.bits_per_byte, useful, static, adaptive, seconds)


def _static_bits(mixer: ContextMixer, val: SideTokens) -> float:
    """Bits per byte of the text; the ends of documents are no text."""
    losses = mixer.losses(val.tokens.astype(np.int64), adaptive=False)
    return float(np.delete(losses, val.ends).sum()) / (val.n_bytes * math.log(2))


def trained(phase: Phase, seed: int) -> Trained:
    """Train the phase with a seed, and look at the best evaluation and the model that it kept."""
    values = phase.values()
    values["training"]["seed"] = seed
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        session = begin(Phase.model_validate(values), Path(folder))
        best, steps = None, 0
        for event in session.events:
            steps = event.step
            if isinstance(event, Evaluation) and event.best:
                best = event
        seconds = time.perf_counter() - began
        assert best is not None, "a training has an evaluation"
        saved = load_model(session.run.best_file)
        useful = usefulness(saved.model, session.training.dataset, places=PLACES, seed=SEED)
    mixed = best.mixed_bits_per_byte
    return Trained(
        network=best.bits_per_byte,
        static=best.bits_per_byte if mixed is None else min(mixed, best.bits_per_byte),
        adaptive=best.adaptive_bits_per_byte,
        steps=steps,
        seconds=seconds,
        useful=useful,
    )

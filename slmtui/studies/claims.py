"""Claims, each a rule over a study: supported, contradicted, or not decided, with the effect and its interval.

The five are those of the published experiment. `[study] claims` names which of them a study tests.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import spearmanr
from scipy.stats import t as student

from slmtui.insight.rules.limits import HOUSE_RULE
from slmtui.runs.summary import RunSummary
from slmtui.runs.text_interval import LEVEL
from slmtui.studies.results import CellResult, StudyResults, TrialResult, compare_cells
from slmtui.words import plural

Word = Literal["supported", "contradicted", "not decided"]
DRAWS = 1000  # of a bootstrap over cells
CUT = 22.0  # times that five times the data are said to cut the gap
TIMES = 5.0
LOSS_OF_STOPPING = 0.01  # bits per byte that count as nothing
PATIENCE = 5  # evaluations without a better one


@dataclass(frozen=True)
class Verdict:
    claim: str  # a sentence without its full stop
    word: Word
    evidence: str  # one sentence, with numbers


@dataclass(frozen=True)
class Interval:
    mean: float
    low: float
    high: float


def judge_claims(results: StudyResults) -> list[Verdict]:
    """The claims of a study, in its order."""
    found = []
    for name in results.study.claims:
        sentence, judge = CLAIMS[name]
        word, evidence = judge(results)
        found.append(Verdict(sentence, word, evidence))
    return found


Judged = tuple[Word, str]


def _gap_orders_quality(results: StudyResults) -> Judged:
    """Spearman's rank correlation of the gap and the share of samples that parse, over trials; its interval from a
    bootstrap over cells, whose trials belong together."""
    by_cell = [[_gap_and_rate(trial) for trial in cell.measured] for cell in results.cells]
    cells = [[pair for pair in cell if pair is not None] for cell in by_cell]
    cells = [cell for cell in cells if cell]
    if len(cells) < 4:
        return (
            "not decided",
            "It takes four cells with samples that parse or not (gate.min_parse_rate = 0.0 has them drawn).",
        )
    interval = _bootstrap(cells, _correlation)
    if interval is None:
        return "not decided", "All gaps are alike, or all samples."
    numbers = f"Rank correlation of gap and samples that parse: {_words(interval, '.2f')}"
    word: Word = "supported" if interval.high < -0.5 else "contradicted" if interval.low > -0.5 else "not decided"
    return word, f"{numbers}; to order them, it would be below −0.5."


def _gap_and_rate(trial: TrialResult) -> tuple[float, float] | None:
    summary = trial.summary
    if summary is None or summary.gap is None or summary.parse_rate is None:
        return None
    return summary.gap, summary.parse_rate


def _correlation(pairs: Sequence[tuple[float, float]]) -> float:
    gaps, rates = zip(*pairs, strict=True)
    if len(set(gaps)) < 2 or len(set(rates)) < 2:
        return math.nan
    return float(spearmanr(gaps, rates).statistic)


def _house_rule_is_best(results: StudyResults) -> Judged:
    """On each amount of data: is the best model with 10 to 100 parameters a token better than all others?"""
    groups = defaultdict[int, list[CellResult]](list)
    for cell in results.cells:
        if cell.measured:
            groups[_summary_of(cell).train_tokens].append(cell)
    shown, against, compared = 0, list[str](), 0
    for tokens, cells in sorted(groups.items()):
        inside = [cell for cell in cells if HOUSE_RULE[0] <= _per_token(cell) <= HOUSE_RULE[1]]
        outside = [cell for cell in cells if cell not in inside]
        if not inside or not outside:
            continue
        best, other = min(inside, key=_mean), min(outside, key=_mean)
        comparison = compare_cells(best, other, len(groups))
        if comparison is None:
            continue
        compared += 1
        shown += comparison.better is True
        if comparison.better is False:
            low, high = sorted((abs(comparison.difference.low or 0), abs(comparison.difference.high or 0)))
            against.append(
                f"{_per_token(other):,.3g} parameters a token are better by {low:.3f} to {high:.3f} bits per byte "
                f"with {tokens:,} tokens"
            )
    if against:
        return "contradicted", f"{'; '.join(against)}."
    if compared and shown == compared:
        return "supported", f"On {compared} amounts of data it is better than anything outside that was tried."
    if not compared:
        return "not decided", "No amount of data has cells both inside and outside, with two seeds."
    return "not decided", f"Shown on {shown} of {compared} amounts of data."


def _five_times_the_data_cut_the_gap(results: StudyResults) -> Judged:
    """The slope of log gap over log tokens, per model and seed, to five times the tokens; of the gaps at the end, as
    published: 3.76 with 900 tokens, and what remains of −0.17 with 4,500 when its sign is left out."""
    slopes, by_tokens = list[float](), defaultdict[int, list[float]](list)
    for curve in _by_model_and_seed(results):
        known = [
            (trial.summary.train_tokens, trial.last_gap) for trial in curve
            if trial.summary is not None and trial.last_gap is not None and trial.last_gap > 0
        ]  # fmt: skip
        for tokens, gap in known:
            by_tokens[tokens].append(gap)
        points = [(math.log(tokens), math.log(gap)) for tokens, gap in known]
        if len({tokens for tokens, _ in points}) > 1:
            xs, ys = np.array(points).T
            slopes.append(float(np.polyfit(xs, ys, 1)[0]))
    interval = _of_mean(slopes)
    if interval is None:
        return "not decided", "It takes two seeds with the same model on two amounts of data, and gaps above 0."
    cut = Interval(*(TIMES**-slope for slope in (interval.mean, interval.high, interval.low)))
    word: Word = "supported" if cut.low <= CUT <= cut.high else "contradicted"
    least, most = min(by_tokens), max(by_tokens)
    means = [float(np.mean(by_tokens[tokens])) for tokens in (least, most)]
    return word, (
        f"Five times the data divide it by {_words(cut, '.2g')}: at the end of training it is {means[0]:.2f} nats per "
        f"token on average with {least:,} training tokens, and {means[1]:.2f} with {most:,}."
    )


def _more_data_is_better(results: StudyResults) -> Judged:
    """The same model: is each larger amount of data better than the one below it?"""
    steps = list[tuple[CellResult, CellResult]]()
    for cells in _by_model(results).values():
        ordered = sorted((cell for cell in cells if cell.measured), key=lambda cell: _summary_of(cell).train_tokens)
        steps += [
            (more, less)
            for less, more in itertools.pairwise(ordered)
            if _summary_of(more).train_tokens > _summary_of(less).train_tokens
        ]
    compared = [comparison for step in steps if (comparison := compare_cells(*step, len(steps))) is not None]
    if not compared:
        return "not decided", "It takes two seeds with the same model on two amounts of data, and one validation text."
    better, worse = (sum(each.better is way for each in compared) for way in (True, False))
    word: Word = "supported" if better == len(compared) else "contradicted" if worse else "not decided"
    lower = f"{better} {'is' if better == 1 else 'are'} shown to lower the loss, and {worse} to raise it"
    return word, f"Of {plural(len(compared), 'step')} from less data to more, {lower}."


def _early_stopping_loses_nothing(results: StudyResults) -> Judged:
    """What a run that went on found after five evaluations without a better one, in bits per byte."""
    lost = []
    for trial in (trial for cell in results.cells for trial in cell.measured):
        bits = [bits for _, bits in trial.evaluations]
        stop = _stopped_at(bits)
        if stop is not None:
            lost.append(min(bits[: stop + 1]) - min(bits))
    interval = _of_mean(lost)
    if interval is None:
        return "not decided", f"It takes two runs that went on after {PATIENCE} evaluations without a better one."
    numbers = f"Stopping after {PATIENCE} evaluations without a better one lost {_words(interval, '.3f')} bits per byte"
    word: Word = (
        "supported" if interval.high < LOSS_OF_STOPPING else "contradicted" if interval.low > LOSS_OF_STOPPING else
        "not decided"
    )  # fmt: skip
    return word, f"{numbers}, over {len(lost)} runs."


def _stopped_at(bits: Sequence[float]) -> int | None:
    """The evaluation after which a run would have been stopped, if others follow it."""
    since = 0
    for at, loss in enumerate(bits[:-1]):
        since = 0 if loss <= min(bits[: at + 1]) else since + 1
        if since >= PATIENCE:
            return at
    return None


CLAIMS: dict[str, tuple[str, Callable[[StudyResults], Judged]]] = {
    "gap_orders_quality": ("The smaller the gap, the better the samples", _gap_orders_quality),
    "house_rule_is_best": ("10 to 100 parameters for each token are best", _house_rule_is_best),
    "data_cuts_gap": ("Five times the data cut the gap 22 times", _five_times_the_data_cut_the_gap),
    "more_data_is_better": ("More data always make the model better", _more_data_is_better),
    "stopping_loses_nothing": ("Early stopping loses nothing", _early_stopping_loses_nothing),
}


def _by_model(results: StudyResults) -> dict[str, list[CellResult]]:
    """Cells that differ in nothing but their data."""
    return cells_alike(results, but_for="data.")


def cells_alike(results: StudyResults, but_for: str) -> dict[str, list[CellResult]]:
    """Cells that differ in nothing but the keys of one section."""
    groups = defaultdict[str, list[CellResult]](list)
    for cell in results.cells:
        rest = {key: value for key, value in cell.cell.values.items() if not key.startswith(but_for)}
        groups[str(rest)].append(cell)
    return groups


def _by_model_and_seed(results: StudyResults) -> Iterator[list[TrialResult]]:
    for cells in _by_model(results).values():
        for seed in results.study.seeds:
            yield [trial for cell in cells for trial in cell.measured if trial.trial.seed == seed]


def _summary_of(cell: CellResult) -> RunSummary:
    """Of a cell with a trial that came to its end."""
    summary = cell.measured[0].summary
    assert summary is not None
    return summary


def _per_token(cell: CellResult) -> float:
    summary = _summary_of(cell)
    return summary.parameters / max(1, summary.train_tokens)


def _mean(cell: CellResult) -> float:
    return cell.estimate.mean if cell.estimate is not None else math.inf


def _of_mean(values: Sequence[float]) -> Interval | None:
    """Student's interval of a mean; None of fewer than two values."""
    if len(values) < 2:
        return None
    mean = float(np.mean(values))
    half = float(student.ppf((1 + LEVEL) / 2, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def _bootstrap(
    cells: Sequence[Sequence[tuple[float, float]]], of: Callable[[Sequence[tuple[float, float]]], float]
) -> Interval | None:
    """The percentile interval of a number over cells, drawn with replacement; None where it is no number."""
    value = of([pair for cell in cells for pair in cell])
    stream = np.random.default_rng(0)
    drawn = [
        of([pair for at in stream.integers(0, len(cells), len(cells)) for pair in cells[at]]) for _ in range(DRAWS)
    ]
    known = [each for each in drawn if math.isfinite(each)]
    if not math.isfinite(value) or len(known) < DRAWS // 2:
        return None
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(value, float(low), float(high))


def _words(interval: Interval, form: str) -> str:
    return f"{interval.mean:{form}} ({interval.low:{form}} to {interval.high:{form}})"

"""Laws of loss over parameters and data, fitted to a study, and not believed too far.

Three forms, in bits per byte, of N parameters and D training tokens:

    data      L = E + A / N^α + B / D^β             Hoffmann et al. 2022 ("Chinchilla"); refit by Besiroglu et al. 2024
    repeats   the same with D' in place of D        Muennighoff et al. 2023: what D distinct tokens are worth, seen in
              D' = D + 15.39 D (1 − e^(−R / 15.39))  1 + R passes
    joint     L = (A / N^α + B / D)^β               Kaplan et al. 2020, (1.5), for trainings that stop at their best:
                                                    where the text is what is wanting, more parameters bring nothing

The published constants hold for models of 10^8 parameters and more, and are of no use here: at 10^5 parameters and 10^4
tokens they give tens of nats. Only the forms are kept; the constants are fitted to the study's cells, by least squares
of log L (Levenberg–Marquardt), from many starts. The form with the smaller leave-one-out error is taken.

Intervals come from refits to drawn seeds, widened by the leave-one-out error: what the form itself gets wrong does not
vanish with more seeds. Nothing is said beyond four times what was measured.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit, logit

from slmtui.config.phase import Phase
from slmtui.runs.summary import RunSummary
from slmtui.runs.text_interval import LEVEL
from slmtui.studies.results import StudyResults

Form = Literal["data", "repeats", "joint"]
FORMS: tuple[Form, ...] = ("data", "repeats", "joint")
HALF_LIFE = 15.39  # passes, of Muennighoff et al. 2023
FARTHEST = 4.0  # times what was measured
MOST_EXPONENT = 3.0
LARGEST_LOSS = 1e6  # bits per byte
FEWEST_CELLS = 6  # five constants
DRAWS = 200
MOST_LOOKS = 300  # at the errors in one fit: two parts that cannot be told apart would be turned for ever
ALIKE = 1.1  # numbers of parameters that are one line: vocabularies differ a little between texts
STARTS = tuple(itertools.product((0.1, 0.5, 0.9), (0.3, 1.0), (0.3, 1.0)))  # share of E in the least loss; α; β
JOINT_STARTS = tuple(itertools.product((0.1, 0.5, 0.9), (0.3, 1.0), (0.15, 0.5)))  # share of A's part; α; β

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Point:
    """A cell: what it was trained with, and what its seeds reached."""

    parameters: int
    tokens: int
    passes: float
    losses: tuple[float, ...]  # bits per byte, one a seed

    @property
    def mean(self) -> float:
        return float(np.mean(self.losses))


@dataclass(frozen=True)
class Constants:
    """Of the forms above; E, A and B in bits per byte, of the joint one in those to the power of 1 / β."""

    E: float  # 0 of the joint form
    A: float
    alpha: float
    B: float
    beta: float
    joint: bool = False

    def loss(self, parameters: float, data: float) -> float:
        if self.joint:
            return float((self.A / parameters**self.alpha + self.B / data) ** self.beta)
        return float(self.E + self.A / parameters**self.alpha + self.B / data**self.beta)


@dataclass(frozen=True)
class Prediction:
    """A loss in bits per byte, with its interval."""

    loss: float
    low: float
    high: float


@dataclass(frozen=True)
class Law:
    form: Form
    points: tuple[Point, ...]
    fitted: Constants
    drawn: tuple[Constants, ...]  # refits to drawn seeds
    errors: tuple[float, ...]  # of each point, in bits per byte, predicted by a law of all others

    @property
    def error(self) -> float:
        """The root mean square of the leave-one-out errors."""
        return math.sqrt(sum(error**2 for error in self.errors) / len(self.errors))

    @property
    def spread(self) -> float:
        """The root mean square of the standard deviations over the seeds of each cell; 0 with one seed."""
        variances = [float(np.var(point.losses, ddof=1)) for point in self.points if len(point.losses) > 1]
        return math.sqrt(sum(variances) / len(variances)) if variances else 0.0

    def interval(self, name: Literal["E", "A", "alpha", "B", "beta"]) -> tuple[float, float]:
        low, high = np.quantile([getattr(each, name) for each in self.drawn], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)

    def predict(self, parameters: float, tokens: float, passes: float) -> Prediction | str:
        """The loss of a training; or why nothing can be said of it."""
        for value, what, measured in (
            (parameters, "parameters", [point.parameters for point in self.points]),
            (tokens, "training tokens", [point.tokens for point in self.points]),
        ):
            least, most = min(measured) / FARTHEST, max(measured) * FARTHEST
            if not least <= value <= most:
                return (
                    f"{value:,.0f} {what} are more than {FARTHEST:g} times from what was measured "
                    f"({min(measured):,} to {max(measured):,})"
                )
        data = effective(self.form, tokens, passes)
        drawn = [each.loss(parameters, data) for each in self.drawn]
        low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        loss = self.fitted.loss(parameters, data)
        more = 2 * self.error
        return Prediction(loss, loss - math.hypot(loss - low, more), loss + math.hypot(high - loss, more))

    def gain(
        self, before: tuple[float, float, float], after: tuple[float, float, float]
    ) -> tuple[float, float, float] | None:
        """By how much lower the loss is after than before, of parameters, tokens and passes: fitted, least and most,
        in bits per byte. The interval has the two parts that `predict` has. None beyond what can be said."""
        if any(isinstance(self.predict(*each), str) for each in (before, after)):
            return None

        def of(constants: Constants) -> float:
            one, other = (constants.loss(n, effective(self.form, d, passes)) for n, d, passes in (before, after))
            return one - other

        low, high = np.quantile([of(each) for each in self.drawn], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        gained, more = of(self.fitted), 2 * self.error
        return gained, gained - math.hypot(gained - low, more), gained + math.hypot(high - gained, more)


@dataclass(frozen=True)
class LawLine:
    """What a law says of one number of parameters over training tokens, and the points that were measured with it."""

    parameters: int
    points: tuple[Point, ...]  # in the order of their tokens
    tokens: tuple[float, ...]
    predicted: tuple[Prediction, ...]  # one for each of `tokens`
    inside: int  # how many of them lie within what was measured


def law_lines(law: Law, places: int = 40) -> list[LawLine]:
    """A line for each number of parameters, up to twice the tokens that were measured."""
    tokens = sorted({point.tokens for point in law.points})
    lines = []
    for group in _groups(sorted({point.parameters for point in law.points})):
        points = sorted((point for point in law.points if point.parameters in group), key=lambda point: point.tokens)
        size = round(math.exp(np.mean([math.log(each) for each in group])))
        seen = float(np.mean([point.tokens * point.passes for point in points]))  # tokens, repeats counted
        at = [float(each) for each in np.geomspace(tokens[0], 2 * tokens[-1], places)]
        found = [(each, law.predict(size, each, seen / each)) for each in at]
        known = [(each, of) for each, of in found if isinstance(of, Prediction)]
        inside = sum(each <= tokens[-1] for each, _ in known)
        lines.append(
            LawLine(size, tuple(points), tuple(each for each, _ in known), tuple(of for _, of in known), inside)
        )
    return lines


def _groups(sizes: Sequence[int]) -> list[list[int]]:
    """Numbers in order, those that are nearly the same together."""
    groups: list[list[int]] = []
    for size in sizes:
        if groups and size < ALIKE * groups[-1][0]:
            groups[-1].append(size)
        else:
            groups.append([size])
    return groups


def effective(form: Form, tokens: float, passes: float) -> float:
    """What so many distinct tokens are worth, seen so often."""
    if form != "repeats":
        return tokens
    return tokens + HALF_LIFE * tokens * (1 - math.exp(-max(0.0, passes - 1) / HALF_LIFE))


def points_of(results: StudyResults) -> tuple[Point, ...]:
    """The cells that came to their end, with the losses of their seeds."""
    found = []
    for cell in results.cells:
        if not cell.measured:
            continue
        summary, trial = cell.measured[0].summary, cell.measured[0].trial
        assert summary is not None
        losses = tuple(bits for each in cell.measured if (bits := each.bits_per_byte) is not None)
        found.append(Point(summary.parameters, summary.train_tokens, passes_of(summary, trial.phase), losses))
    return tuple(found)


def passes_of(summary: RunSummary, phase: Phase) -> float:
    """How often each training token was seen, on average."""
    return summary.step * phase.training.batch_size * phase.model.block_size / max(1, summary.train_tokens)


def fit_law(results: StudyResults) -> Law | str:
    """The law of a study; or why there is none."""
    return law_of(points_of(results))


def law_of(points: Sequence[Point]) -> Law | str:
    """The law of these points; or why there is none."""
    if len(points) < FEWEST_CELLS:
        return f"a law has five constants, so it takes {FEWEST_CELLS} cells or more that are done, not {len(points)}"
    for point, loss in ((each, loss) for each in points for loss in each.losses):
        if not 0 < loss < LARGEST_LOSS:  # a log that somebody has changed
            where = f"{point.parameters:,} parameters and {point.tokens:,} training tokens"
            return f"the cell with {where} has a loss of {loss:g} bits per byte, which no law can have"
    for what, values in (("parameters", {p.parameters for p in points}), ("data", {p.tokens for p in points})):
        if len(values) < 2:
            return f"all cells have the same {what}, so nothing can be said of others"
    laws = [_law(form, tuple(points)) for form in FORMS]
    return min(laws, key=lambda law: law.error)


def _law(form: Form, points: tuple[Point, ...]) -> Law:
    sizes = np.array([point.parameters for point in points], float)
    data = np.array([effective(form, point.tokens, point.passes) for point in points])
    means = np.array([point.mean for point in points])
    fit = _fit_joint if form == "joint" else _fit
    fitted = fit(sizes, data, means)
    stream = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        luck = np.array([float(np.mean(stream.choice(point.losses, len(point.losses)))) for point in points])
        drawn.append(fit(sizes, data, luck, near=fitted))
    errors = []
    for left_out in range(len(points)):
        others = np.arange(len(points)) != left_out
        without = fit(sizes[others], data[others], means[others], near=fitted)
        errors.append(without.loss(sizes[left_out], data[left_out]) - means[left_out])
    return Law(form, points, fitted, tuple(drawn), tuple(float(error) for error in errors))


def _fit(sizes: FloatArray, data: FloatArray, losses: FloatArray, near: Constants | None = None) -> Constants:
    """Least squares of log L; of N and D relative to their geometric means, which the constants then are of, too."""
    middle_n, middle_d = (float(np.exp(np.log(values).mean())) for values in (sizes, data))
    n, d, logs = np.log(sizes / middle_n), np.log(data / middle_d), np.log(losses)

    def residuals(x: FloatArray) -> FloatArray:
        e, a, b, (alpha, beta) = x[0], x[1], x[3], MOST_EXPONENT * expit(x[[2, 4]])
        found: FloatArray = np.logaddexp(np.logaddexp(e, a - alpha * n), b - beta * d) - logs
        return found

    fits = [
        least_squares(residuals, start, method="lm", max_nfev=MOST_LOOKS)
        for start in _starts(losses, near, middle_n, middle_d)
    ]
    best = min(fits, key=lambda fit: float(fit.cost)).x
    e, a, b, (alpha, beta) = (
        float(best[0]),
        float(best[1]),
        float(best[3]),
        (MOST_EXPONENT * expit(best[[2, 4]])).tolist(),
    )
    return Constants(
        math.exp(e), math.exp(a + alpha * math.log(middle_n)), alpha, math.exp(b + beta * math.log(middle_d)), beta
    )


def _fit_joint(sizes: FloatArray, data: FloatArray, losses: FloatArray, near: Constants | None = None) -> Constants:
    """The same for the joint form: log L = β log(A / N^α + B / D)."""
    middle_n, middle_d = (float(np.exp(np.log(values).mean())) for values in (sizes, data))
    n, d, logs = np.log(sizes / middle_n), np.log(data / middle_d), np.log(losses)

    def residuals(x: FloatArray) -> FloatArray:
        a, b, (alpha, beta) = x[0], x[2], MOST_EXPONENT * expit(x[[1, 3]])
        found: FloatArray = beta * np.logaddexp(a - alpha * n, b - d) - logs
        return found

    if near is not None:
        parts = (near.A / middle_n**near.alpha, near.B / middle_d)
        a, b = (math.log(max(part, 1e-6)) for part in parts)
        starts = [[a, _inner(near.alpha), b, _inner(near.beta)]]
    else:
        level = float(np.mean(logs))
        starts = [
            [level / beta + math.log(share), _inner(alpha), level / beta + math.log(1 - share), _inner(beta)]
            for share, alpha, beta in JOINT_STARTS
        ]
    fits = [least_squares(residuals, start, method="lm", max_nfev=MOST_LOOKS) for start in starts]
    best = min(fits, key=lambda fit: float(fit.cost)).x
    alpha, beta = (MOST_EXPONENT * expit(best[[1, 3]])).tolist()
    a, b = float(best[0]), float(best[2])
    return Constants(0.0, math.exp(a + alpha * math.log(middle_n)), alpha, math.exp(b) * middle_d, beta, joint=True)


def _inner(exponent: float) -> float:
    """The number that the fit turns to have this exponent between 0 and the most."""
    return float(logit(min(max(exponent / MOST_EXPONENT, 1e-6), 1 - 1e-6)))


def _starts(losses: FloatArray, near: Constants | None, middle_n: float, middle_d: float) -> list[list[float]]:
    if near is not None:
        parts = (near.E, near.A / middle_n**near.alpha, near.B / middle_d**near.beta)
        e, a, b = (math.log(max(part, 1e-6)) for part in parts)
        return [[e, a, _inner(near.alpha), b, _inner(near.beta)]]
    least, mean = float(losses.min()), float(losses.mean())
    starts = []
    for share, alpha, beta in STARTS:
        rest = max(mean - share * least, 1e-3) / 2
        starts.append([math.log(share * least), math.log(rest), _inner(alpha), math.log(rest), _inner(beta)])
    return starts

"""A study's results as a person reads them in a terminal, and as a program does."""

from __future__ import annotations

from typing import Any

from slmtui.studies.claims import judge_claims
from slmtui.studies.results import CellResult, StudyResults
from slmtui.studies.statistics import Comparison, Estimate

HEADER = ("cell", "seeds", "bits per byte", "95 %", "spread", "against the best")


def table(results: StudyResults) -> list[str]:
    """The cells, the best first, each with its interval and what is shown of its distance to the best."""
    order = sorted(results.cells, key=lambda cell: cell.estimate.mean if cell.estimate is not None else float("inf"))
    with_test = any(cell.test_mean is not None for cell in results.cells)
    rows = [[*HEADER, *(["test"] if with_test else [])]]
    for cell in order:
        row = [cell.cell.label, f"{len(cell.measured)}/{len(cell.trials)}", *_numbers(cell.estimate)]
        rows.append([*row, against_words(results, cell), *([_test(cell)] if with_test else [])])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _numbers(estimate: Estimate | None) -> tuple[str, str, str]:
    if estimate is None:
        return "–", "–", "–"
    return (
        f"{estimate.mean:.3f}",
        interval_words(estimate),
        "–" if estimate.spread is None else f"{estimate.spread:.3f}",
    )


def interval_words(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "needs two seeds"
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def _test(cell: CellResult) -> str:
    """The loss on the test side, and by how much validation flattered."""
    if cell.test_mean is None or cell.estimate is None:
        return "–"
    return f"{cell.test_mean:.3f} ({cell.test_mean - cell.estimate.mean:+.3f})"


def against_words(results: StudyResults, cell: CellResult) -> str:
    """`worse by 0.03 to 0.07`, or what would decide it."""
    if cell is results.best:
        return "the best"
    comparison = results.against_best(cell)
    return "–" if comparison is None else comparison_words(comparison)


def comparison_words(comparison: Comparison, worse: str = "worse") -> str:
    """Of the second of two cells that are compared."""
    low, high = comparison.difference.low, comparison.difference.high
    if low is None or high is None:
        return "–"
    if comparison.better is not None:
        least, most = sorted((abs(low), abs(high)))
        return f"{worse if comparison.better else 'better'} by {least:.3f} to {most:.3f}"
    if comparison.seeds_needed is None:
        return f"not shown ({low:+.3f} to {high:+.3f})"
    return f"not shown ({low:+.3f} to {high:+.3f}; {comparison.seeds_needed} seeds may decide it)"


def claims_lines(results: StudyResults) -> list[str]:
    """Each claim of the study, and what has become of it."""
    verdicts = judge_claims(results)
    return ["", *(f"{verdict.word}: {verdict.claim}. {verdict.evidence}" for verdict in verdicts)] if verdicts else []


def cell_record(results: StudyResults, cell: CellResult) -> dict[str, Any]:
    """A cell as JSON: losses in bits per byte."""
    estimate, comparison = cell.estimate, results.against_best(cell)
    record: dict[str, Any] = {
        "study": results.study.name,
        "cell": cell.cell.label,
        "number": cell.cell.number,
        "values": dict(cell.cell.values),
        "variant": cell.cell.variant,
        "mean": None if estimate is None else estimate.mean,
        "low": None if estimate is None else estimate.low,
        "high": None if estimate is None else estimate.high,
        "spread": None if estimate is None else estimate.spread,
        "test_mean": cell.test_mean,
        "best": cell is results.best,
        "worse_than_best": None,
        "trials": [
            {
                "seed": result.trial.seed,
                "run": None if result.run is None else result.run.name,
                "status": result.status,
                "step": result.step,
                "bits_per_byte": result.bits_per_byte,
                "test_bits_per_byte": result.test_bits_per_byte,
            }
            for result in cell.trials
        ],
    }
    if comparison is not None:
        record["worse_than_best"] = {
            "mean": comparison.difference.mean,
            "low": comparison.difference.low,
            "high": comparison.difference.high,
            "shown": comparison.better is not None,
            "seeds_needed": comparison.seeds_needed,
        }
    return record

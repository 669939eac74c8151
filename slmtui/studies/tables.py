"""A study's results as a person reads them in a terminal, and as a program does."""

from __future__ import annotations

from typing import Any

from slmtui.runs.lines import flattery_verdict
from slmtui.studies.claims import judge_claims
from slmtui.studies.results import CellResult, StudyResults, same_text, trained_on_other_text
from slmtui.studies.statistics import Comparison, Estimate
from slmtui.words import listed, number

HEADER = ("cell", "seeds", "bits per byte", "95 %", "spread", "against the best")


def table(results: StudyResults) -> list[str]:
    """The cells, the best first, each with its interval and what is shown of its distance to the best."""
    order = sorted(results.cells, key=lambda cell: cell.estimate.mean if cell.estimate is not None else float("inf"))
    rows = [list(HEADER)]
    for cell in order:
        row = [
            f"{cell.cell.number:02}  {cell.cell.label}",
            f"{len(cell.measured)}/{len(cell.trials)}",
            *_numbers(cell.estimate),
        ]
        rows.append([*row, against_words(results, cell)])
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


def test_words(results: StudyResults) -> str:
    """How the best cell does on the test side, and whether validation flattered it; "" before that is known."""
    if (test := results.test) is None:
        return ""
    flattered = test.flattered
    words = f"{test.cell.cell.label} has {test.estimate.mean:.3f} bits per byte ({interval_words(test.estimate)}) on "
    words += f"text that nothing was chosen by; validation flattered by {number(flattered.mean, '.3f')}"
    if flattered.low is None or flattered.high is None:
        return f"{words}."
    noise = flattery_verdict(flattered.low, flattered.high)
    return f"{words} ({number(flattered.low, '.3f')} to {number(flattered.high, '.3f')}), {noise}."


def test_lines(results: StudyResults) -> list[str]:
    """The same, under the table of a terminal."""
    words = test_words(results)
    return ["", f"test: {words}"] if words else []


def text_notes(results: StudyResults) -> list[str]:
    """What is left out or cannot be compared because texts differ, one line each."""
    lines = [
        f"{trial.run.name} was trained or judged on another text than the trials of its cell that count, and is left "
        "out; delete it, and it is trained anew on the text of now"
        for cell in results.cells for trial in cell.on_other_text if trial.run is not None
    ]  # fmt: skip
    measured = [trial for cell in results.cells for trial in cell.measured]
    if words := changed_corpus_words(results):
        lines.append(f"{words}, so they are not compared (–); delete their runs to train them anew on the text of now")
    if not same_text(measured):
        lines.append("not all cells are judged on the same validation text; those that differ are not compared (–)")
    return lines


def changed_corpus_words(results: StudyResults) -> str:
    """Which cells read the same files as others, and found another text in them; "" of none."""
    others = trained_on_other_text([trial for cell in results.cells for trial in cell.measured])
    cells = list(dict.fromkeys(result.trial.cell.label for result in others))
    return f"the files of [data] held another text for {listed(cells)} than for other cells" if cells else ""


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
        "test": None,  # of the best cell alone, once the study is over
        "best": cell is results.best,
        "worse_than_best": None,
        "trials": [
            {
                "seed": result.trial.seed,
                "run": None if result.run is None else result.run.name,
                "status": result.status,
                "step": result.step,
                "bits_per_byte": result.bits_per_byte,
            }
            for result in cell.trials
        ],
    }
    if (test := results.test) is not None and test.cell is cell:
        record["test"] = {
            "mean": test.estimate.mean,
            "low": test.estimate.low,
            "high": test.estimate.high,
            "flattered": {"mean": test.flattered.mean, "low": test.flattered.low, "high": test.flattered.high},
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

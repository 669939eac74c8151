"""The report on a study: its question, its design, what was found and how sure that is, and what is not known.

A function of the study's file and its runs, put together of the same blocks as a run's report.
"""

from __future__ import annotations

import math

from slmtui.config.study import Study
from slmtui.insight.report.blocks import Bullets, Code, Figure, Heading, Paragraph, Report, ReportBlock, Table
from slmtui.studies.claims import judge_claims
from slmtui.studies.laws import FARTHEST, Law, Prediction, fit_law, passes_of
from slmtui.studies.report_figures import cells_figure, curves_figure, law_figure
from slmtui.studies.results import CellResult, StudyResults
from slmtui.studies.tables import against_words, interval_words, test_words
from slmtui.words import duration, listed, plural

FORMS = {
    "data": "L = E + A / N^α + B / D^β (Hoffmann et al. 2022)",
    "repeats": "L = E + A / N^α + B / D'^β, with D' = D + 15.39 D (1 − e^(−R/15.39)) of 1 + R passes over D tokens "
    "(Hoffmann et al. 2022; Muennighoff et al. 2023)",
}
MOST_NAMED = 4  # cells in a sentence
SIGNS = {"E": "E", "A": "A", "alpha": "α", "B": "B", "beta": "β"}


def study_report(results: StudyResults, file: str, text: str) -> Report:
    """file: the study's, as it is typed in the project; text: what it holds."""
    study, law = results.study, fit_law(results)
    blocks: list[ReportBlock] = []
    if study.question:
        blocks.append(Paragraph(study.question, lead="Question."))
    blocks += [
        Paragraph(" ".join(_answer(results, law)), lead="In short."),
        *_design(results),
        *_found(results),
        *_of_law(law),
        *_of_claims(results),
        *_unknown(results, law),
        *_repeating(study, file, text),
    ]
    return Report(study.title or study.name, tuple(blocks))


def _answer(results: StudyResults, law: Law | str) -> list[str]:
    best = results.best
    if best is None or best.estimate is None:
        return ["No trial has come to its end yet."]
    sentences = [
        f"The best of {plural(len(results.cells), 'cell')}, {best.cell.label}, reaches {best.estimate.mean:.3f} bits "
        f"per byte{_bounds(best.estimate.low, best.estimate.high)}."
    ]
    sentences += _beside_counting(best)
    others = [cell for cell in results.cells if cell is not best and cell.measured]
    shown = [cell for cell in others if (found := results.against_best(cell)) is not None and found.better]
    if others:
        how_many = "all" if len(shown) == len(others) else f"{len(shown) or 'none'} of the {len(others)}"
        sentences.append(f"It is shown to be better than {how_many} others.")
    counted = [verdict.word for verdict in judge_claims(results)]
    if counted:
        words = [(word, counted.count(word)) for word in ("supported", "contradicted", "not decided")]
        clauses = [f"{number} {'is' if number == 1 else 'are'} {word}" for word, number in words if number]
        sentences.append(f"Of {plural(len(counted), 'claim')} tested, {listed(clauses)}.")
    if isinstance(law, Law):
        sentences += _twice(law, best)
    return sentences


def _beside_counting(best: CellResult) -> list[str]:
    """What counting alone reaches, with the best cell's training text and on the same validation text."""
    summary, estimate = best.measured[0].summary, best.estimate
    assert summary is not None
    adaptive = summary.judged == "adaptive"
    bits = summary.counting_adaptive_bits_per_byte if adaptive else summary.counting_bits_per_byte
    if bits is None or estimate is None:
        return []
    better = ", less than any cell, so these models have learned too little to be of use" * (bits < estimate.mean)
    return [f"Counting alone reaches {bits:.3f} with the same training text{better}."]


def _twice(law: Law, cell: CellResult) -> list[str]:
    """What twice the text and twice the parameters of a cell would bring."""
    summary, trial = cell.measured[0].summary, cell.measured[0].trial
    assert summary is not None
    passes = passes_of(summary, trial.phase)
    n, d = summary.parameters, summary.train_tokens
    found = {
        "twice its text": law.predict(n, 2 * d, passes / 2),
        "twice its parameters": law.predict(2 * n, d, passes),
    }
    return [
        f"With {what}, the law expects {each.loss:.2f} ({each.low:.2f} to {each.high:.2f})."
        for what, each in found.items()
        if isinstance(each, Prediction)
    ]


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" (95 %: {low:.3f} to {high:.3f})"


def _design(results: StudyResults) -> list[ReportBlock]:
    study = results.study
    measured = [trial for cell in results.cells for trial in cell.measured]
    text = (
        f"{plural(len(study.cells), 'cell')} with {plural(len(study.seeds), 'seed')} each, "
        f"{plural(len(study.trials), 'trial')} in all, of which {len(measured)} came to their end. The base is "
        f"{study.base}; nothing else differs between trials."
    )
    blocks: list[ReportBlock] = [Heading("Design", 2), Paragraph(text)]
    first = next((trial for trial in measured if trial.summary is not None), None)
    if first is None or first.summary is None or first.blocks is None:
        return blocks
    n_bytes, seconds = sum(first.blocks.n_bytes), [trial.summary.seconds for trial in measured if trial.summary]
    judged = {
        "network": "the network",
        "static": "network and static counts",
        "adaptive": "network and counts that learn on",
    }
    texts = {trial.summary.val_text for trial in measured if trial.summary}
    same = (
        f"All are judged on the same validation text, {n_bytes:,} bytes in {plural(len(first.blocks.n_bytes), 'block')}"
        if len(texts) == 1
        else f"Trials are judged on {len(texts)} different validation texts, so not all cells can be compared"
    )
    blocks.append(
        Paragraph(
            f"{same}, by what {judged[first.summary.judged or 'network']} predicts with the best checkpoint. A trial "
            f"took {duration(min(seconds))} to {duration(max(seconds))}, {duration(sum(seconds))} together. "
            "The intervals are for other seeds and for other text of the kind, at 95 %; those against the best are for "
            "all comparisons at once."
        )
    )
    return blocks


def _found(results: StudyResults) -> list[ReportBlock]:
    """The table of all cells, the best first, and the figures."""
    measured = [cell for cell in results.cells if cell.estimate is not None]
    if not measured:
        return []
    order = sorted(measured, key=lambda cell: cell.estimate.mean if cell.estimate is not None else math.inf)
    header = ["cell", "parameters", "train tokens", "seeds", "bits/byte", "95 %", "spread", "against the best"]
    rows = [tuple(_row(results, cell)) for cell in order]
    blocks: list[ReportBlock] = [
        Heading("Results", 2),
        Table(tuple(header), tuple(rows), left=frozenset({0, len(header) - 1})),
        Paragraph(
            "Spread is the standard deviation over seeds. Where a difference is not shown, that does not mean that "
            "there is none."
        ),
    ]
    blocks += [Paragraph(line, lead="On the test side:") for line in [test_words(results)] if line]
    blocks.append(Figure(cells_figure(order), "Each cell's mean with its interval; a dot is a seed."))
    if any(len(trial.evaluations) > 1 for cell in order for trial in cell.measured):
        caption = (
            "Validation loss while training: the mean of the seeds, and the band between the lowest and the highest."
        )
        blocks.append(Figure(curves_figure(order), caption))
    return blocks


def _row(results: StudyResults, cell: CellResult) -> list[str]:
    estimate, summary = cell.estimate, cell.measured[0].summary
    assert estimate is not None
    assert summary is not None
    return [
        cell.cell.label,
        f"{summary.parameters:,}",
        f"{summary.train_tokens:,}",
        f"{len(cell.measured)}/{len(cell.trials)}",
        f"{estimate.mean:.3f}",
        interval_words(estimate),
        "–" if estimate.spread is None else f"{estimate.spread:.3f}",
        against_words(results, cell),
    ]


def _of_law(law: Law | str) -> list[ReportBlock]:
    if isinstance(law, str):
        return []
    rows = []
    for name, sign in SIGNS.items():
        low, high = law.interval(name)  # type: ignore[arg-type]
        rows.append((sign, f"{getattr(law.fitted, name):.3g}", f"{low:.3g} to {high:.3g}"))
    return [
        Heading("The law", 2),
        Paragraph(
            f"{FORMS[law.form]}, in bits per byte, of N parameters and D training tokens, fitted to "
            f"{plural(len(law.points), 'cell')}. A cell that is left out is predicted with an error of {law.error:.3f} "
            "on average; of the two forms that were fitted, this one has the smaller error."
        ),
        Table(("constant", "fitted", "95 %, over seeds"), tuple(rows)),
        Figure(
            law_figure(law), "The law, and the cells that it was fitted to; one line for each number of parameters."
        ),
    ]


def _of_claims(results: StudyResults) -> list[ReportBlock]:
    verdicts = judge_claims(results)
    if not verdicts:
        return []
    items = tuple(Paragraph(verdict.evidence, lead=f"{verdict.claim}: {verdict.word}.") for verdict in verdicts)
    return [Heading("Claims", 2), Bullets(items)]


def _unknown(results: StudyResults, law: Law | str) -> list[ReportBlock]:
    """What the study does not say."""
    items = []
    missing = len(results.trials) - sum(len(cell.measured) for cell in results.cells)
    if missing:
        items.append(f"{plural(missing, 'trial')} of {len(results.trials)} did not come to the end, and count nowhere.")
    undecided = []
    for cell in results.cells:
        comparison = results.against_best(cell)
        if comparison is not None and comparison.better is None:
            needed = comparison.seeds_needed
            undecided.append(
                f"{cell.cell.label} ({f'{needed} seeds may decide it' if needed else 'more seeds would not'})"
            )
    if len(undecided) > MOST_NAMED:
        items.append(f"Whether the best cell is better than {len(undecided)} of the others; the table says which.")
    elif undecided:
        items.append(f"Whether the best cell is better than {listed(undecided)}.")
    if isinstance(law, str):
        items.append(f"A law: {law}.")
    else:
        sizes, tokens = ([getattr(point, what) for point in law.points] for what in ("parameters", "tokens"))
        items.append(
            f"Anything beyond {FARTHEST:g} times what was measured, {min(sizes):,} to {max(sizes):,} parameters and "
            f"{min(tokens):,} to {max(tokens):,} tokens; and whether the form of the law is right at all."
        )
    items.append(
        "What holds for other corpora, vocabularies and recipes: the study varies what it names, and nothing else. "
        "With another learning rate or number of steps, other cells may be the best."
    )
    return [Heading("What is not known", 2), Bullets(tuple(Paragraph(item) for item in items))]


def _repeating(study: Study, file: str, text: str) -> list[ReportBlock]:
    commands = f"slmtui study {file}\nslmtui report {file} -o {study.name}.md"
    return [
        Heading("How to repeat it", 2),
        Paragraph("The same trials give the same numbers on the same machine and version; elsewhere, to rounding."),
        Code(commands, "sh"),
        Code(text, "toml", folded=f"The study: {file}"),
    ]

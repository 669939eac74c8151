"""The report on a study: its question, its design, what was found and how sure that is, and what is not known.

A function of the study's file and its runs, put together of the same blocks as a run's report.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from slmtui.config.phase import Phase
from slmtui.config.study import Study
from slmtui.insight.report.blocks import Bullets, Code, Figure, Heading, Paragraph, Report, ReportBlock, Table
from slmtui.runs.summary import RunSummary
from slmtui.studies.claims import cells_alike, judge_claims
from slmtui.studies.laws import FARTHEST, Law, fit_law, passes_of
from slmtui.studies.report_figures import cells_figure, curves_figure, law_figure
from slmtui.studies.results import CellResult, StudyResults, compare_cells
from slmtui.studies.statistics import Estimate
from slmtui.studies.tables import against_words, changed_corpus_words, interval_words, test_words
from slmtui.words import duration, listed, plural

FORMS = {
    "data": "L = E + A / N^α + B / D^β (Hoffmann et al. 2022)",
    "repeats": "L = E + A / N^α + B / D'^β, with D' = D + 15.39 D (1 − e^(−R/15.39)) of 1 + R passes over D tokens "
    "(Hoffmann et al. 2022; Muennighoff et al. 2023)",
    "joint": "L = (A / N^α + B / D)^β (Kaplan et al. 2020)",
}
MOST_NAMED = 4  # cells in a sentence
LONGEST_VALUE = 40  # characters of a value that is named
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
    sentences += _effects(results)
    others = [cell for cell in results.cells if cell is not best and cell.measured]
    shown = [cell for cell in others if (found := results.against_best(cell)) is not None and found.better]
    if others:
        sentences.append(_shown_words(len(shown), len(others)))
    counted = [verdict.word for verdict in judge_claims(results)]
    if counted:
        words = [(word, counted.count(word)) for word in ("supported", "contradicted", "not decided")]
        clauses = [f"{number} {'is' if number == 1 else 'are'} {word}" for word, number in words if number]
        sentences.append(f"Of {plural(len(counted), 'claim')} tested, {listed(clauses)}.")
    if isinstance(law, Law):
        sentences += _twice(law, best)
    return sentences


def _shown_words(shown: int, others: int) -> str:
    if not shown:
        return f"It is not shown to be better than {'the other' if others == 1 else f'any of the {others} others'}."
    which = (
        "the other" if others == 1 else f"all {others} others" if shown == others else f"{shown} of the {others} others"
    )
    return f"It is shown to be better than {which}."


def _beside_counting(best: CellResult) -> list[str]:
    """What counting alone reaches, with the best cell's training text and on the same validation text."""
    summary, estimate = best.measured[0].summary, best.estimate
    assert summary is not None
    adaptive = summary.judged == "adaptive"
    bits = summary.counting_adaptive_bits_per_byte if adaptive else summary.counting_bits_per_byte
    if bits is None or estimate is None:
        return []
    better = ", less than any cell, so these models have learned too little to be of use" * (bits < estimate.mean)
    sentence = f"Counting alone reaches {bits:.3f} with the same training text{better}"
    learning = summary.counting_adaptive_bits_per_byte
    if adaptive or learning is None or bits < estimate.mean:
        return [f"{sentence}."]
    return [f"{sentence}; counting that goes on learning while it reads, which no cell here does, {learning:.3f}."]


def _effects(results: StudyResults) -> list[str]:
    """What the most data of a model bring beside its least, and the largest model of the data beside the smallest."""
    sentences = []
    for section, what, unit in (("data.", "train_tokens", "training tokens"), ("model.", "parameters", "parameters")):
        other = "parameters" if what == "train_tokens" else "train_tokens"
        ranges = []
        for cells in cells_alike(results, but_for=section).values():
            known = [(getattr(_summary(cell), what), cell) for cell in cells if cell.estimate is not None]
            known.sort(key=lambda pair: pair[0])
            if len(known) > 1 and known[0][0] < known[-1][0]:
                ranges.append((getattr(_summary(known[-1][1]), other), known[0], known[-1]))
        if not ranges:
            continue
        fixed, (least, first), (most, last) = max(ranges, key=lambda each: each[0])
        assert first.estimate is not None
        assert last.estimate is not None
        with_what = f"{fixed:,} {'parameters' if other == 'parameters' else 'training tokens'}"
        comparison = compare_cells(last, first)
        by = "" if comparison is None else _by(comparison.difference)
        sentences.append(
            f"With {with_what}, {most / least:.3g} times the {unit} ({least:,} to {most:,}) take the loss from "
            f"{first.estimate.mean:.3f} to {last.estimate.mean:.3f}{by}."
        )
    return sentences


def _by(difference: Estimate) -> str:
    if difference.low is None or difference.high is None:
        return ""
    return f", a difference of {difference.mean:.3f} ({difference.low:.3f} to {difference.high:.3f})"


def _summary(cell: CellResult) -> RunSummary:
    summary = cell.measured[0].summary
    assert summary is not None
    return summary


def _twice(law: Law, cell: CellResult) -> list[str]:
    """What twice the text and twice the parameters of a cell would bring."""
    summary, passes = _summary(cell), passes_of(_summary(cell), cell.measured[0].trial.phase)
    n, d = summary.parameters, summary.train_tokens
    here, found = (n, d, passes), list[str]()
    for what, there in (("text", (n, 2 * d, passes / 2)), ("parameters", (2 * n, d, passes))):
        if (gain := law.gain(here, there)) is not None:
            found.append(f"twice its {what} would lower its loss by {gain[0]:.3f} ({gain[1]:.3f} to {gain[2]:.3f})")
    return [f"By the law, {listed(found)}."] if found else []


def _bounds(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" (95 %: {low:.3f} to {high:.3f})"


def _design(results: StudyResults) -> list[ReportBlock]:
    study = results.study
    measured = [trial for cell in results.cells for trial in cell.measured]
    text = (
        f"{plural(len(study.cells), 'cell')} with {plural(len(study.seeds), 'seed')} each, "
        f"{plural(len(study.trials), 'trial')} in all, of which {len(measured)} came to their end. {_varied(study)} "
        f"The base is {study.base}, with what the study's file sets in all trials (at the end of this page). "
        f"{_recipe(study)}"
    )
    blocks: list[ReportBlock] = [Heading("Design", 2), Paragraph(text)]
    first = next((trial for trial in measured if trial.summary is not None), None)
    if first is None or first.summary is None or first.blocks is None:
        return blocks
    n_bytes, seconds = sum(first.blocks.n_bytes), [trial.summary.seconds for trial in measured if trial.summary]
    judged = {
        "network": "the network",
        "static": "the network with static counts",
        "adaptive": "the network with counts that learn on",
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
            f"took {duration(min(seconds))} to {duration(max(seconds))} of time on the clock, "
            f"{duration(sum(seconds))} together. The intervals are for other seeds and for other text of the kind, at "
            "95 %; those against the best are for all comparisons at once."
        )
    )
    return blocks


def _varied(study: Study) -> str:
    """The keys that differ between cells, with their values, or the names of the variants that they make up."""
    variants = list(dict.fromkeys(cell.variant for cell in study.cells if cell.variant))
    values: dict[str, list[str]] = {}
    for cell in study.cells:
        for key, value in cell.values.items():
            if f"{value}" not in values.setdefault(key, []):
                values[key].append(f"{value}")
    of_variants = {key for key in values if _is_of_variants(study, key)}
    lists = [f"{key} is {listed(each)}" for key, each in values.items() if key not in of_variants and len(each) < 9]
    if variants:
        in_variants = {key for key, each in values.items() if any(len(value) > LONGEST_VALUE for value in each)}
        keys = sorted(of_variants | in_variants)
        lists = [text for text in lists if text.partition(" ")[0] not in in_variants]
        differ = "differ" if len(keys) > 1 else "differs"
        lists.append(f"{listed(keys)} {differ} between {listed(variants)}" if keys else f"variants: {listed(variants)}")
    return f"What varies: {'; '.join(lists)}." if lists else "Nothing varies but the seed."


def _is_of_variants(study: Study, key: str) -> bool:
    """Does a key differ between variants, and not within one, as a key of the grid does?"""
    found = {(cell.variant, f"{cell.values.get(key)}") for cell in study.cells}
    return len({value for _, value in found}) > 1 and len({variant for variant, _ in found}) == len(found)


def _recipe(study: Study) -> str:
    """How a trial is trained, as far as that is the same in all of them."""
    phases = [trial.phase for trial in study.trials]

    def same(of: Callable[[Phase], object]) -> bool:
        return len({str(of(phase)) for phase in phases}) == 1

    one, words = phases[0], list[str]()
    if same(lambda phase: phase.tokenizer):
        size = one.tokenizer.vocab_size
        words.append(f"a vocabulary of {one.tokenizer.kind}" + (f" ({size:,}), learned from its text" if size else ""))
    if same(lambda phase: phase.training.max_iters):
        words.append(f"{one.training.max_iters:,} steps")
    if same(lambda phase: (phase.training.batch_size, phase.model.block_size)):
        words.append(f"{one.training.batch_size} windows of {one.model.block_size:,} tokens a step")
    if same(lambda phase: (phase.training.learning_rate, phase.training.schedule)):
        words.append(f"a learning rate of {one.training.learning_rate:g} ({one.training.schedule})")
    if same(lambda phase: phase.evaluation.interval):
        words.append(f"an evaluation every {one.evaluation.interval:,} steps")
    return f"Each has {listed(words)}." if words else ""


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
        if name == "E" and law.form == "joint":
            continue  # it has none
        low, high = law.interval(name)  # type: ignore[arg-type]
        rows.append((sign, f"{getattr(law.fitted, name):.3g}", f"{low:.3g} to {high:.3g}"))
    return [
        Heading("The law", 2),
        Paragraph(
            f"{FORMS[law.form]}, in bits per byte, of N parameters and D training tokens, fitted to "
            f"{plural(len(law.points), 'cell')}. A cell that is left out is predicted with an error of {law.error:.3f} "
            f"(root mean square), where the seeds of a cell spread by {law.spread:.3f}; of the three forms that were "
            "fitted, this one has the smallest error."
        ),
        Table(("constant", "fitted", "95 %, over seeds"), tuple(rows)),
        Figure(
            law_figure(law),
            "The law with its intervals, and the cells that it is fitted to: a line for each number of parameters.",
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
    missing = sum(len(cell.trials) - len(cell.measured) - len(cell.on_other_text) for cell in results.cells)
    others = sum(len(cell.on_other_text) for cell in results.cells)
    if others:
        items.append(f"{plural(others, 'trial')} had another text than those of the cell that count; these do not.")
    if words := changed_corpus_words(results):
        items.append(f"How cells compare that had different texts: {words}.")
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
    if results.test is None:
        kept = any(trial.phase.data.test_fraction or trial.phase.data.test for trial in results.study.trials)
        tells = "the test side tells, once all trials are done" if kept else "a test side, data.test, would tell"
        items.append(
            "How much the choice flatters: each trial's checkpoint was chosen on the validation text that it is judged "
            f"on, so all losses are a little too low ({tells})."
        )
    items.append(
        "What holds for other corpora, vocabularies and recipes: the study varies what it names, and nothing else. "
        "With a learning rate or a number of steps that suits each cell, other cells may be the best."
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

"""The report on one run or many: a pure function of their folders, the same to the byte each time.

    write_report(build_report([run]), Path("report.html"))

What is said is put together here out of blocks; markdown and html write them out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from slmtui.atomic_files import atomic_write
from slmtui.errors import UserError
from slmtui.insight.report import sections
from slmtui.insight.report.blocks import Figure, Heading, Paragraph, Report, ReportBlock
from slmtui.insight.report.comparison import comparison
from slmtui.insight.report.figures import standalone
from slmtui.insight.report.html import to_html
from slmtui.insight.report.markdown import to_markdown
from slmtui.insight.report.run_facts import RunFacts, read_facts
from slmtui.insight.report.summary import next_steps, summary
from slmtui.insight.report.words import clipped
from slmtui.runs.run import Run

KINDS = (".md", ".html")


def build_report(runs: Sequence[Run], tell: Callable[[str, int], object] = lambda *_: None) -> Report:
    """RunError for a run that nothing can be reported on. tell: hears of which run is read, and its number."""
    facts = []
    for number, run in enumerate(dict.fromkeys(runs), start=1):
        tell(run.name, number)
        facts.append(read_facts(run))
    if len(facts) == 1:
        return Report(f"{facts[0].name}: {_title(facts[0])}", tuple(_run(facts[0], 2)))
    blocks: list[ReportBlock] = [*comparison(facts, 2)]
    for one in facts:
        blocks += [Heading(f"{one.name}: {_title(one)}", 2), *_run(one, 3)]
    return Report(f"{len(facts)} runs compared", tuple(blocks))


def _title(facts: RunFacts) -> str:
    return clipped(facts.phase.phase.title or facts.phase.phase.name, 100)


def _run(facts: RunFacts, level: int) -> list[ReportBlock]:
    blocks = [*summary(facts, level), *next_steps(facts, level)]
    if facts.phase.phase.description:
        blocks += [Heading("What was trained", level), Paragraph(facts.phase.phase.description)]
    for section in (sections.losses, sections.data, sections.samples, sections.by_heart, sections.warnings,
                    sections.configuration, sections.repeating):  # fmt: skip
        blocks += section(facts, level)
    return blocks


def refuse_other_kinds(path: Path) -> None:
    """UserError where the ending of a report's path says no kind."""
    if path.suffix not in KINDS:
        raise UserError(f"{path}: a report is written as {' or '.join(KINDS)}, and the ending says which")


def write_report(report: Report, path: Path) -> list[Path]:
    """Write one HTML file, or Markdown with its figures beside it, as the path's ending says; returns the files."""
    refuse_other_kinds(path)
    files: dict[Path, str] = {}
    if path.suffix == ".html":
        files[path] = to_html(report)
    else:
        figures = [block.svg for block in report.blocks if isinstance(block, Figure)]
        names = [f"{path.stem}-{number}.svg" for number in range(1, len(figures) + 1)]
        files = {path.with_name(name): standalone(svg) for name, svg in zip(names, figures, strict=True)}
        files[path] = to_markdown(report, names)
    try:
        for file, text in files.items():
            with atomic_write(file) as out:
                out.write(text.encode("utf-8", "replace"))
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    return list(files)

"""What became of each phase that was trained, for those who were not there: JUnit's XML, and GitHub's summary of a job.

JUnit's form is that of https://github.com/testmoapp/junitxml: a test suite for each phase, in it a test case for the
training and one for each limit of its gate. GitHub shows the Markdown that is appended to the file GITHUB_STEP_SUMMARY.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EISDIR
from pathlib import Path

from slmtui.atomic_files import atomic_write
from slmtui.data.baseline import Baseline
from slmtui.errors import UserError
from slmtui.files import is_folder
from slmtui.insight.report.blocks import Heading, Paragraph, Report, ReportBlock, Table
from slmtui.insight.report.markdown import to_markdown
from slmtui.insight.rules.gate import BestEvaluation, Limit
from slmtui.training import events
from slmtui.training.events import Finding, mixtures
from slmtui.training.gap import in_words
from slmtui.words import duration, number

SUMMARY = "GITHUB_STEP_SUMMARY"
NOT_BEGUN = "another training was refused, failed to start, or was interrupted"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Outcome:
    """Of one phase. A training that has begun and has no `finished` did not come to an end: `failure` says why."""

    name: str  # of the run; before there is one, of the phase; of the file, where that cannot be read
    best: BestEvaluation = field(default_factory=BestEvaluation)
    finished: events.RunFinished | None = None
    limits: Sequence[Limit] = ()
    findings: Sequence[Finding] = ()
    failure: str = ""  # of the training
    has_begun: bool = False  # not so after one that was refused or interrupted

    @property
    def seconds(self) -> float:
        return 0.0 if self.finished is None else self.finished.seconds


def refuse_unwritable(junit: Path) -> None:
    """UserError if the file cannot be written, before an hour is trained."""
    try:
        if is_folder(junit):
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        with suppress(_Tried), atomic_write(junit):
            raise _Tried
    except OSError as error:
        raise UserError(f"--junit: {junit}: cannot be written ({error.strerror})") from None


class _Tried(Exception):
    """So that what was there stays."""


def report_outcomes(outcomes: Sequence[Outcome], junit: Path | None) -> list[str]:
    """Write GitHub's summary, and JUnit's XML if a file is named; returns what is wrong where that cannot be done."""
    faults = [fault] if (fault := append_summary(outcomes)) else []
    if junit is not None:
        try:
            write_junit(junit, outcomes)
        except UserError as error:
            faults.append(f"--junit: {error}")
    return faults


def write_junit(path: Path, outcomes: Sequence[Outcome]) -> None:
    """UserError if the file cannot be written."""
    suites = ET.Element("testsuites", name="slmtui")
    for outcome in outcomes:
        suites.append(_suite(outcome))
    for attribute in ("tests", "failures", "errors", "skipped"):
        suites.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in suites)))
    suites.set("time", f"{sum(outcome.seconds for outcome in outcomes):.3f}")
    ET.indent(suites)
    try:
        with atomic_write(path) as file:
            file.write(ET.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def _suite(outcome: Outcome) -> ET.Element:
    name = _xml(outcome.name)
    suite = ET.Element("testsuite", name=name, tests=str(1 + len(outcome.limits)), time=f"{outcome.seconds:.3f}")
    training = ET.SubElement(suite, "testcase", name="training", classname=name, time=f"{outcome.seconds:.3f}")
    if not outcome.has_begun:
        ET.SubElement(training, "skipped", message=NOT_BEGUN)
    elif outcome.failure:
        ET.SubElement(training, "error", message=_xml(outcome.failure))
    elif outcome.best.evaluation is not None:
        best = outcome.best.evaluation
        ET.SubElement(
            training, "system-out"
        ).text = f"best: step {best.step:,}, {best.judged_bits_per_byte:.4f} bits per byte, gap {best.gap:+.4f}"
    for limit in outcome.limits:
        case = ET.SubElement(suite, "testcase", name=f"gate.{limit.key}", classname=name, time="0.000")
        if limit.kept:
            ET.SubElement(case, "system-out").text = _xml(limit.sentence)
        else:
            ET.SubElement(case, "failure", message=_xml(limit.sentence))
    suite.set("failures", str(sum(not limit.kept for limit in outcome.limits)))
    suite.set("errors", str(int(bool(outcome.failure))))
    suite.set("skipped", str(int(not outcome.has_begun)))
    return suite


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("�", text)


def append_summary(outcomes: Sequence[Outcome]) -> str | None:
    """Append to the file that GitHub names, if it names one; returns what is wrong if that cannot be done."""
    path = os.environ.get(SUMMARY)
    if not path:
        return None
    text = to_markdown(Report("slmtui", tuple(block for outcome in outcomes for block in _summary(outcome))), [])
    try:
        with Path(path).open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"{text}\n")
    except (OSError, ValueError) as error:
        return f"{SUMMARY}: {path!r} cannot be written ({getattr(error, 'strerror', None) or error})"
    return None


def _summary(outcome: Outcome) -> list[ReportBlock]:
    blocks: list[ReportBlock] = [Heading(outcome.name, 2)]
    if not outcome.has_begun:
        blocks.append(Paragraph(f"{NOT_BEGUN}.", lead="Not trained:"))
    elif outcome.failure:
        blocks.append(Paragraph(outcome.failure, lead="Training failed:"))
    elif outcome.finished is not None:
        words = f"{outcome.finished.reason} at step {outcome.finished.step:,} after {duration(outcome.seconds)}."
        passed = all(limit.kept for limit in outcome.limits)
        blocks.append(Paragraph(words, lead=f"Gate {'passed' if passed else 'failed'}:" if outcome.limits else ""))
    best, started = outcome.best.evaluation, outcome.best.started
    if best is not None:
        blocks.append(_losses(best, None if started is None else started.data.baseline))
        gap = in_words(best.gap, best.verdict)
        blocks.append(Paragraph(f"The best evaluation is that of step {best.step:,}; its gap is {gap}."))
    if outcome.limits:
        rows = tuple(("kept" if limit.kept else "not kept", limit.sentence) for limit in outcome.limits)
        blocks.append(Table(("limit", "found"), rows, left=frozenset({0, 1})))
    if outcome.findings:
        rows = tuple((found.title, found.evidence) for found in outcome.findings)
        blocks.append(Table(("finding", "evidence"), rows, left=frozenset({0, 1})))
    return blocks


def _losses(best: events.Evaluation, baseline: Baseline | None) -> Table:
    rows = [("network alone", number(best.bits_per_byte, ".3f"))]
    rows += [(name, number(bits, ".3f")) for name, _, bits in mixtures(best)]
    if baseline is not None:
        rows += [(f"to beat: {bar.model}", number(bar.bits_per_byte, ".3f")) for bar in baseline.bars]
    return Table(("predicts", "bits per byte"), tuple(rows))

"""`--cpu-durations=N`: the N tests, and the N files, that take most processor time, their subprocesses' included.

Wall time hangs on what else the machine does, and a test that waits for a terminal is slow without costing anything;
processor time is what makes a whole run long.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator

import pytest

SECONDS = "cpu_seconds"  # the name under which a process of xdist sends it to the one that reports
BEGAN = pytest.StashKey[float]()
_elsewhere = 0.0


def pytest_addoption(parser: pytest.Parser) -> None:
    help_text = "show the N tests and the N files that took most processor time"
    parser.addoption("--cpu-durations", type=int, default=0, metavar="N", help=help_text)


def add(seconds: float) -> None:
    """Count the processor time of a process that is not ours but works for the test."""
    global _elsewhere
    _elsewhere += seconds


def spent() -> float:
    """Seconds of processor time that this process and its subprocesses that have ended took so far."""
    return sum(os.times()[:4]) + _elsewhere


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[BEGAN] = spent()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Each report, of a set-up, a call or a tear-down, carries what was spent since the one before."""
    report = yield
    now = spent()
    report.user_properties = [(SECONDS, now - item.stash[BEGAN])]
    item.stash[BEGAN] = now
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Both lists, and the sum, if they were asked for."""
    most = config.getoption("cpu_durations")
    if not most:
        return
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            tests[getattr(report, "nodeid", "")] += dict(getattr(report, "user_properties", ())).get(SECONDS, 0.0)
    files: Counter[str] = Counter()
    for test, seconds in tests.items():
        files[test.partition("::")[0]] += seconds
    for title, counted in (("tests", tests), ("files", files)):
        terminalreporter.section(f"most processor time: {title}")
        for name, seconds in counted.most_common(most):
            terminalreporter.write_line(f"{seconds:7.2f} s  {name}")
    terminalreporter.write_line(f"{sum(files.values()):7.1f} s  all")

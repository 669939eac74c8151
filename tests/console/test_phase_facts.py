"""What workers find out about phases: the numbers of their datasets, or why there are none."""

from __future__ import annotations

from slmtui.console.workers.phase_facts import read_counts
from slmtui.insight.estimates import NoCounts
from tests.conftest import MakePhase


def test_a_source_in_the_home_of_nobody_is_missing(make_phase: MakePhase) -> None:
    phase = make_phase()
    data = phase.data.model_copy(update={"source": ("~no-such-user/texts",)})
    found = read_counts(phase.model_copy(update={"data": data}))
    assert isinstance(found, NoCounts)
    assert found.fault
    assert "~no-such-user/texts" in found.reason

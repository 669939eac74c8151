"""A run with counts that learn on, in words: static and adaptive stand wherever it is judged, and which decides."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.config.gate_section import GateSection
from slmtui.insight.report.build import build_report
from slmtui.insight.report.markdown import to_markdown
from slmtui.insight.rules.gate import BestEvaluation, limits_in_words
from slmtui.runs.lines import line_of, summary
from slmtui.runs.lines import test_line as words_of_test
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.training import events
from slmtui.training.data_record import data_record
from slmtui.training.events import Event
from tests.insight.sound import diagnose
from tests.insight.test_mixed_runs import DATA_FACTS, MIXED, NETWORK
from tests.written_runs import BITS, DATA, done_run, evaluations, finished, make_phase, started, write_run

PHASE = make_phase("both", model={"context_mixing": True}, training={"max_iters": 300})
ADAPTIVE = (4.0, 3.2, 3.0, 3.1)  # best at step 200
BARS = {"baseline_adaptive_bits_per_byte": 3.2 * BITS}
FACTS = DATA_FACTS | BARS


def adaptive_events(
    network: Sequence[tuple[float, float]] = NETWORK, adaptive: tuple[float, ...] = ADAPTIVE
) -> list[Event]:
    happened: list[Event] = [started(PHASE, **FACTS), *evaluations(network, mixed=MIXED, adaptive=adaptive)]
    return [*happened, finished(happened)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return write_run(tmp_path, "both-001", PHASE, adaptive_events())


def report(*runs: Run) -> str:
    return " ".join(to_markdown(build_report(list(runs)), ["a.svg", "b.svg", "c.svg"]).split())


def test_headless_lines_have_both_and_say_which_decides(run: Run) -> None:
    happened = list(run.events())
    last = [event for event in happened if isinstance(event, events.Evaluation)][-1]
    assert line_of(last, Progress()) == (
        f"step 300: train loss 1.0000, val loss 4.4000, gap +3.40 severe, {4.4 * BITS:.2f} bits/byte, "
        f"static val loss 3.6000, {3.6 * BITS:.2f} bits/byte, adaptive val loss 3.1000, {3.1 * BITS:.2f} bits/byte "
        "(decides)"
    )
    network = line_of(replace(last, decides="network"), Progress())
    assert network is not None
    assert f"{4.4 * BITS:.2f} bits/byte (decides), static" in network
    begun, end = happened[0], happened[-1]
    assert isinstance(begun, events.RunStarted)
    assert isinstance(end, events.RunFinished)
    lines = summary(run, begun, end, BestEvaluation.of(happened).evaluation)
    assert "best: step 200, val loss 4.2000" in lines[1]
    assert "adaptive val loss 3.0000" in lines[1]
    assert lines[2] == (
        "baseline: a 4-gram model has 3.9000 on the same split; the best network is 0.30 nats worse: counting "
        "does better; static, 0.20 nats better than counting alone; adaptive, 0.20 nats better than an adaptive "
        "context mixer"
    )


def test_the_first_line_says_what_there_is_to_beat() -> None:
    line = line_of(adaptive_events()[0], Progress())
    assert line is not None
    assert line.splitlines()[1] == (
        f"to beat: counting (4-gram) {3.9 * BITS:.2f} bits/byte; counting, adaptive {3.2 * BITS:.2f} bits/byte"
    )


def final_test() -> events.FinalTest:
    return events.FinalTest(
        step=300, best_step=200, tokens=100, test_loss=4.0, bits_per_byte=4 * BITS, mixed_loss=3.5,
        mixed_bits_per_byte=3.5 * BITS, adaptive_loss=3.0, adaptive_bits_per_byte=3 * BITS, decides="adaptive",
    )  # fmt: skip


def test_the_test_side_has_all_three(run: Run, tmp_path: Path) -> None:
    words = words_of_test(final_test())
    assert words == (
        f"loss 4.0000, {4 * BITS:.2f} bits/byte, static loss 3.5000, {3.5 * BITS:.2f} bits/byte, "
        f"adaptive loss 3.0000, {3 * BITS:.2f} bits/byte (decides)"
    )
    *happened, end = adaptive_events()
    whole = write_run(tmp_path, "whole-001", PHASE, [*happened, final_test(), end])
    found = summarise(whole)[0]
    assert (found.test_loss, found.test_mixed_loss, found.test_adaptive_loss) == (4.0, 3.5, 3.0)
    assert (
        f"has 3.0000 nats per token, {3 * BITS:.2f} bits per byte, adaptive; the network alone has 4.0000 nats per "
        f"token, {4 * BITS:.2f} bits per byte and static has 3.5000" in report(whole)
    )


def test_the_gate_judges_what_decides() -> None:
    best = BestEvaluation.of(adaptive_events())
    assert limits_in_words(GateSection(max_val_loss=2.9), best) == [
        (False, "max_val_loss = 2.9 is not kept: 3.0000, adaptive at the best evaluation")
    ]
    assert all(kept for kept, _ in limits_in_words(GateSection(max_bits_per_byte=3.01 * BITS), best))


def test_the_list_of_runs_has_both_and_which_decides(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done_run(tmp_path, "plain-001")
    assert main(["runs", "--checkpoints", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = dict(zip(*(re.split(" {2,}", line) for line in lines[:2]), strict=True))
    assert (shown["b/byte"], shown["net b/byte"]) == (f"{3 * BITS:.2f}", f"{4.2 * BITS:.2f}"), "of what decides first"
    header, both, plain = map(str.split, lines)
    assert header[-8:] == ["static", "static", "b/byte", "adaptive", "adaptive", "b/byte", "decides", "counting"]
    assert both[-6:] == ["3.7000", f"{3.7 * BITS:.2f}", "3.0000", f"{3 * BITS:.2f}", "adaptive", "3.9000"]
    assert plain[-6:] == ["–", "–", "–", "–", "network", "–"]
    assert main(["runs", "--checkpoints", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (found["best_mixed_loss"], found["best_adaptive_loss"], found["judged"]) == (3.7, 3.0, "adaptive")
    assert found["judged_loss"] == 3.0


def test_the_report_has_all_three(run: Run) -> None:
    text = report(run)
    assert (
        f"adaptive validation loss was lowest at step 200: 3.0000 nats per token, {3 * BITS:.2f} bits per byte; the "
        f"network alone has 4.2000, {4.2 * BITS:.2f} bits per byte and static has 3.7000" in text
    )
    assert "| step | train | val | gap | verdict | bits/byte | static | static bits/byte | adaptive |" in text
    assert f"| 3.7000 | {3.7 * BITS:.2f} | 3.0000 | {3 * BITS:.2f} | best |" in text
    assert "the best goes by “adaptive”" in text
    assert "It has the lowest adaptive validation loss of the run." in text
    assert "set model.ngram_mix below" not in text
    assert (
        f"**Verdict:** Together with counts that learn on, the network reaches {3 * BITS:.2f} bits per byte, below "
        f"counting alone (an adaptive context mixer, {3.2 * BITS:.2f}); alone it reaches {4.2 * BITS:.2f}; after step "
        "200 it overfitted. " in text
    )
    assert (
        "With counts mixed in, static, it is 0.20 nats better than counting alone and adaptive, it is 0.20 nats better "
        "than an adaptive context mixer." in text
    )
    for name, loss in (("counting, adaptive", 3.2), ("counting (4-gram)", 3.9)):
        assert f"| {name} | {loss:.4f} | {loss * BITS:.2f} |" in text


def test_a_network_that_only_copies_from_earlier_validation_text_is_not_called_better() -> None:
    """Its window sees earlier documents, which counting that learns no more does not: beside that it looks good."""
    copies = [(6.6, 6.6), (3.0, 3.0), (2.0, 2.9), (1.0, 3.0)]
    (found,) = [one for one in diagnose(adaptive_events(copies, (4.0, 3.5, 3.3, 3.4))) if one.code == "above_baseline"]
    assert found.title == "adaptive counting does better"
    assert found.evidence == (
        "the val loss of the network alone is 2.90, and a 4-gram model has 3.90; adaptive, the mixture has 3.30, and "
        "an adaptive context mixer alone 3.20"
    )
    for adaptive in (3.205, 3.1):  # a tie, and better
        happened = adaptive_events(copies, (4.0, 3.5, adaptive, 3.4))
        assert "above_baseline" not in {one.code for one in diagnose(happened)}


@pytest.mark.parametrize(("adaptive", "words"), [(3.0, "0.20 nats better"), (3.3, "0.10 nats worse")])
def test_a_network_that_counting_beats_is_told_how_its_mixture_does(adaptive: float, words: str) -> None:
    happened = adaptive_events(adaptive=(4.0, 3.9, adaptive, 3.8))
    (found,) = [one for one in diagnose(happened) if one.code == "above_baseline"]
    assert found.evidence == (
        "the val loss of the network alone is 4.20; on the same tokens, a 4-gram model has 3.90, and the network "
        f"mixed with counts that learn on {adaptive:.2f}, {words} than an adaptive context mixer, which has 3.20"
    )
    assert found.remedy.startswith("use it mixed only" if "better" in words else "counting alone would do")


def test_a_comparison_ranks_by_what_decides_and_says_so(run: Run, tmp_path: Path) -> None:
    plain = done_run(tmp_path, "plain-001", ((6.6, 6.6), (3.0, 3.5)), **DATA_FACTS)
    text = report(plain, run)
    assert f"both-001 is best with {3 * BITS:.2f} bits per byte, {0.5 * BITS:.2f} ahead of plain-001." in text
    assert "Of both-001, the adaptive loss is compared, with counts mixed in." in text
    assert "| static | static margin | adaptive | adaptive margin |" in text


def test_static_counts_that_hurt_are_no_reason_to_mix_less_of_an_ngram_model() -> None:
    happened = [started(PHASE, **FACTS), *evaluations(NETWORK, mixed=(9.0, 8.0, 7.0, 6.0), adaptive=ADAPTIVE)]
    found = diagnose([*happened, finished(happened)], data_record(**DATA | DATA_FACTS).facts)
    assert "mixture" not in {one.code for one in found}

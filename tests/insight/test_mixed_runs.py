"""A run that predicts with a mixture, in words: both numbers stand wherever it is judged, beside the n-gram model's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from slmtui.cli import main
from slmtui.config.gate_section import GateSection
from slmtui.insight.report.build import build_report
from slmtui.insight.report.markdown import to_markdown
from slmtui.insight.rules.gate import BestEvaluation, Limit, limits_in_words
from slmtui.insight.rules.run_trace import RunTrace
from slmtui.runs.lines import line_of, summary
from slmtui.runs.progress import Progress
from slmtui.runs.run import Run
from slmtui.runs.summary import summarise
from slmtui.training import events
from slmtui.training.data_record import data_record
from slmtui.training.events import Event
from tests.insight.sound import diagnose
from tests.written_runs import BITS, DATA, done_run, evaluations, finished, make_phase, started, write_run

DATA_FACTS: dict[str, Any] = {
    "baseline": 3.9, "baseline_order": 4, "unigram": 5.1, "repeated_share": 0.1, "longest_repeat": 20,
    "longest_train": "a.py:12", "longest_val": "b.py:88", "unseen_share": 0.02, "duplicate_share": 0.0,
    "used_tokens": 751,
}  # fmt: skip
NETWORK = [(6.6, 6.6), (3.0, 4.5), (2.0, 4.2), (1.0, 4.4)]  # best at step 200
MIXED = (4.8, 4.0, 3.7, 3.6)  # best at step 300


def mixed_events(mixed: tuple[float, ...] = MIXED) -> list[Event]:
    phase = make_phase("both", model={"ngram_mix": 0.4}, training={"max_iters": 300})
    happened: list[Event] = [started(phase, **DATA_FACTS), *evaluations(NETWORK, mixed=mixed)]
    return [*happened, finished(happened)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    happened = mixed_events()
    assert isinstance(happened[0], events.RunStarted)
    return write_run(tmp_path, "both-001", make_phase("both", model={"ngram_mix": 0.4}), happened)


def report(*runs: Run) -> str:
    return " ".join(to_markdown(build_report(list(runs)), ["a.svg", "b.svg", "c.svg"]).split())


def test_headless_lines_have_both(run: Run) -> None:
    happened = list(run.events())
    best = [event for event in happened if isinstance(event, events.Evaluation)][-1]
    assert line_of(best, Progress()) == (
        f"step 300: train loss 1.0000, val loss 4.4000, gap +3.40 severe, {4.4 * BITS:.2f} bits/byte, "
        f"mixed val loss 3.6000, {3.6 * BITS:.2f} bits/byte"
    )
    started_, finished_ = happened[0], happened[-1]
    assert isinstance(started_, events.RunStarted)
    assert isinstance(finished_, events.RunFinished)
    lines = summary(run, started_, finished_, best)
    assert f"val loss 4.4000, gap +3.40 severe, {4.4 * BITS:.2f} bits/byte, mixed val loss 3.6000" in lines[1]
    assert lines[2] == (
        "baseline: a 4-gram model has 3.9000 on the same split; the best network is 0.50 nats worse: counting does "
        "better; the mixture, 0.30 nats better than counting alone"
    )


def test_the_list_of_runs_has_both_and_ranks_by_what_is_predicted_with(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, _ = summarise(run)
    assert (found.best_step, found.best_val_loss, found.best_mixed_loss, found.baseline) == (300, 4.4, 3.6, 3.9)
    assert found.judged_bits_per_byte == found.mixed_bits_per_byte == pytest.approx(3.6 * BITS)
    done_run(tmp_path, "plain-001")
    assert main(["runs", "--checkpoints", str(tmp_path)]) == 0
    header, both, plain = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header[-4:] == ["mixed", "mixed", "b/byte", "counting"]
    assert both[-3:] == ["3.6000", f"{3.6 * BITS:.2f}", "3.9000"]
    assert plain[-3:] == ["–", "–", "–"]
    assert main(["runs", "--checkpoints", str(tmp_path), "--json"]) == 0
    both_json, plain_json = map(json.loads, capsys.readouterr().out.splitlines())
    assert (both_json["best_val_loss"], both_json["best_mixed_loss"]) == (4.4, 3.6)
    assert plain_json["best_mixed_loss"] is None
    assert plain_json["judged_bits_per_byte"] == plain_json["bits_per_byte"]
    run.delete()
    assert main(["runs", "--checkpoints", str(tmp_path)]) == 0
    assert "mixed" not in capsys.readouterr().out


def test_the_gate_judges_the_mixture() -> None:
    best = BestEvaluation.of(mixed_events())

    def words(**limits: float) -> list[Limit]:
        return limits_in_words(GateSection(**limits), best)

    assert all(kept for kept, _ in words(max_val_loss=3.6, max_bits_per_byte=3.61 * BITS))
    assert words(max_val_loss=3.5) == [(False, "max_val_loss = 3.5 is not kept: 3.6000, mixed at the best evaluation")]
    assert words(max_gap=1.0) == [(False, "max_gap = 1 is not kept: 3.4000 at the best evaluation")], "the network's"


def test_the_diagnosis_judges_the_network_alone_and_says_what_the_mixture_does() -> None:
    facts = data_record(**DATA | DATA_FACTS).facts
    (better,) = [one for one in diagnose(mixed_events(), facts) if one.code == "above_baseline"]
    assert better.title == "counting does better than the network alone"
    assert better.evidence == (
        "the val loss of the network alone is 4.40; on the same tokens, a 4-gram model has 3.90, and the network "
        "mixed with an n-gram model 3.60, 0.30 nats better than counting alone"
    )
    assert better.remedy.startswith("use it mixed only")
    (worse,) = [o for o in diagnose(mixed_events((5.0, 4.3, 4.2, 4.1)), facts) if o.code == "above_baseline"]
    assert worse.remedy.startswith("counting alone would do")
    low = data_record(**DATA | DATA_FACTS | {"baseline": 4.5}).facts
    assert "above_baseline" not in {one.code for one in diagnose(mixed_events(), low)}


@pytest.mark.parametrize(
    ("mixed", "words"),
    [
        (3.8905, "as good as"),
        (3.9095, "as good as"),
        (3.8895, "0.01 nats better than"),
        (3.9105, "0.01 nats worse than"),
    ],
)
def test_a_tie_of_mixing_and_counting_is_called_one_wherever_it_is_judged(
    mixed: float, words: str, tmp_path: Path
) -> None:
    happened = mixed_events((4.8, 4.2, 4.0, mixed))
    phase = make_phase("both", model={"ngram_mix": 0.4})
    run = write_run(tmp_path, "both-001", phase, happened)
    begun, *_, end = happened
    assert isinstance(begun, events.RunStarted)
    assert isinstance(end, events.RunFinished)
    lines = summary(run, begun, end, BestEvaluation.of(happened).evaluation)
    assert lines[2].endswith(f"; the mixture, {words} counting alone")
    text, word = report(run), words.replace("0.01 nats ", "").rsplit(" ", 1)[0]
    stands = {"as good": "no better than", "better": "below", "worse": "above"}[word]
    assert f"bits per byte, {stands} counting alone (a 4-gram model, {3.9 * BITS:.2f})" in text
    assert f"Mixed with an n-gram model (0.4 of each prediction), it is {words} counting alone." in text
    (found,) = [one for one in diagnose(happened, begun.data.facts) if one.code == "above_baseline"]
    assert found.evidence.endswith(f"and the network mixed with an n-gram model {mixed:.2f}, {words} counting alone")
    assert found.remedy.startswith("use it mixed only" if "better" in words else "counting alone would do")


@pytest.mark.parametrize(("above", "worse"), [(0.005, False), (0.02, True)])
def test_a_mixture_that_is_as_good_as_the_network_does_not_hurt(above: float, worse: bool) -> None:
    best = NETWORK[2][1]
    found = diagnose(mixed_events((6.6, 4.6, best + above, 4.5)), data_record(**DATA | DATA_FACTS).facts)
    assert ("mixture" in {one.code for one in found}) == worse


def test_the_report_has_both_beside_the_ngram_model(run: Run) -> None:
    text = report(run)
    assert (
        f"mixed validation loss was lowest at step 300: 3.6000 nats per token, {3.6 * BITS:.2f} bits per byte; the "
        f"network alone has 4.4000, {4.4 * BITS:.2f} bits per byte." in text
    )
    assert (
        "the network alone is 0.50 nats worse. It has learned less than a table of counts. Mixed with an n-gram model "
        "(0.4 of each prediction), it is 0.30 nats better than counting alone." in text
    )
    assert "| step | train | val | gap | verdict | bits/byte | mixed | mixed bits/byte | |" in text
    assert f"| 300 | 1.0000 | 4.4000 | +3.40 | severe | {4.4 * BITS:.2f} | 3.6000 | {3.6 * BITS:.2f} | best |" in text
    assert "| mixed with an n-gram model | 3.6000 |" in text
    assert "It has the lowest mixed validation loss of the run." in text


def test_a_comparison_ranks_by_the_mixture_and_says_so(run: Run, tmp_path: Path) -> None:
    plain = done_run(tmp_path, "plain-001", ((6.6, 6.6), (3.0, 4.1)), **DATA_FACTS)
    text = report(plain, run)
    assert f"both-001 is best with {3.6 * BITS:.2f} bits per byte, {0.5 * BITS:.2f} ahead of plain-001." in text
    assert "Of both-001, the mixture with an n-gram model is compared, not the network alone." in text
    lines = to_markdown(build_report([plain, run]), ["a", "b", "c"]).splitlines()
    row = next(line for line in lines if line.startswith("| both"))
    cells = [cell.strip() for cell in row.split("|")]
    for value in (4.4 * BITS, 3.9 * BITS, 3.6 * BITS):
        assert f"{value:.2f}" in cells
    assert f"+{0.5 * BITS:.2f}" in cells
    assert f"−{0.3 * BITS:.2f}" in cells


def test_a_mixture_that_hurts_is_not_what_is_compared(tmp_path: Path) -> None:
    phase = make_phase("hurt")
    happened = [started(phase, **DATA_FACTS), *evaluations([(6.6, 6.6), (3.0, 4.1)], mixed=(6.6, 4.5))]
    hurt = write_run(tmp_path, "hurt-001", phase, [*happened, finished(happened)])
    plain = done_run(tmp_path, "plain-001", ((6.6, 6.6), (3.0, 4.1)), **DATA_FACTS)
    assert "the mixture with an n-gram model is compared" not in report(plain, hurt)


def test_a_rise_of_the_network_alone_is_no_end_of_the_best(run: Run) -> None:
    """The network was best at step 200, the mixture improves to the end: best.pt holds that."""
    trace = RunTrace(run.events())
    assert trace.best is not None
    assert (trace.best.step, trace.since_best) == (300, 0)
    assert "training ended while it was still improving" in report(run)

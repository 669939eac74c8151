"""Reports: what they say of a log written by hand, that they say it the same each time."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from slmtui.cli import main
from slmtui.config.phase_file import parse_phase
from slmtui.errors import UserError
from slmtui.insight.report.build import build_report, write_report
from slmtui.insight.report.html import to_html
from slmtui.insight.report.markdown import to_markdown
from slmtui.runs.run import Run, RunError
from slmtui.training import events
from slmtui.training.events import Event
from tests.written_runs import BEGAN, BITS, done_run, evaluations, finished, make_phase, started, write_run

GOLDEN = Path(__file__).parent / "golden_report.md"
DATA_FACTS: dict[str, Any] = {  # as insight/watch.py writes them
    "baseline": 3.9, "baseline_order": 7, "baseline_unigram": 5.2, "unigram": 5.1,
    "repeated_share": 0.964, "longest_repeat": 214,
    "longest_train": "a.py:12", "longest_val": "b.py:88", "unseen_share": 0.02, "duplicate_share": 0.0,
    "used_tokens": 751,
}  # fmt: skip
JUDGEMENT = {
    "label": "copy", "parses": True, "longest_copy": 31, "copied_from": "a.py:12", "made_up": ["get_gets"],
    "doubled": [],
}  # fmt: skip


def telling_run(checkpoints: Path, name: str = "phase2-001") -> Run:
    """A run that has something for every section to say."""
    phase = make_phase(
        "phase2",
        phase={"title": "Tiny: finding the balance", "description": "5,000 tokens.", "hypothesis": "It generalises."},
        gate={"max_gap": 0.5},
        evaluation={"interval": 100, "method": "sampled"},
        training={"max_iters": 300},
    )
    happened: list[Event] = [started(phase, **DATA_FACTS, notes=["a note on the data"])]
    happened += [
        events.Step(step=n, time=BEGAN + n / 100, loss=7 - n / 100, learning_rate=1e-3, grad_norm=1.0, tokens=64 * n)
        for n in range(1, 301)
    ]
    happened += evaluations([(6.6, 6.6), (3.0, 4.5), (2.0, 4.2), (1.0, 5.0)])
    happened += [
        events.Warned(step=300, time=BEGAN, code="gap", message="the gap is severe, 4.00", advice="more text"),
        events.Changed(step=200, time=BEGAN, key="learning_rate", value=5e-4, was=1e-3),
        events.Sample(step=300, time=BEGAN, prompt="def get_", text="gets(x):\n    return x\n", judgement=JUDGEMENT),
    ]
    return write_run(checkpoints, name, phase, [*happened, finished(happened)])


def markdown(*runs: Run) -> str:
    return to_markdown(build_report(runs), [])


def test_a_report_says_what_the_log_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remake the golden file with REMAKE_GOLDEN=1, and read what has changed."""
    monkeypatch.chdir(tmp_path)
    text = markdown(telling_run(Path("checkpoints")))
    if os.environ.get("REMAKE_GOLDEN"):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_two_renderings_are_equal_to_the_byte(tmp_path: Path) -> None:
    runs = [telling_run(tmp_path), done_run(tmp_path, "phase2-002")]
    here = write_report(build_report(runs), tmp_path / "report.md")
    assert [path.name for path in here] == ["report-1.svg", "report-2.svg", "report-3.svg", "report.md"]
    (there := tmp_path / "there").mkdir()
    command = [sys.executable, "-m", "slmtui", "report", *(run.name for run in runs)]
    command += ["--checkpoints", str(tmp_path), "-o", str(there / "report.md")]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"})
    for path in here:
        assert path.read_bytes() == (there / path.name).read_bytes()


def test_figures_are_svg_that_holds_the_curves(tmp_path: Path) -> None:
    files = write_report(build_report([telling_run(tmp_path)]), tmp_path / "report.md")
    svg = ElementTree.fromstring((tmp_path / "report-1.svg").read_text())
    words = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert {"train", "val", "best 4.20", "7-gram 3.90", "steps", "excellent"} <= set(words)
    assert "![Training and validation loss" in files[-1].read_text()
    assert "(report-1.svg)" in files[-1].read_text()


@pytest.mark.parametrize(
    ("training", "options"),
    [
        ({"threads": "auto", "precision": "auto"}, " --set training.threads=2 --set training.precision=fp32"),
        ({"threads": 1, "precision": "auto"}, " --set training.precision=fp32"),
        ({"threads": 1, "precision": "fp32"}, ""),
    ],
)
def test_the_command_that_repeats_a_run_fixes_what_was_measured(
    tmp_path: Path, training: dict[str, Any], options: str
) -> None:
    phase = make_phase("tiny", training=training)
    run = write_run(tmp_path, "tiny-001", phase, [started(phase), *evaluations([(3.0, 3.0)])])
    assert f"\nslmtui --headless phases/tiny.toml{options}\n" in markdown(run)


def test_runs_on_one_text_are_ranked_in_bits_per_byte(tmp_path: Path) -> None:
    small = done_run(tmp_path, "small-001", losses=[(2.0, 2.0)])
    # Fewer nats per token, but of more and shorter tokens: worse by the byte.
    large = done_run(tmp_path, "large-001", losses=[(1.9, 1.9)], tokenizer="bpe", n_vocab=512)
    log = large.log_file.read_text().replace('"bits_per_byte":1.0', '"bits_per_byte":1.9')
    large.log_file.write_text(log)
    text = markdown(large, small)
    assert text.index("| small-001") < text.index("| large-001")
    assert "small-001 is best with 1.15 bits per byte" in text
    assert "Their vocabularies differ" in text
    assert "best val" not in text.split("## large-001")[0]
    assert "Not comparable" not in text


def test_an_untrained_best_is_neither_praised_nor_recommended(tmp_path: Path) -> None:
    text = markdown(done_run(tmp_path, "a-001", [(6.6, 6.6), (9.0, 9.1), (9.5, 9.6)], reason="diverged"))
    assert (
        " its network has learned nothing, since no step made" in text.lower().split("**verdict:**")[1].splitlines()[0]
    )
    assert "Use best.pt" not in text.split("## What to do next")[1]


def test_runs_on_different_texts_are_each_held_against_counting(tmp_path: Path) -> None:
    near = done_run(tmp_path, "near-001", [(2.0, 2.1)], baseline=2.0, baseline_order=3)
    far = done_run(tmp_path, "far-001", [(2.0, 4.0)], val_text="b" * 64, baseline=2.0, baseline_order=3)
    said = "none of 2 does better than counting in its own text; near-001 comes nearest, 0.06 bits per byte"
    assert said in markdown(near, far)
    ahead = done_run(tmp_path, "ahead-001", [(1.0, 1.0)], val_text="c" * 64, baseline=2.0, baseline_order=3)
    said = "1 of 2 do better than counting in their own text: ahead-001; ahead-001 by most, 0.58 bits per byte."
    assert said in markdown(ahead, far)


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        ([(6.6, 6.6), (3.0, 3.5), (2.5, 3.52)], "above the best by no more than evaluations waver"),
        ([(6.6, 6.6), (3.0, 3.5), (2.5, 3.9)], "From step 100 on it memorised its training text."),
        ([(6.6, 6.6), (3.0, 3.5), (3.5, 3.9)], "the training became unstable"),
        ([(6.6, 6.6), (3.0, 3.5)], "it was still improving"),
    ],
)
def test_what_became_of_it_after_the_best(tmp_path: Path, losses: list[tuple[float, float]], said: str) -> None:
    assert said in markdown(done_run(tmp_path, "phase1-001", losses))


def test_the_verdict_is_one_sentence_with_the_worst_first(tmp_path: Path) -> None:
    text = markdown(done_run(tmp_path, "a-001", [(6.6, 6.6), (3.0, 3.5)], baseline=3.0, baseline_order=2))
    assert (
        f"{3.5 * BITS:.2f} bits per byte, above counting alone (a 2-gram model, {3 * BITS:.2f}), which predicts" in text
    )
    assert "gap of +0.50: small, but no praise, as counting does better than the network alone." in text
    slow = done_run(tmp_path, "c-001", [(6.6, 6.6), (6.4, 6.5)], baseline=3.0, baseline_order=2)
    assert "**Verdict:** Its network has learned next to nothing. What is wrong, " in markdown(slow)
    overfitted = [(6.6, 6.6), (3.0, 3.5), (2.0, 4.0), (1.5, 4.5), (1.0, 5.0)]
    text = markdown(done_run(tmp_path, "b-001", overfitted, baseline=3.6, baseline_order=2))
    assert f"below counting alone (a 2-gram model, {3.6 * BITS:.2f}); after step 100 it overfitted. What is " in text
    assert "slmtui suggest" not in text.split("## What was trained")[0]


def test_sides_without_a_common_token_are_told_so(tmp_path: Path) -> None:
    text = markdown(done_run(tmp_path, "a-001", [(6.6, 6.6), (3.0, 3.5)], baseline=4.0, baseline_order=2))
    assert "Both sides have no token in common" in text
    assert "0 tokens: repeats" not in text


def test_equal_within_what_can_be_measured_is_neither_better_nor_worse(tmp_path: Path) -> None:
    text = markdown(done_run(tmp_path, "a-001", [(6.6, 6.6), (3.0, 3.504)], baseline=3.5, baseline_order=2))
    assert f"bits per byte, no better than counting alone (a 2-gram model, {3.5 * BITS:.2f})" in text
    assert "this model is as good.\n" in text
    better = done_run(tmp_path, "b-001", [(6.6, 6.6), (3.0, 3.4)], baseline=3.5, baseline_order=2)
    tie = Run(tmp_path / "a-001")
    assert (
        "1 of 2 do better than counting in their own text: b-001; b-001 by most, 0.06 bits per byte. a-001 is "
        "as good." in markdown(tie, better)
    )
    assert "none of 2 does better than counting in its own text. c-001 and a-001 are as good." in markdown(
        tie, done_run(tmp_path, "c-001", [(6.6, 6.6), (3.0, 3.496)], baseline=3.5, baseline_order=2)
    )


def test_a_handful_of_validation_tokens_gives_no_verdict(tmp_path: Path) -> None:
    text = markdown(done_run(tmp_path, "a-001", [(6.6, 6.6), (3.0, 3.5)], baseline=4.0, baseline_order=2, val_tokens=5))
    assert "**Verdict:** None, since 5 validation tokens are too few to judge by." in text
    assert "which makes a gap of +0.50: of no meaning, since so few tokens say nothing." in text


@pytest.mark.parametrize("inside", [True, False])
def test_the_phase_it_has_suggested_is_of_the_same_data(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], inside: bool
) -> None:
    """What the report says to type works, and keeps to all that the phase says of its data."""
    project = tmp_path if inside else tmp_path / "project"
    project.mkdir(exist_ok=True)
    monkeypatch.chdir(project)
    source = corpus.name if inside else str(corpus)
    chosen = {"source": source, "exclude": ["orders.py"], "train_fraction": 0.7}
    phase = make_phase("phase1", data=chosen)
    happened: list[Event] = [started(phase, baseline=3.0, baseline_order=2), *evaluations([(6.6, 6.6), (3.0, 3.5)])]
    run = write_run(Path("the runs"), "phase1-001", phase, [*happened, finished(happened)])
    (command,) = re.findall(r"write the next phase:\*\* `(slmtui suggest .*? -o phases/next\.toml)`\.", markdown(run))
    assert main(shlex.split(command)[1:]) == 0, capsys.readouterr().err
    data = parse_phase(Path("phases/next.toml").read_text()).data
    assert (data.exclude, data.train_fraction, data.source) == (("orders.py",), 0.7, (source,))


def test_a_phase_that_slmtui_has_suggested_is_not_to_be_suggested_again(tmp_path: Path) -> None:
    own, suggested = (done_run(tmp_path, name, [(6.6, 6.6), (6.5, 6.5)]) for name in ("own-001", "suggested-own-001"))
    assert "Let slmtui write the next phase" in markdown(own)
    assert "Let slmtui write the next phase" not in markdown(suggested)


@pytest.mark.parametrize(("longest", "shortest", "said"), [(15, 16, False), (16, 16, True), (16, 60, False)])
@pytest.mark.parametrize("old", [True, False])
def test_a_copy_is_as_long_as_everywhere_else(
    tmp_path: Path, longest: int, shortest: int, said: bool, old: bool
) -> None:
    """Older logs do not say how many tokens make one; they were 16."""
    known = {} if old and shortest == 16 else {"shortest_copy": shortest}
    judgement = JUDGEMENT | {"label": "domain", "longest_copy": longest} | known
    sample = events.Sample(step=0, prompt="def ", text="f", judgement=judgement)
    phase = make_phase("phase1")
    run = write_run(tmp_path, "phase1-001", phase, [started(phase), *evaluations([(6.6, 6.6)]), sample])
    assert ("longest copy" in markdown(run)) == said


def test_the_command_that_goes_on_names_the_folder(tmp_path: Path) -> None:
    run = done_run(tmp_path / "old", "phase1-001", [(6.6, 6.6), (3.0, 3.5)], reason=None)
    command = f"slmtui --headless --resume phase1-001 --checkpoints {tmp_path / 'old'}"
    assert f"go on with it:** `{command}`." in markdown(run)
    assert f"go on with it:</strong> <code>{command}</code>." in to_html(build_report([run]))


def test_a_run_that_is_being_trained_has_not_ended(tmp_path: Path) -> None:
    run = done_run(tmp_path, "phase1-001", [(6.6, 6.6), (3.0, 3.5)], reason=None)
    lock = run.lock()
    try:
        text = markdown(run)
    finally:
        lock.release()
    assert "It is still being trained, at step" in text
    assert "training ended" not in text
    assert "--resume" not in text
    assert "Its log breaks off at step" in markdown(run)


def test_runs_on_different_texts_are_never_compared_silently(tmp_path: Path) -> None:
    text = markdown(done_run(tmp_path, "a-001"), done_run(tmp_path, "b-001", val_text="b" * 64))
    head = text.split("## a-001")[0]
    assert "Not comparable as a whole." in head
    assert "is best" not in head
    assert [row.split("|")[2].strip() for row in head.splitlines() if row.startswith(("| a-", "| b-"))] == ["1", "2"]


@pytest.mark.parametrize(
    ("losses", "reason", "said"),
    [
        ([(6.6, 6.6), (3.0, 3.5)], "completed", "Use best.pt, step 100."),
        ([(6.6, 6.6), (3.0, 3.5), (2.0, 4.0), (1.5, 4.5), (1.0, 5.0)], "completed", "Because: overfitting."),
        ([(6.6, 6.6), (3.0, 3.5), (5.0, 5.5), (5.2, 5.6)], "completed", "Because: learning rate too high."),
        ([(6.6, 6.6), (3.0, 3.5)], "interrupted", "go on with it"),
        ([(6.6, 6.6), (3.0, 3.5)], None, "go on with it"),
        ([(6.6, 6.6), (3.0, 3.5)], "failed", "go on with it"),
        ([(6.6, 6.6), (3.0, 3.5)], "diverged", "Because: training diverged."),
        ([], None, "up to an evaluation"),
    ],
)
def test_it_says_what_to_do_next(
    tmp_path: Path, losses: list[tuple[float, float]], reason: events.Reason | None, said: str
) -> None:
    text = markdown(done_run(tmp_path, "phase1-001", losses, reason=reason))
    assert said in text.split("## What to do next")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    "losses", [((6.6, 6.6), (3.0, 3.5)), ((6.6, 6.6), (3.0, 3.5), (2.0, 4.0), (1.5, 4.5), (1.0, 5.0))]
)
@pytest.mark.parametrize(("baseline", "is_fit"), [(4.0, True), (3.0, False), (None, True)])
def test_a_model_that_is_not_to_be_used_is_not_recommended(
    tmp_path: Path, losses: list[tuple[float, float]], baseline: float | None, is_fit: bool
) -> None:
    run = done_run(tmp_path, "phase1-001", losses, baseline=baseline, baseline_order=3)
    text = markdown(run).split("## What to do next")[1]
    assert ("Counting alone would do" in text) == (not is_fit)
    assert ("Use best.pt" in text) == is_fit
    assert ("If you use it all the same, use best.pt" in text) == (not is_fit)


def test_a_prompt_of_blanks_is_named_and_samples_are_counted_by_their_label(tmp_path: Path) -> None:
    label = {"label": "fragments"}
    samples = [events.Sample(step=0, time=BEGAN, prompt="\n", text="x", judgement=label) for _ in range(2)]
    phase = make_phase()
    run = write_run(tmp_path, "tiny-001", phase, [started(phase), *samples])
    assert "2 samples: 2 × fragments." in markdown(run)
    assert "**“\\\\n”** fragments" in markdown(run)


def test_many_evaluations_are_thinned_but_keep_the_best(tmp_path: Path) -> None:
    losses = [(5 - n / 200, 5 - n / 200 if n <= 77 else 5.0) for n in range(200)]
    text = markdown(done_run(tmp_path, "phase1-001", losses))
    rows = [line for line in text.split("## Losses")[1].split("\n## ")[0].splitlines() if line.startswith("|")][2:]
    assert len(rows) <= 32
    assert rows[0].split("|")[1].strip() == "0"
    assert rows[-1].split("|")[1].strip() == "19,900"
    assert [row.split("|")[1].strip() for row in rows if "best" in row] == ["7,700"]


def test_what_cannot_be_reported_says_why(tmp_path: Path) -> None:
    run = done_run(tmp_path, "phase1-001")
    with pytest.raises(UserError, match=r"\.md or \.html"):
        write_report(build_report([run]), tmp_path / "report.pdf")
    run.log_file.write_text(run.log_file.read_text() + "{}\n")
    with pytest.raises(RunError, match="not an event"):
        build_report([run])
    run.log_file.write_text(events.to_json(events.Paused(step=1)) + "\n")
    with pytest.raises(RunError, match="does not begin with run_started"):
        build_report([run])
    run.log_file.write_text("")
    with pytest.raises(RunError, match="no log yet"):
        build_report([run])
    run.log_file.unlink()
    with pytest.raises(RunError, match="no log yet"):
        build_report([run])
    with pytest.raises(UserError, match="cannot be written"):
        write_report(build_report([done_run(tmp_path, "phase1-002")]), tmp_path / "nowhere" / "report.html")


def test_the_command_prints_markdown_and_writes_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done_run(tmp_path, "phase1-001")
    options = ["--checkpoints", str(tmp_path)]
    assert main(["report", "latest", *options]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("# phase1-001: ")
    assert "![" not in out
    assert "-o FILE" in err
    assert main(["report", "phase1-001", *options, "-o", str(tmp_path / "r.html")]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "r.html" in err
    assert (tmp_path / "r.html").exists()

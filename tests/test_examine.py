"""slmtui examine: a model that knows its text by heart is found out, the result is kept, and the report has it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from slmtui.cli import main
from slmtui.insight.judging.counts import Extraction
from slmtui.insight.judging.examination import FILE, Extractions, kept, verdict
from slmtui.insight.report.build import build_report
from slmtui.insight.report.markdown import to_markdown
from slmtui.runs.checkpoint import load_checkpoint
from slmtui.runs.run import Run
from tests.written_runs import done_run

PHASE = """\
[phase]
name = "heart"
[data]
source = "corpus"
[model]
n_layer = 1
n_head = 2
n_embd = 32
block_size = 16
[training]
max_iters = 100
batch_size = 16
learning_rate = 1e-2
device = "cpu"
precision = "fp32"
threads = 1
[evaluation]
interval = 20
[sampling]
prompts = ["def "]
tokens = 8
when = "end"
"""


@pytest.fixture
def project(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "heart.toml").write_text(PHASE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_a_model_knows_by_heart_is_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--headless", "heart.toml"]) == 0
    run = Run(project / "checkpoints" / "heart-001")
    arguments = ["examine", "heart-001", "--samples", "20", "--places", "60", "--tokens", "6"]
    capsys.readouterr()
    assert main([*arguments, "--last", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    train, val = found["extraction"]["train"], found["extraction"]["val"]
    assert (found["step"], train["places"], found["rates"]["samples"]) == (100, 60, 20)
    assert train["exact"] > 15
    assert train["interval"][0] > val["interval"][1]
    assert all(re.fullmatch(r"\w+\.py:\d+", place) for place in found["by_heart"])
    assert len(found["by_heart"]) > 5
    assert not (run.folder / FILE).exists()  # the report is about the best model

    assert main(arguments) == 0
    out, err = capsys.readouterr()
    first = kept(run)
    assert first is not None
    assert "kept in" in err
    exact = first.extraction.train.exact
    assert f"training text: given 6 tokens, the next 6 came out exactly at {exact} of 60 places (" in out
    assert "20 samples: " in out
    assert verdict(first.extraction) in out
    useful = first.usefulness
    assert useful is not None
    assert useful.mixed is None
    saved = useful.network.characters_saved
    assert f"at {useful.places} places of the validation text" in out
    assert f"saved {100 * saved.value:.1f} ± {100 * (saved.error or 0):.1f} %" in out
    assert main([*arguments, "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert {key: value for key, value in again.items() if key not in ("run", "checkpoint")} == json.loads(
        (run.folder / FILE).read_text()
    )  # the same seed

    assert main(["report", "heart-001"]) == 0
    report = capsys.readouterr().out
    assert f"Examination, step {first.step}" in report
    assert "Asked with: slmtui examine --samples 20 --places 60 --tokens 6 --seed 42 heart-001." in report
    assert f"came out exactly at {exact} of 60" in report
    assert "### How useful it is" in report
    assert f"{100 * saved.value:.1f} ± {100 * (saved.error or 0):.1f} %" in report

    assert main(["examine", "checkpoints/heart-001/last.pt", "--samples", "0", "--places", "1"]) == 0
    assert capsys.readouterr().err.startswith("checkpoints/heart-001/last.pt: ")
    assert kept(run) == first, "what is kept is of the best model"
    assert main(["examine", "checkpoints/heart-001/other.pt"]) == 2
    assert "no such checkpoint" in capsys.readouterr().err
    (run.folder / "other.pt").touch()
    assert main(["examine", "checkpoints/heart-001/other.pt"]) == 2
    assert "neither the best.pt nor the last.pt" in capsys.readouterr().err

    (run.folder / FILE).unlink()
    (run.folder / FILE).mkdir()
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert verdict(first.extraction) in out, "what was found is shown though it cannot be kept"
    assert f"{FILE}: cannot be written (Is a directory), so slmtui report heart-001 will not show it" in err

    few = ["--samples", "0", "--places", "1", "--last"]
    assert main(["examine", "checkpoints/heart-001", "--checkpoints", "elsewhere", *few]) == 0
    assert capsys.readouterr().err.startswith("checkpoints/heart-001/last.pt: ")

    (project / "corpus" / "orders.py").write_text("print('something else')\n")
    assert main(arguments) == 2
    assert "have changed since the model was trained" in capsys.readouterr().err


def test_a_file_that_is_none_of_ours_is_no_examination(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert kept(run) is None
    for text in ("", "[]", "{}", '{"step": 3}', '{"step": "x", "rates": null}', "[" * 100_000):
        (tmp_path / FILE).write_text(text)
        assert kept(run) is None


def examined(step: object = 100, **asked: object) -> dict[str, Any]:
    """An examination as the file has it."""
    return {
        "step": step,
        "asked": {"samples": 20, "places": 60, "prefix": 6, "length": 6, "seed": 7} | asked,
        "rates": {"samples": 20, "parse_rate": 0.35, "copied_share": 0.1, "labels": {"domain": 20}},
        "extraction": {"train": asdict(side(8, 60)), "val": asdict(side(5, 60))},
        "by_heart": ["a.py:1"],
    }


def test_a_malformed_examination_does_not_keep_the_report_from_being_made(tmp_path: Path) -> None:
    run = done_run(tmp_path, "phase1-001")
    numbers, too_many, no_rate = examined() | {"by_heart": [1, 2]}, examined(), examined()
    too_many["extraction"]["train"]["exact"] = 61
    no_rate["rates"]["parse_rate"] = "most"
    for found in (numbers, too_many, no_rate, examined(step=math.inf), examined(step=[]), examined(seed="x")):
        (run.folder / FILE).write_text(json.dumps(found))
        assert "Examination" not in to_markdown(build_report([run]), [])
    (run.folder / FILE).write_text(json.dumps(examined()))
    assert "Examination, step 100" in to_markdown(build_report([run]), [])


def test_the_verdict_of_a_report_says_that_text_is_known_by_heart(tmp_path: Path) -> None:
    run, said = done_run(tmp_path, "phase1-001"), "It knows training text by heart: see the examination."
    found = examined()
    (run.folder / FILE).write_text(json.dumps(found))
    assert said not in to_markdown(build_report([run]), [])
    found["extraction"]["train"] = asdict(side(30, 60))
    (run.folder / FILE).write_text(json.dumps(found))
    (verdict,) = [line for line in to_markdown(build_report([run]), []).splitlines() if "**Verdict:**" in line]
    assert said in verdict


def test_of_a_model_with_a_mixture_both_losses_are_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mixes = ["--set", "model.ngram_mix=0.5", "--set", "training.max_iters=20"]
    assert main(["--headless", "heart.toml", *mixes]) == 0
    saved = load_checkpoint(Run(project / "checkpoints" / "heart-001").best_file)
    capsys.readouterr()
    assert main(["examine", "latest", "--samples", "0", "--places", "1"]) == 0
    out, told = capsys.readouterr()
    assert "asked of the network alone" in out
    assert f"val loss network {saved.val_loss:.4f} and mixed {saved.mixed_loss:.4f}: 0.5 of each prediction" in told
    assert main(["report", "latest"]) == 0
    assert "By heart means the network alone" in capsys.readouterr().out


def side(exact: int, places: int) -> Extraction:
    return Extraction(6, 6, places, exact, 0.0, tuple(range(exact)))


@pytest.mark.parametrize(
    ("train", "val", "said"),
    [
        (side(50, 60), side(5, 60), "by heart, well beyond"),
        (side(50, 60), side(0, 0), "by heart, well beyond"),
        (side(8, 60), side(5, 60), "no more of its training text"),
        (side(0, 60), side(0, 60), "At 60 places it gave away nothing"),
        (side(0, 0), side(0, 0), "too short"),
    ],
)
def test_what_the_extraction_means(train: Extraction, val: Extraction, said: str) -> None:
    assert said in verdict(Extractions(train, val))


@pytest.mark.parametrize("arguments", [["--tokens", "0"], ["--samples", "10001"], ["--places", "x"]])
def test_options_say_what_they_take(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examine", "latest", *arguments]) == 2
    assert "is not a whole number from" in capsys.readouterr().err

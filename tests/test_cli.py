"""The command line as a person meets it: exit status, stdout, stderr; every mistake one message, never a traceback."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from itertools import chain, repeat
from pathlib import Path

import pytest
from torch import Tensor

from slmtui.cli import main
from slmtui.model.gpt import GPT
from slmtui.training.gap import SCALE, WORST
from tests.patience import PATIENCE, wait_for
from tests.processes import Processes

SCALE_WORDS = [*(word for _, word in SCALE), WORST]
ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path, tiny_toml: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with one tiny phase, as the current folder."""
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases" / "tiny.toml").write_text(tiny_toml)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_headless_prints_the_published_lines(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--headless", "phases/tiny.toml"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    first = next(line for line in lines if line.startswith("step 0: train loss "))
    assert ", val loss " in first
    assert ", gap " in first
    assert "bits/byte" in first
    assert [line.split(":")[0] for line in lines if line.startswith("step ")] == [
        "step 0",
        "step 4",
        "step 8",
        "step 12",
    ]
    assert "\x1b" not in out + err
    assert any(line.startswith("best: step 12") for line in lines)
    assert "training into checkpoints/tiny-001" in err


def test_json_prints_the_log(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--headless", "phases/tiny.toml", "--json", "--set", "training.max_iters=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == (project / "checkpoints/tiny-001/events.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["event"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("run_started", "run_finished")


@pytest.mark.parametrize(
    ("limit", "status"), [("gate.max_val_loss=0.001", 1), ("gate.max_val_loss=100.0", 0), ("gate.max_gap=0.0", 1)]
)
def test_the_gate_is_the_exit_status(
    project: Path, capsys: pytest.CaptureFixture[str], limit: str, status: int
) -> None:
    assert main(["--headless", "phases/tiny.toml", "--set", limit]) == status
    assert ("gate failed" in capsys.readouterr().err) == bool(status)


def test_a_gate_on_samples_says_how_many_it_judged(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--headless", "phases/tiny.toml", "--set", "sampling.samples=20", "--set", "gate.max_copied_share=1"]
    assert main([*arguments, "--set", "gate.min_parse_rate=1"]) == 1
    out, err = capsys.readouterr()
    assert "step 12: 20 samples: " in out
    assert "gate failed: min_parse_rate = 1 is not kept: " in err
    assert " of 20 samples (" in err
    assert "gate passed: max_copied_share = 1 is kept: " in err
    assert main(["runs", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert (listed["samples"], listed["gate_failed"]) == (20, True)
    assert 0 <= listed["parse_rate"] < 1


def test_a_gate_that_asks_prose_to_parse_is_refused_before_training(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "prose.txt").write_text("The keeper of the lighthouse wrote down what the sea had done. " * 40)
    arguments = ["--headless", "phases/tiny.toml", "--set", "data.source=prose.txt"]
    assert main([*arguments, "--set", "gate.min_parse_rate=0.1"]) == 2
    assert "the corpus is not Python" in capsys.readouterr().err
    assert not (project / "checkpoints").exists()


def test_a_training_that_diverges_is_status_3(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = chain([True] * 20, repeat(False))  # evaluations and steps, until one is not a number

    def loss(self: GPT, idx: Tensor, targets: Tensor, *, first: int = 0, bf16: bool = False) -> Tensor:
        return honest(self, idx, targets, first=first, bf16=bf16) * (1.0 if next(losses) else float("nan"))

    honest = GPT.loss
    monkeypatch.setattr(GPT, "loss", loss)
    assert main(["--headless", "phases/tiny.toml", "--set", "training.max_iters=400"]) == 3
    assert "the loss was not a number; try a lower" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["training.stop_on_spike=false"], ["early_stopping.patience=2"]])
def test_a_training_that_ends_worse_than_it_began_failed_and_gets_no_praise(
    project: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    """No spike is seen in its few steps, and its losses are finite to the end."""
    overrides = [
        "training.learning_rate=10",
        "optimizer.grad_clip=0",
        "training.warmup_iters=0",
        "gate.max_gap=9",
        *more,
    ]
    arguments = ["--headless", "phases/tiny.toml", *(word for one in overrides for word in ("--set", one))]
    assert main(arguments) == 3
    out, err = capsys.readouterr()
    assert "the model was worse than before its first step" in err
    assert "try it: " not in out
    for word in SCALE_WORDS:
        assert word not in out, out
    assert main(["runs"]) == 0
    listed = capsys.readouterr().out
    assert "failed" in listed
    for word in SCALE_WORDS:
        assert word not in listed, listed


MISTAKES = {
    "no such file": (["--headless", "nowhere.toml"], "nowhere.toml"),
    "syntax": (["--headless", "broken.toml"], "broken.toml:2"),
    "wrong type": (["--headless", "phases/tiny.toml", "--set", "model.n_layer=four"], "model.n_layer"),
    "unknown key": (["--headless", "phases/tiny.toml", "--set", "model.n_layers=2"], "did you mean n_layer"),
    "heads": (["--headless", "phases/tiny.toml", "--set", "model.n_embd=15"], "n_head = 2"),
    "no corpus": (["--headless", "phases/tiny.toml", "--set", "data.source=nowhere"], "nowhere"),
    "empty corpus": (["--headless", "phases/tiny.toml", "--set", "data.source=empty.txt"], "empty"),
    "short corpus": (["--headless", "phases/tiny.toml", "--set", "data.source=short.txt"], "too few"),
    "folder": (["--headless", "phases/tiny.toml", "--checkpoints", "short.txt"], "--checkpoints DIR"),
    "vocabulary": (
        ["--headless", "phases/tiny.toml", "--set", "tokenizer.kind=bpe", "--set", "tokenizer.vocab_size=70000"],
        "65,536",
    ),
    "no run": (["complete", "nothing", "prompt"], "no such run"),
    "no checkpoint": (["complete", "nothing.pt", "prompt"], "no such checkpoint"),
    "not a checkpoint": (["complete", "checkpoint.pt", "prompt"], "not a checkpoint"),
    "inspect nothing": (["inspect", "nowhere"], "slmtui: nowhere: no such file or folder\n"),
    "suggest nothing": (["suggest", "nowhere"], "slmtui: nowhere: no such file or folder\n"),
    "init twice": (["init", "."], "already exists"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_and_status_2(project: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (project / "broken.toml").write_text("[phase]\nname = = 1\n")
    (project / "empty.txt").write_text("")
    (project / "short.txt").write_text("x")
    (project / "checkpoint.pt").write_text("nonsense")
    arguments, needle = MISTAKES[name]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert needle in err
    assert "Traceback" not in err
    assert not (project / "checkpoints").exists(), "no half run stays behind"


def test_a_corpus_shorter_than_its_settings_trains_with_a_warning(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = ["--set", "data.dataset_size=100000", "--set", "model.block_size=512", "--set", "training.max_iters=1"]
    assert main(["--headless", "phases/tiny.toml", *overrides]) == 0
    assert "training on all of it" in capsys.readouterr().err


def test_check_says_right_or_wrong_for_each_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "broken.toml").write_text('[phase]\nname = "x"\n[model]\nn_layer = "four"\n')
    assert main(["check", "phases/tiny.toml"]) == 0
    assert main(["check", "broken.toml", "phases/tiny.toml"]) == 2
    out, err = capsys.readouterr()
    assert out.count("phases/tiny.toml: valid") == 2
    assert "broken.toml:4: model.n_layer" in err


def test_runs_and_complete_speak_of_what_was_trained(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    assert "no runs" in capsys.readouterr().err
    assert main(["--headless", "phases/tiny.toml"]) == 0
    capsys.readouterr()
    assert main(["runs", "--json"]) == 0
    (record,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (record["name"], record["state"], record["step"]) == ("tiny-001", "done", 12)
    assert main(["runs"]) == 0
    assert "tiny-001" in capsys.readouterr().out
    assert main(["complete", "latest", "def load_", "import", "--tokens", "7", "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["prompt"], second["prompt"]) == ("def load_", "import")
    assert first["text"]
    assert main(["complete", "latest", "def load_", "--tokens", "7"]) == 0
    assert capsys.readouterr().out == "def load_" + first["text"] + "\n"


def test_a_sample_set_is_completed_at_several_temperatures_and_sampled_in_a_training(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("set.jsonl").write_text('"def "\n\n{"prompt": "import os\\nimport ", "text": "x"}\n"def "\n')
    phase = ["phases/tiny.toml", "--set", "sampling.prompts_from=set.jsonl", "--set", "sampling.when=evaluation"]
    assert main(["--headless", *phase, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {event["prompt"] for event in events if event["event"] == "sample"} == {"def ", "import os\nimport "}
    words = [
        "complete",
        "latest",
        "--prompts",
        "set.jsonl",
        "--tokens",
        "5",
        "--temperature",
        "0",
        "--temperature",
        "2",
    ]
    assert main([*words, "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["prompt"], one["temperature"], one["seed"]) for one in told] == [
        ("def ", 0.0, 42), ("def ", 2.0, 42), ("import os\nimport ", 0.0, 43), ("import os\nimport ", 2.0, 43),
    ]  # fmt: skip
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out == "\n".join(one["prompt"] + one["text"] + "\n" for one in told)
    assert [line for line in err.splitlines() if line.startswith("temperature")] == [
        "temperature 0:",
        "temperature 2:",
    ] * 2
    Path("set.jsonl").write_text('"def "\n7\n')
    assert main(words) == 2
    assert 'set.jsonl:2: no prompt (got 7), allowed: a text in JSON, such as "def "' in capsys.readouterr().err
    assert main(["--headless", *phase]) == 2
    assert "--set sampling.prompts_from=set.jsonl: set.jsonl:2: no prompt" in capsys.readouterr().err
    Path("set.jsonl").write_text("\n")
    assert main(words) == 2
    assert "set.jsonl: no prompts in it" in capsys.readouterr().err
    assert main(["complete", "latest", "--prompts", "nowhere"]) == 2
    assert "nowhere: no such file" in capsys.readouterr().err


def test_prompts_come_from_a_pipe_one_a_line(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["--headless", "phases/tiny.toml"]) == 0
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"def \n\nimport\n")))
    main(["complete", "tiny-001", "--tokens", "3", "--json"])
    out = capsys.readouterr().out
    assert [json.loads(line)["prompt"] for line in out.splitlines()] == ["def ", "", "import"]


def test_inspect_counts(project: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(corpus), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["files"], counts["functions"]) == (6, 12)
    assert counts["train_tokens"] + counts["val_tokens"] == counts["tokens"]
    assert main(["inspect", "phases/tiny.toml", "--set", "data.split=by-document"]) == 0
    out, err = capsys.readouterr()
    assert "validation tokens" in out
    assert "of 6 files" in err


@pytest.mark.parametrize("command", ["inspect", "suggest"])
@pytest.mark.parametrize("wrong", ['data.validation="nowhere.py"', 'data.validation="*"', 'data.test="/"'])
def test_sides_that_cannot_be_had_end_in_an_error(
    project: Path, corpus: Path, command: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(corpus), "--set", wrong]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count(wrong.partition("=")[0]) == 1
    assert "too few" not in err


def test_init_sets_up_a_project_that_trains(tmp_path: Path, processes: Processes) -> None:
    assert processes.run("init", "new", cwd=tmp_path).returncode == 0
    less = ["training.max_iters=2", "data.dataset_size=2000", "model.block_size=32", "model.context_mixing=false"]
    done = processes.run("--headless", *(word for change in less for word in ("--set", change)), cwd=tmp_path / "new")
    assert done.returncode == 0, done.stderr
    assert "training phases/quick.toml headless" in done.stderr
    assert "step 2: train loss" in done.stdout


def test_an_interrupt_saves_and_the_run_goes_on_later(project: Path, processes: Processes) -> None:
    process = processes.start("--headless", "phases/tiny.toml", "--set", "training.max_iters=20000", cwd=project)
    log = project / "checkpoints/tiny-001/events.jsonl"
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 30)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert "--resume tiny-001" in err
    assert "Traceback" not in err
    assert json.loads(log.read_text().splitlines()[-1])["reason"] == "interrupted"


def test_light_commands_import_neither_torch_nor_textual() -> None:
    heavy = {"torch", "textual", "numpy", "numba", "llvmlite", "tiktoken", "plotext"}
    for arguments in (["--help"], ["check", "phases"], ["inspect", "--help"]):
        code = (
            "import sys\nfrom slmtui.cli import main\n"
            f"sys.exit(main({arguments!r}) or sorted(set(sys.modules) & {heavy!r}) or 0)"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr


def test_the_first_frame_waits_for_neither_torch_nor_numpy() -> None:
    heavy = {"torch", "numpy", "numba", "llvmlite", "tiktoken", "plotext", "scipy"}
    code = (
        "import sys, slmtui.console.app, slmtui.console.screens.phases.screen\n"
        f"sys.exit(sorted(set(sys.modules) & {heavy!r}) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def test_inspect_imports_no_torch(project: Path) -> None:
    code = (
        "import sys\nfrom slmtui.cli import main\nmain(['inspect', 'phases/tiny.toml'])\n"
        "sys.exit('torch' in sys.modules or 'textual' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=environment, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr

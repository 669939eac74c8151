"""A gate in CI: against another run, JUnit's XML, GitHub's summary, and the workflow of docs/ci.md, which is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from slmtui.cli import main
from slmtui.commands import headless
from slmtui.errors import TrainingFailed, UserError
from slmtui.insight.report.markdown import escape_inside
from slmtui.runs.run import Run
from slmtui.training import events
from tests.conftest import set_up_small, trained_project

ROOT = Path(__file__).parents[1]
TRAIN = ["--headless", "tiny.toml"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("GITHUB_STEP_SUMMARY", raising=False)
        return trained_project(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny phase and a run of it, tagged as the baseline, as the current folder."""
    folder = Path(shutil.copytree(trained, tmp_path / "project"))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    assert main(["tag", "latest", "baseline"]) == 0
    return folder


def last(project: Path, name: str) -> events.RunFinished:
    *_, end = Run(project / "checkpoints" / name).events()
    assert isinstance(end, events.RunFinished)
    return end


def test_the_same_training_is_as_good_as_itself(project: Path, capsys: Captured) -> None:
    assert main([*TRAIN, "--set", "gate.against=baseline"]) == 0
    said = capsys.readouterr().err
    assert "gate passed: max_loss_increase = 0 is kept: +0.0000 bits per byte beside tiny-001@12" in said
    assert last(project, "tiny-002").gate_failed == []
    started = next(iter(Run(project / "checkpoints/tiny-002").events()))
    assert isinstance(started, events.RunStarted)
    assert started.reference is not None
    assert started.reference.run == "tiny-001@12"
    assert started.phase["gate"]["against"] == "tiny-001", "the tag may move"


def test_a_training_that_is_worse_by_more_than_noise_fails(project: Path, capsys: Captured) -> None:
    worse = ["--set", "training.learning_rate=1e-4", "--set", "gate.against=baseline"]
    assert main([*TRAIN, *worse]) == 1
    assert "gate failed: max_loss_increase = 0 is not kept: +" in capsys.readouterr().err
    assert last(project, "tiny-002").gate_failed == ["max_loss_increase"]
    assert main([*TRAIN, *worse, "--set", "gate.max_loss_increase=9"]) == 0
    capsys.readouterr()
    assert main(["runs"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "failed" in rows["tiny-002"]
    assert "passed" in rows["tiny-003"]
    assert "passed" not in rows["tiny-001"]
    assert main(["runs", "--json"]) == 0
    found = {one["name"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [found[f"tiny-00{n}"]["gate"] for n in (1, 2, 3)] == [None, "failed", "passed"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["gate.against=nobody"], "--set gate.against=nobody: not possible (got 'nobody'): nobody: no such run"),
        (["gate.against=baseline", "data.train_fraction=0.6"], "was judged on another validation text"),
        (["gate.max_loss_increase=0.1"], "has no meaning without gate.against"),
        (["gate.against="], "gate.against=: empty"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_it_is_trained(
    project: Path, changes: list[str], says: str, capsys: Captured
) -> None:
    assert main([*TRAIN, *(word for change in changes for word in ("--set", change))]) == 2
    assert says in capsys.readouterr().err.replace('"', "'")
    assert [path.name for path in (project / "checkpoints").glob("tiny-*")] == ["tiny-001"]


def test_a_run_that_is_trained_or_was_never_evaluated_is_no_reference(project: Path, capsys: Captured) -> None:
    run = Run(project / "checkpoints/tiny-001")
    with run.lock():
        assert main([*TRAIN, "--set", "gate.against=baseline"]) == 2
    assert "tiny-001 is being trained" in capsys.readouterr().err
    first = run.log_file.read_bytes().splitlines(keepends=True)[0]
    run.log_file.write_bytes(first)
    assert main([*TRAIN, "--set", "gate.against=baseline"]) == 2
    assert "tiny-001 has no evaluation that it could be judged by" in capsys.readouterr().err


def test_a_run_from_before_there_were_blocks_is_judged_by_the_plain_difference(project: Path, capsys: Captured) -> None:
    log = project / "checkpoints/tiny-001/events.jsonl"
    log.write_text("".join(line for line in log.read_text().splitlines(keepends=True) if "block_losses" not in line))
    assert main([*TRAIN, "--set", "gate.against=baseline"]) == 0
    assert "with no blocks to tell the noise of the text by" in capsys.readouterr().err


def test_a_resumed_run_is_judged_against_what_it_started_with(project: Path) -> None:
    import itertools

    from slmtui.config.phase_file import load_phase
    from slmtui.session import begin, resume

    session = begin(load_phase("tiny.toml", ["gate.against=baseline"]), Path("checkpoints"))
    for _ in itertools.islice(session.events, 9):
        pass
    session.events.close()  # type: ignore[attr-defined]
    Run(project / "checkpoints/tiny-001").delete()
    for _ in resume(session.run).events:
        pass
    assert last(project, session.run.name).gate_failed == []


def suites(path: Path) -> dict[str, ET.Element]:
    return {suite.attrib["name"]: suite for suite in ET.parse(path).getroot()}


def test_junit_has_a_suite_for_each_phase_and_a_case_for_each_limit(project: Path) -> None:
    other = Path("tiny.toml").read_text().replace('name = "tiny"', 'name = "other"')
    Path("other.toml").write_text(other + "\n[gate]\nmax_gap = 0.0\nmax_val_loss = 99\n")
    assert main([*TRAIN, "other.toml", "--junit", "out.xml"]) == 1
    root = ET.parse("out.xml").getroot()
    assert (root.tag, root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == (
        "testsuites",
        "4",
        "1",
        "0",
    )
    found = suites(Path("out.xml"))
    assert list(found) == ["tiny-002", "other-001"]
    cases = {case.attrib["name"]: case for case in found["other-001"]}
    assert list(cases) == ["training", "gate.max_gap", "gate.max_val_loss"]
    failure = cases["gate.max_gap"].find("failure")
    assert failure is not None
    assert "max_gap = 0 is not kept" in failure.attrib["message"]
    assert cases["gate.max_val_loss"].find("failure") is None


def test_junit_tells_of_a_training_that_diverged_and_of_one_that_could_not_begin(project: Path) -> None:
    Path("gone.toml").write_text('[gate]\nagainst = "nobody"\n\n' + Path("tiny.toml").read_text())
    assert main([*TRAIN, "gone.toml", "--set", "training.learning_rate=10", "--junit", "out.xml"]) == 2
    found = suites(Path("out.xml"))
    for name, words in (
        ("tiny-002", "training failed"),
        ("tiny", 'gone.toml:2: gate.against: not possible (got "nobody"): nobody'),
    ):
        error = found[name][0].find("error")
        assert error is not None
        assert words in error.attrib["message"]


@pytest.mark.parametrize(
    ("error", "words", "status"),
    [(TrainingFailed("out of memory"), "out of memory", 3), (KeyboardInterrupt(), "interrupted", 130)],
)
@pytest.mark.parametrize("when", ["begin", "follow"])
def test_no_training_that_did_not_end_is_told_as_passed_nor_one_that_never_began(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, words: str, status: int, when: str
) -> None:
    def ends(*_: object, **__: object) -> None:
        raise error

    Path("other.toml").write_text(Path("tiny.toml").read_text().replace('name = "tiny"', 'name = "other"'))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    monkeypatch.setattr(headless, when, ends)
    assert main([*TRAIN, "other.toml", "--junit", "out.xml"]) == status
    first, second = ET.parse("out.xml").getroot()
    assert (first.attrib["errors"], second.attrib["errors"], second.attrib["skipped"]) == ("1", "0", "1")
    fault = first[0].find("error")
    assert fault is not None
    assert words in fault.attrib["message"]
    assert second[0].find("skipped") is not None
    text = (project / "summary.md").read_text()
    assert f"**Training failed:** {words}" in text
    assert "**Not trained:**" in text


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_summary_names_the_worst_finding_first_as_a_report_does(
    project: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    assert main([*TRAIN, *form]) == 0
    logged = [event.finding.title for event in Run(project / "checkpoints/tiny-002").events()
              if isinstance(event, events.Warned) and event.of_the_run and event.finding is not None]  # fmt: skip
    assert len(set(logged)) > 1, "so that there is an order"
    text = (project / "summary.md").read_text()
    places = [text.index(f"| {escape_inside(title)} ") for title in reversed(logged)]
    assert places == sorted(places)


def test_junit_is_xml_whatever_is_in_it(tmp_path: Path) -> None:
    from slmtui.commands.outcomes import Outcome, write_junit

    write_junit(tmp_path / "out.xml", [Outcome("a<b>&\x00\x1b\ud800\ufffe", failure='"\x07]]>', has_begun=True)])
    suite = next(iter(suites(tmp_path / "out.xml").values()))
    assert suite.attrib["name"] == "a<b>&����"


@pytest.mark.parametrize(("place", "why"), [("nowhere/out.xml", "No such file"), ("checkpoints", "Is a directory")])
def test_a_file_for_junit_that_cannot_be_written_is_refused_at_the_start(
    project: Path, place: str, why: str, capsys: Captured
) -> None:
    assert main([*TRAIN, "--junit", place]) == 2
    assert capsys.readouterr().err.startswith(f"slmtui: --junit: {place}: cannot be written ({why}")
    assert [path.name for path in (project / "checkpoints").glob("tiny-*")] == ["tiny-001"]


def test_a_pipe_or_a_device_in_its_place_stays_what_it_is(project: Path, capsys: Captured) -> None:
    os.mkfifo("pipe")
    Path("link").symlink_to("/dev/null")
    for place in ("pipe", "link"):
        assert main([*TRAIN, "--junit", place]) == 2
        assert f"{place}: cannot be written (neither a file nor a folder)" in capsys.readouterr().err
    assert Path("pipe").is_fifo()
    assert Path("link").is_symlink()


def test_to_try_whether_it_can_be_written_leaves_what_is_there(project: Path) -> None:
    from slmtui.commands.outcomes import refuse_unwritable

    before = sorted(project.iterdir())
    refuse_unwritable(Path("out.xml"))
    assert sorted(project.iterdir()) == before
    Path("out.xml").write_text("of the last training")
    refuse_unwritable(Path("out.xml"))
    assert Path("out.xml").read_text() == "of the last training"


def test_what_cannot_be_written_once_all_is_trained_is_told_and_changes_no_status(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    from slmtui.commands import outcomes

    def full(*_: object) -> None:
        raise UserError("out.xml: cannot be written (No space left on device)")

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "nowhere" / "summary.md"))
    monkeypatch.setattr(outcomes, "write_junit", full)
    assert main([*TRAIN, "--junit", "out.xml"]) == 0
    said = capsys.readouterr().err
    assert "--junit: out.xml: cannot be written" in said
    assert "GITHUB_STEP_SUMMARY: " in said


@pytest.mark.parametrize(
    ("words", "failed", "why"),
    [
        (["--headless", "gone.toml", "tiny.toml"], "gone.toml", "no such file"),
        (["--headless", "tiny.toml", "gone.toml"], "gone.toml", "no such file"),
        (["--resume", "gone-001"], "gone-001", "no such run"),
    ],
)
def test_what_cannot_be_read_is_an_error_and_the_others_are_not_trained(
    project: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], failed: str, why: str
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project / "summary.md"))
    assert main([*words, "--junit", "out.xml"]) == 2
    found = suites(Path("out.xml"))
    fault = found.pop(failed)[0].find("error")
    assert fault is not None
    assert why in fault.attrib["message"]
    assert [suite.attrib["skipped"] for suite in found.values()] == ["1"] * (len(words) - 2)
    text = (project / "summary.md").read_text()
    assert re.search(rf"## {failed}\n+\*\*Training failed:\*\* .*{why}", text)
    assert text.count("**Not trained:**") == len(found)
    assert [path.name for path in (project / "checkpoints").glob("tiny-*")] == ["tiny-001"]


def test_githubs_summary_says_what_came_of_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = project / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert main([*TRAIN, "--set", "gate.max_gap=0", "--set", "gate.max_val_loss=99"]) == 1
    text = summary.read_text()
    assert text.startswith("before\n")
    assert "## tiny-002" in text
    assert "**Gate failed:** completed at step 12" in text
    assert re.search(r"^\| network alone +\| +\d\.\d{3} \|$", text, re.M)
    assert re.search(r"^\| to beat: a \d+-gram model +\| +\d\.\d{3} \|$", text, re.M)
    assert re.search(r"^\| not kept +\| max_gap = 0 is not kept", text, re.M)


def test_the_workflow_of_the_docs_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands, in the order in which they stand there, with less to train; twice, as for two commits."""
    page = (ROOT / "docs/ci.md").read_text()
    (workflow,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.S)
    (tags,) = re.findall(r"hashFiles\('(.+?)'\)", workflow)
    first, *others = re.findall(r"(?:run: |^ +)(slmtui .+)$", workflow, flags=re.M)
    set_up_small(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    less = ["model.context_mixing=false", "training.max_iters=4", "evaluation.interval=2", "training.warmup_iters=0",
            "model.block_size=16", "sampling.prompts=[]"]  # fmt: skip

    def done(line: str) -> int:
        words = shlex.split(line)[1:]
        return main(words + [word for change in less for word in ("--set", change)] * ("--headless" in words))

    assert not Path(tags).exists()
    assert [done(line) for line in (first, others[0])] == [0, 0]
    assert Path(tags).exists()
    assert [done(line) for line in others[1:]] == [0, 0]
    assert [done(line) for line in others[1:]] == [0, 0]
    assert list(suites(Path("slmtui.xml"))) == ["quick-003"]
    assert (tmp_path / "summary.md").read_text().count("Gate passed:") == 2

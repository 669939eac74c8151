"""The six screens at four sizes, compared letter by letter and colour by colour with tests/golden/screens/.

When a screen is meant to look different: REMAKE_GOLDEN=1 pytest tests/console/test_pictures.py, and look at the
difference before it is committed. Everything seen is made up or counted, so that no machine shows anything else: runs
are written by hand, completions come from no model, the machine has 8 GB, and it is always the same time in UTC.
"""

from __future__ import annotations

import difflib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from slmtui.console.app import Console
from slmtui.console.charts.widget import Chart
from slmtui.console.screens.complete.completion_worker import CompletionContext, CompletionUpdate
from slmtui.console.screens.complete.prompt_area import PromptArea
from slmtui.console.screens.complete.review import CompletionReview
from slmtui.console.screens.complete.screen import CompleteScreen
from slmtui.console.screens.data.file_table import FilesTable
from slmtui.console.screens.data.screen import DataScreen
from slmtui.console.screens.phases.screen import PhasesScreen
from slmtui.console.screens.runs.run_list import RunList
from slmtui.console.screens.runs.screen import RunsScreen
from slmtui.console.screens.studies.screen import StudiesScreen
from slmtui.console.screens.train.screen import TrainScreen
from slmtui.console.ui_state import UIState
from slmtui.console.workers.trainer_thread import TrainerThread
from slmtui.inference.streaming import Choice, Request, Token
from slmtui.insight.judging.quality import CopiedSpan
from slmtui.runs.run import Run
from slmtui.training import events
from tests.console.conftest import NARROW, WIDE, Until
from tests.console.screen_text import screen_text
from tests.console.screens.studies.written_studies import write_study, write_trials
from tests.patience import PATIENCE
from tests.written_runs import BEGAN, done_run, evaluations, finished, make_phase, started, write_run

TINY, HUGE = (60, 15), (200, 60)
GOLDEN = Path(__file__).parents[1] / "golden" / "screens"
REMAKE = bool(os.environ.get("REMAKE_GOLDEN"))
NOUNS = ("order", "ticket", "sensor", "invoice", "parcel", "route", "driver", "depot", "label", "quota",
         "crate", "lane")  # fmt: skip
PHASE = """\
# One of two.
[phase]
name = "balance"
title = "Balance: as small as it gets"

[data]
source = "corpus"  # twelve files
dataset_size = 1100

[tokenizer]
kind = "gpt2-compact"

[model]
n_layer = 2
n_head = 2
n_embd = 32
block_size = 32

[training]
max_iters = 600
batch_size = 8
learning_rate = 1e-3
"""
LOSSES = ((6.62, 6.63), (4.31, 4.52), (3.02, 3.64), (2.25, 3.31), (1.71, 3.24), (1.32, 3.38), (0.98, 3.71))
WORDS = {"best.pt": "step 400 · val 3.24", "last.pt": "step 600 · val 3.71"}
COMPLETION = ("all", "(", "path", "):", "\n", "    ", "with", " open", "(", "path", ")", " as", " handle", ":", "\n",
              "        ", "return", " json", ".", "load", "(", "handle", ")", "\n")  # fmt: skip


class IdleTrainer(TrainerThread):
    """Takes what is put and trains nothing."""

    def run(self) -> None:
        pass


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two phases, a corpus of twelve files with one passage in two of them, five runs; the same on every machine."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr("slmtui.console.screens.phases.inspector.memory_of_machine", lambda: 8_000_000_000)
    monkeypatch.setattr("slmtui.console.screens.complete.completion_panel.run_completion", made_up_completion)
    monkeypatch.setattr("slmtui.console.screens.complete.completion_panel.model_words", lambda path: WORDS[path.name])
    (tmp_path / "phases").mkdir()
    (tmp_path / "phases/quick.toml").write_text(PHASE)
    wider = PHASE.replace("balance", "wider").replace("Balance: as small as it gets", "Wider").replace("= 32", "= 64")
    (tmp_path / "phases/wider.toml").write_text(wider)
    (tmp_path / "corpus").mkdir()
    for i, noun in enumerate(NOUNS):
        (tmp_path / f"corpus/{i:02}_{noun}.py").write_text(
            f'"""All about the {noun}."""\n\nimport json\n\n\ndef load_{noun}s(path, limit={i}):\n'
            "    with open(path) as handle:\n        return json.load(handle)[:limit]\n\n\n"
            f"def {noun}_total({noun}s):\n    return sum({noun}.size for {noun} in {noun}s)\n"
        )
    write_runs(tmp_path / "checkpoints")
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


def write_runs(checkpoints: Path) -> None:
    phase = make_phase("balance", phase={"title": "Balance: as small as it gets"})
    # As insight/watch.py writes them: the baseline among the numbers of the data.
    begun = started(phase, baseline=3.31, baseline_order=4, unigram=5.02)
    happened = [begun, *evaluations(LOSSES)]
    text = "orders(path):\n    with open(path) as handle:\n        return json.load(handle)\n\n\ndef total(orders):\n"
    judged = {"label": "syntax", "copied_tokens": 11, "copied_from": "corpus/00_order.py:7"}
    happened.insert(-2, events.Sample(step=500, time=BEGAN + 6, prompt="def load_", text=text, judgement=judged))
    rising = "val has risen for 2 evaluations; the best was step 400, with 3.24"
    happened.append(
        events.Warned(step=600, time=BEGAN + 8, level="warning", code="val_rising", message=rising,
                      advice="stop here: best.pt has it; or more data, dropout, a smaller model")
    )  # fmt: skip
    write_run(checkpoints, "balance-001", phase, [*happened, finished(happened)])
    done_run(checkpoints, "balance-002", ((6.6, 6.6), (4.0, 4.2), (3.1, 3.5), (2.6, 3.2)), at=BEGAN + 3600)
    done_run(checkpoints, "wider-001", ((6.6, 6.6), (3.0, 4.0), (1.0, 5.0)), reason="diverged")
    done_run(checkpoints, "wider-002", ((6.6, 6.6), (3.6, 3.9)), reason="stopped", at=BEGAN + 7200)
    done_run(checkpoints, "wider-003", ((6.6, 6.6), (3.9, 4.1), (3.4, 3.7)), reason=None, n_vocab=50257)


def made_up_completion(
    context: CompletionContext,
    path: Path,
    job: int,
    request: Request,
    tell: Callable[[CompletionUpdate], object],
    cancelled: Callable[[], bool],
) -> None:
    """What slmtui.console.screens.complete.completion_worker.run_completion tells of, from no model."""
    tokens = []
    for place, text in enumerate(COMPLETION):
        p = 0.9 - 0.8 * (place * 7 % 11) / 11
        others = [Choice(100 + n, f" other{n}", (1 - p) / 2**n, n + 1) for n in range(1, 8)]
        tokens.append(Token(place, text, (Choice(place, text, p, 1), *others)))
    review = CompletionReview("syntax", (CopiedSpan(6, 20, 12, "corpus/02_sensor.py:7"),), 16)
    tell(CompletionUpdate(job, "", tokens, len(tokens), 1234.0, over=True, review=review))


@pytest.mark.parametrize("size", [TINY, NARROW, WIDE, HUGE], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_the_screens_look_as_they_did(size: tuple[int, int], until: Until) -> None:
    app = Console(Path("checkpoints"), log=Path("console.log"), ui_state=UIState(Path("memory.json")))
    app.trainer = IdleTrainer(app.checkpoints)
    app.backend.start = lambda: None  # type: ignore[method-assign]
    app.backend.ready = True
    differences = []
    async with app.run_test(size=size) as pilot:
        for name, go_to in SCREENS.items():
            await go_to(app, pilot, until)
            differences.append(await compare(GOLDEN / f"{name}-{size[0]}x{size[1]}.txt", app, pilot))
    assert not any(differences), "\n" + "\n".join(filter(None, differences))


async def compare(golden: Path, app: Console, pilot: Pilot[str]) -> str:
    """What is different, in words; "" once nothing is. What the screen still has to draw is waited for."""
    if REMAKE:
        await pilot.pause(3.0)
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(screen_text(app), encoding="utf-8")
    was = golden.read_text(encoding="utf-8")
    end = time.monotonic() + PATIENCE
    while (now := screen_text(app)) != was and time.monotonic() < end:
        await pilot.pause(0.05)
    return "\n".join(difflib.unified_diff(was.splitlines(), now.splitlines(), golden.name, "now", n=1, lineterm=""))


async def data(app: Console, pilot: Pilot[str], until: Until) -> None:
    await until(pilot, lambda: isinstance(app.screen, DataScreen) and app.screen.found and app.screen.found.complete)
    await until(pilot, lambda: isinstance(app.focused, FilesTable) and app.focused.row_count)
    await pilot.press("down")
    await until(pilot, lambda: isinstance(app.focused, FilesTable) and app.focused.cursor_row == 1)
    await pilot.press("2", "right", "right", "right")


async def phases(app: Console, pilot: Pilot[str], until: Until) -> None:
    await pilot.press("p")
    await until(pilot, lambda: isinstance(app.screen, PhasesScreen) and app.screen.draft)
    screen = app.screen
    assert isinstance(screen, PhasesScreen)
    phases = [draft.phase for draft in screen.drafts.by_path.values() if draft.phase is not None]
    await until(pilot, lambda: all(screen.inspector.counts_of(phase) for phase in phases))
    await until(pilot, lambda: any(screen.inspector.verdict_of(phase)[0] for phase in phases))
    screen.action_edit("form")


async def train(app: Console, pilot: Pilot[str], until: Until) -> None:
    app.watch_run(Run(app.checkpoints / "balance-001"))
    await until(pilot, lambda: isinstance(app.screen, TrainScreen) and app.screen.history)
    screen = app.screen
    assert isinstance(screen, TrainScreen)
    await until(pilot, lambda: (spec := screen.query_one("#loss", Chart).spec) is not None and spec.levels)


async def complete(app: Console, pilot: Pilot[str], until: Until) -> None:
    await pilot.press("c")
    await until(pilot, lambda: isinstance(app.screen, CompleteScreen) and app.screen.panels)
    screen = app.screen
    assert isinstance(screen, CompleteScreen)
    screen.show_models([Path("checkpoints/balance-001/best.pt"), Path("checkpoints/balance-001/last.pt")])
    screen.query_one(PromptArea).put("def load_")
    screen.query_one(PromptArea).focus()
    await pilot.press("enter")
    await until(pilot, lambda: all(panel.copies for panel in screen.panels))
    await pilot.press("escape", *["right"] * 8)


async def runs(app: Console, pilot: Pilot[str], until: Until) -> None:
    await pilot.press("r")
    await until(pilot, lambda: isinstance(app.screen, RunsScreen) and app.screen.runs and app.screen.query(Chart))
    table = app.screen.query_one(RunList)
    for row in (0, 1, 3):
        table.move_cursor(row=row)
        await pilot.press("space")
    table.move_cursor(row=4)


async def studies(app: Console, pilot: Pilot[str], until: Until) -> None:
    write_trials(app.checkpoints, write_study(Path()), lambda trial: trial.cell.number + trial.seed < 11)
    await pilot.press("Y")
    await until(pilot, lambda: isinstance(app.screen, StudiesScreen) and app.screen.finding)
    await pilot.press("enter")
    if app.size.width >= WIDE[0]:
        await pilot.press("right_square_bracket")
        await until(
            pilot, lambda: app.screen.query(Chart) and (spec := app.screen.query_one(Chart).spec) and spec.log_x
        )


SCREENS = {"data": data, "phases": phases, "train": train, "complete": complete, "runs": runs, "studies": studies}

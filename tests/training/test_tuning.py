"""Threads and precision by the stopwatch: what is chosen, when nothing is measured, and that it leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from slmtui.errors import UserError
from slmtui.runs.log_reader import read_events
from slmtui.session import begin, resume
from slmtui.training import events, hardware, tuning
from slmtui.training.hardware import choose_machine
from slmtui.training.prepare import prepare_dataset
from slmtui.training.ranks import Ranks
from slmtui.training.state import Training
from slmtui.training.trainer import train
from slmtui.training.tuning import Candidate, candidates, is_measured, measure, tuned_machine
from tests.conftest import MakePhase

AUTO = ("training.threads=auto", "training.precision=auto", "training.max_iters=200")


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("psutil.cpu_count", lambda **_: 4)
    monkeypatch.setattr(hardware, "usable_cores", lambda: 4)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def took(monkeypatch: pytest.MonkeyPatch, seconds: dict[Candidate, float]) -> None:
    """A machine whose steps take so long."""
    monkeypatch.setattr(tuning, "measure", lambda *_: seconds)


def test_every_number_of_threads_is_tried_and_bf16_where_the_processor_has_it(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = make_phase(*AUTO)
    monkeypatch.setattr(tuning, "multiplies_bf16", lambda: False)
    in_fp32 = [Candidate(4, "fp32"), Candidate(2, "fp32"), Candidate(1, "fp32")]
    assert candidates(phase, choose_machine(phase.training)) == in_fp32
    monkeypatch.setattr(tuning, "multiplies_bf16", lambda: True)
    assert Candidate(1, "bf16") in candidates(phase, choose_machine(phase.training))
    settled = make_phase("training.threads=3", "training.precision=bf16")
    assert candidates(settled, choose_machine(settled.training)) == [Candidate(3, "bf16")]


def test_several_processes_on_gpus_have_nothing_to_choose(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is not said that anything is timed."""
    phase = make_phase(*AUTO, "training.device=auto")
    on_gpu = replace(choose_machine(phase.training), device="cuda", precision="bf16")
    on_cpu = replace(on_gpu, device="cpu", precision="fp32")
    monkeypatch.setattr(tuning, "choose_machine", lambda asked, **_: on_cpu if asked.device == "cpu" else on_gpu)
    assert is_measured(phase)
    assert not is_measured(phase, Ranks(0, 2, 2))


def test_what_is_clearly_faster_is_taken_and_the_reason_is_said(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = make_phase(*AUTO)
    took(monkeypatch, {Candidate(4, "fp32"): 0.050, Candidate(2, "fp32"): 0.0312, Candidate(1, "fp32"): 0.040})
    chosen = tuned_machine(phase, prepare_dataset(phase))
    assert (chosen.threads, chosen.precision, torch.get_num_threads()) == (2, "fp32", 2)
    assert chosen.choice == (
        "2 threads, fp32: a step takes 31.2 ms, against 50 ms with 4 threads, fp32 and 40 ms with 1 thread, fp32"
    )


def test_of_many_candidates_each_is_set_off_from_the_next(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = make_phase(*AUTO)
    times = {(4, "fp32"): 0.893, (1, "fp32"): 0.774, (4, "bf16"): 0.62, (1, "bf16"): 0.343}
    took(monkeypatch, {Candidate(*pair): seconds for pair, seconds in times.items()})  # type: ignore[arg-type]
    assert tuned_machine(phase, prepare_dataset(phase)).choice == (
        "1 thread, bf16: a step takes 343 ms, against "
        "893 ms with 4 threads, fp32; 774 ms with 1 thread, fp32; and 620 ms with 4 threads, bf16"
    )


def test_a_difference_that_may_be_chance_changes_nothing(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    phase = make_phase(*AUTO)
    took(monkeypatch, {Candidate(4, "fp32"): 0.050, Candidate(2, "fp32"): 0.047, Candidate(1, "fp32"): 0.090})
    assert tuned_machine(phase, prepare_dataset(phase)).threads == 4
    assert torch.get_num_threads() == 4


def test_a_short_training_is_not_measured(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "measure", lambda *_: pytest.fail("measured"))
    phase = make_phase(*AUTO, "training.max_iters=50")
    assert tuned_machine(phase, prepare_dataset(phase)).choice == ""


def test_every_candidate_is_timed(make_phase: MakePhase) -> None:
    phase = make_phase(*AUTO)
    among = [Candidate(2, "fp32"), Candidate(1, "fp32"), Candidate(1, "bf16")]
    seconds = measure(phase, prepare_dataset(phase), choose_machine(phase.training), among)
    assert list(seconds) == among
    assert all(0 < value < 60 for value in seconds.values())


def test_a_run_keeps_what_was_measured_and_goes_on_with_it(
    make_phase: MakePhase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took(monkeypatch, {Candidate(4, "fp32"): 0.05, Candidate(1, "fp32"): 0.01})
    session = begin(make_phase(*AUTO, "evaluation.interval=50"), tmp_path)
    while not isinstance(next(session.events), events.Checkpoint):
        pass
    session.events.close()  # type: ignore[attr-defined]  # as if the process had died
    monkeypatch.setattr(tuning, "measure", lambda *_: pytest.fail("measured again"))
    resumed = resume(session.run)
    assert (resumed.training.machine.threads, torch.get_num_threads()) == (1, 1)
    started = next(event for event in read_events(session.run.log_file) if isinstance(event, events.RunStarted))
    assert started.machine["threads"] == 1
    assert "1 thread, fp32: a step takes 10 ms" in started.machine["choice"]
    assert not [event for event in resumed.events if isinstance(event, events.Warned) and event.code == "elsewhere"]


def test_measuring_leaves_no_trace_in_the_digits(make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch) -> None:
    phase = make_phase("training.max_iters=4")
    dataset = prepare_dataset(phase)

    def val_losses() -> list[float]:
        training = Training.start(phase, dataset, choose_machine(phase.training))
        return [event.val_loss for event in train(training) if isinstance(event, events.Evaluation)]

    before = val_losses()
    measure(phase, dataset, choose_machine(phase.training), [Candidate(2, "fp32"), Candidate(1, "fp32")])
    assert val_losses() == before


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the choice of a device goes."""
    monkeypatch.setattr(hardware, "_has", lambda device: device != "mps")
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "A card")


ON_GPU = Candidate(4, "bf16", "cuda")


@pytest.mark.usefixtures("a_gpu")
def test_beside_a_gpu_the_cpu_is_tried_for_a_small_model(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "multiplies_bf16", lambda: False)

    def tried(*overrides: str) -> list[Candidate]:
        phase = make_phase(*AUTO, *overrides)
        return candidates(phase, choose_machine(phase.training))

    on_cpu = [Candidate(4, "fp32"), Candidate(2, "fp32"), Candidate(1, "fp32")]
    assert tried("training.device=auto") == [ON_GPU, *on_cpu]
    assert tried("training.device=cuda") == [ON_GPU]
    assert tried("training.device=cpu") == on_cpu
    assert tried("training.device=auto", "model.n_embd=768", "model.n_layer=12", "model.block_size=256") == [ON_GPU]


@pytest.mark.usefixtures("a_gpu")
@pytest.mark.parametrize(("on_gpu", "device", "processor"), [(0.006, "cpu", "The CPU"), (0.0041, "cuda", "A card")])
def test_a_small_model_is_never_trained_slower_on_a_gpu(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch, on_gpu: float, device: str, processor: str
) -> None:
    monkeypatch.setattr(hardware, "processor_name", lambda: "The CPU")
    phase = make_phase(*AUTO, "training.device=auto")
    dataset = prepare_dataset(phase)
    took(monkeypatch, {ON_GPU: on_gpu, Candidate(4, "fp32"): 0.05, Candidate(1, "fp32"): 0.004})
    machine = tuned_machine(phase, dataset)
    assert (machine.device, machine.processor) == (device, processor)
    assert machine.choice.startswith(
        "1 thread, fp32: a step takes 4 ms, against 6 ms with cuda, bf16 and" * (device == "cpu")
    )
    resumed = choose_machine(phase.training, machine.to_dict())
    assert (resumed.device, resumed.precision) == (machine.device, machine.precision)


def test_where_the_device_of_a_run_is_missing_it_goes_on_on_another(make_phase: MakePhase) -> None:
    phase = make_phase(*AUTO, "training.device=auto")
    assert choose_machine(phase.training, {"device": "cuda", "precision": "bf16", "threads": 2}).device == "cpu"


def test_several_processes_on_an_apple_gpu_take_the_cpu_if_they_may_choose(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_has", lambda device: device != "cuda")
    auto, mps = (make_phase(f"training.device={device}").training for device in ("auto", "mps"))
    assert choose_machine(auto).device == "mps"
    assert choose_machine(auto, ranks=Ranks(0, 2, 2)).device == "cpu"
    assert choose_machine(auto, {"device": "mps"}, Ranks(0, 2, 1)).device == "cpu"
    with pytest.raises(UserError, match='cannot train together on "mps"'):
        choose_machine(mps, ranks=Ranks(0, 2, 2))


@pytest.mark.usefixtures("a_gpu")
@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_more_processes_than_gpus_are_refused(make_phase: MakePhase, device: str) -> None:
    settings = make_phase(f"training.device={device}").training
    assert choose_machine(settings, ranks=Ranks(0, 2, 2, gpus=2)).device == "cuda"
    with pytest.raises(UserError, match=r"4 processes train together, .* and have 2 GPUs; start 2, or"):
        choose_machine(settings, ranks=Ranks(0, 4, 4, gpus=2))
    on_cpu = make_phase("training.device=cpu").training
    assert choose_machine(on_cpu, ranks=Ranks(0, 4, 4, gpus=1)).device == "cpu"

"""Nobody works with more threads than there are cores for this process."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from slmtui.cores import usable_cores
from slmtui.data import token_file
from slmtui.training import hardware
from slmtui.training.hardware import choose_machine
from slmtui.training.ranks import Ranks
from tests.conftest import MakePhase


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "max 100000"}, 7),
        ({"cpu.max": "300000 100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 7),
        ({"cpu.max": "nonsense"}, 7),
        ({}, 7),
    ],
)
def test_a_container_is_not_asked_for_more_cores_than_it_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cores: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(7)), raising=False)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("physical", "usable", "threads"), [(8, 6, 6), (2, 4, 2), (None, 4, 4)])
def test_a_training_computes_on_the_cores_that_it_may_use(
    make_phase: MakePhase, monkeypatch: pytest.MonkeyPatch, physical: int | None, usable: int, threads: int
) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda **_: physical)
    monkeypatch.setattr(hardware, "usable_cores", lambda: usable)
    before = torch.get_num_threads()
    machine = choose_machine(make_phase("training.threads=auto").training)
    shared = choose_machine(make_phase("training.threads=auto").training, ranks=Ranks(0, 2, 2))
    torch.set_num_threads(before)
    assert (machine.threads, machine.cores, shared.threads) == (threads, threads, threads // 2)


def test_a_text_is_tokenised_on_the_cores_that_it_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_file, "usable_cores", lambda: 1)
    by = set()

    def encode(item: int) -> np.ndarray:
        by.add(threading.get_ident())
        return np.array([item])

    assert len(list(token_file.encoded(range(50), encode))) == 50
    assert len(by) == 1

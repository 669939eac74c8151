"""Checkpoints that were damaged, or made to do harm: refused with a clear message, or right; never a traceback, a hang,
a wrong number, or code that runs."""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from slmtui.errors import UserError
from slmtui.runs.checkpoint import CheckpointError, load_checkpoint
from slmtui.runs.run import Run
from slmtui.runs.safe_payload import checksum
from slmtui.session import resume
from tests.conftest import MakePhase
from tests.runs.fuzzing import cases, check_many, damage, killed_run, replacement


@pytest.fixture
def run(make_phase: MakePhase, tmp_path: Path) -> Run:
    return killed_run(make_phase, tmp_path / "runs")


@cases(150, 1500)
def test_damaged_checkpoints(run: Run, tmp_path: Path, n_cases: int) -> None:
    whole = run.last_file.read_bytes()
    right = load_checkpoint(run.last_file).model.tensors()
    path = tmp_path / "damaged.pt"

    def check(change: Callable[[bytes], bytes]) -> None:
        path.write_bytes(change(whole))
        with suppress(CheckpointError):
            found = load_checkpoint(path).model.tensors()
            assert all(torch.equal(found[name], right[name]) for name in right)

    check_many(n_cases, check, change=damage())


@cases(60, 600)
def test_checkpoints_that_say_strange_things(run: Run, tmp_path: Path, n_cases: int) -> None:
    """Made by hand, with a checksum that is right: refused, or trained from to an end."""
    record = torch.load(run.last_file, weights_only=True)
    del record["checksum"]
    log = run.log_file.read_bytes()

    def check(change: Callable[[Any], Any]) -> None:
        changed = change(record)
        with suppress(ValueError):
            changed["checksum"] = checksum(changed, most_bytes=1 << 40)
        torch.save(changed, run.last_file)
        run.log_file.write_bytes(log)
        with suppress(UserError):
            for _ in resume(run).events:
                pass

    check_many(n_cases, check, change=replacement())


class Sly:
    """Runs a command when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/slmtui-was-here",)


def test_a_pickle_with_code_is_refused_by_name(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sly.pt"
    torch.save({"slmtui_checkpoint": 1, "model": Sly()}, path)
    with pytest.raises(CheckpointError, match=r"\(posix\.system, which could run code when loaded\); refused"):
        load_checkpoint(path)
    path.write_bytes(pickle.dumps(Sly()))
    with pytest.raises(CheckpointError, match=r"asks for posix\.system, which could run code when loaded; refused"):
        load_checkpoint(path)
    assert not Path("/tmp/slmtui-was-here").exists()


def resaved(run: Run, path: Path, **changes: Any) -> Path:
    record = torch.load(run.best_file, weights_only=True) | changes
    del record["checksum"]
    try:
        total = checksum(record, most_bytes=1 << 40)
    except ValueError:
        total = 0
    torch.save(record | {"checksum": total}, path)
    return path


def test_tensors_that_are_not_what_they_seem_are_refused(run: Run, tmp_path: Path) -> None:
    model = torch.load(run.best_file, weights_only=True)["model"]
    path = tmp_path / "odd.pt"

    def refused(name: str, tensor: Any, why: str) -> None:
        with pytest.raises(CheckpointError, match=why):
            load_checkpoint(resaved(run, path, model=model | {name: tensor}))

    weight = model["lm_head.weight"]
    refused("lm_head.weight", torch.zeros(1).expand(weight.shape), "do not lie in order")  # one number for all
    refused("lm_head.weight", torch.zeros(1).expand(1 << 40), "do not lie in order")  # four terabytes
    refused("lm_head.weight", torch.empty(weight.shape, device="meta"), "not plain numbers|meta")
    refused("lm_head.weight", weight.to_sparse(), "not plain numbers|sparse|damaged")
    refused("lm_head.weight", weight.double(), "float64; the model requires")
    refused("lm_head.weight", weight.t().contiguous(), "the model requires")
    refused("ln_f.bias", torch.full((8,), float("inf")), "not finite")
    attention = "h.0.attn.c_attn.weight"
    refused(attention, torch.full(model[attention].shape, 1e38), "so large that what it predicts overflows")
    refused("extra", torch.zeros(1), "does not belong to this model")


def test_tensors_that_were_swapped_are_noticed(run: Run, tmp_path: Path) -> None:
    record = torch.load(run.best_file, weights_only=True)
    model = record["model"]
    model["ln_f.weight"], model["ln_f.bias"] = model["ln_f.bias"], model["ln_f.weight"]
    path = tmp_path / "swapped.pt"
    torch.save(record, path)
    with pytest.raises(CheckpointError, match="its checksum differs"):
        load_checkpoint(path)


def test_a_list_that_holds_itself_a_billion_times_is_refused(run: Run, tmp_path: Path) -> None:
    laughs: list[Any] = ["ha"] * 10
    for _ in range(9):
        laughs = [laughs] * 10
    with pytest.raises(CheckpointError, match="too many values"):
        load_checkpoint(resaved(run, tmp_path / "laughs.pt", tokenizer=laughs))
    nest: list[Any] = []
    for _ in range(100):
        nest = [nest]
    with pytest.raises(CheckpointError, match="nests them too deeply"):
        load_checkpoint(resaved(run, tmp_path / "nest.pt", tokenizer=nest))


def test_archives_that_are_larger_than_they_look_are_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "packed.pt"
    with zipfile.ZipFile(run.best_file) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for entry in source.infolist():
            packed.writestr(entry.filename, source.read(entry))
        packed.writestr("archive/data/99", b"\0" * 10_000_000)
    with pytest.raises(CheckpointError, match="claims more than the file can hold"):
        load_checkpoint(path)


def test_a_model_of_terabytes_takes_no_memory_to_refuse(run: Run, tmp_path: Path) -> None:
    phase = torch.load(run.best_file, weights_only=True)["phase"]
    phase["model"] |= {"n_layer": 48, "n_embd": 4096, "n_head": 64, "block_size": 8192}
    with pytest.raises(CheckpointError, match="is missing or does not belong to this model"):
        load_checkpoint(resaved(run, tmp_path / "huge.pt", phase=phase))


def test_a_random_stream_that_does_not_exist_is_refused(run: Run) -> None:
    record = torch.load(run.last_file, weights_only=True)
    kind, keys, _, has_gauss, cached = record["training"]["batches"]
    record["training"]["batches"] = (kind, keys, 625, has_gauss, cached)  # NumPy would read past its end
    del record["checksum"]
    torch.save(record | {"checksum": checksum(record, most_bytes=1 << 40)}, run.last_file)
    with pytest.raises(UserError, match="state of the batch generator is invalid"):
        resume(run)


def test_a_packed_header_of_torch_that_lies_is_refused(run: Run, tmp_path: Path) -> None:
    """The central directory says that an entry begins elsewhere."""
    data = bytearray(run.best_file.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 42 : at + 46] = struct.pack("<I", 0x7FFFFFF0)
    path = tmp_path / "lying.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)

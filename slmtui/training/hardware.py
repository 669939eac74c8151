"""The device, precision and threads to train with, and the facts about this machine that a run records.

Where "auto" leaves a choice, it is settled by measuring (tuning.py); this module covers what needs no measuring.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import psutil
import torch

from slmtui.config.phase import TrainingSection
from slmtui.cores import usable_cores
from slmtui.errors import UserError
from slmtui.training.ranks import ALONE, Ranks
from slmtui.words import plural

Precision = Literal["fp32", "bf16"]
DEVICES = ("cuda", "mps", "cpu")  # the best first
BF16 = ("avx512_bf16", "amx_bf16", "bf16")  # the two of x86 and that of ARM, named as in `torch.cpu.get_capabilities`


@dataclass(frozen=True)
class Machine:
    device: str
    precision: Precision
    threads: int
    processor: str
    cores: int
    system: str
    choice: str = ""  # the measurements by which threads and precision were chosen

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def choose_machine(
    settings: TrainingSection, like: Mapping[str, Any] | None = None, ranks: Ranks = ALONE
) -> Machine:  # fmt: skip
    """Resolve "auto" for this machine, and set torch's thread count. Without measuring: all cores, and fp32 on a CPU.

    like: `Machine.to_dict()` of a run to be resumed. Where the phase says "auto", its choices are used, so that the
    digits stay the same. ranks: the processes that train together: those on this machine share its cores, and each
    needs a GPU of its own. Raises UserError if the machine does not have the phase's device for them.
    """
    like = like or {}
    device: str = settings.device
    if device == "auto":
        before = like.get("device")
        device = before if before in DEVICES and _has(before) else _best_device()
    if not _has(device):
        raise UserError(
            f'training.device: this machine has no "{device}" (torch {torch.__version__} sees '
            f'{", ".join(d for d in DEVICES if _has(d))}); use "auto"'
        )
    device = _for_several(device, settings, ranks)
    usable = usable_cores()
    cores = min(psutil.cpu_count(logical=False) or usable, usable)
    share = max(1, cores // ranks.on_this_machine)
    threads: int = like.get("threads", share) if settings.threads == "auto" else settings.threads
    torch.set_num_threads(threads)
    precision: Precision
    if settings.precision != "auto":
        precision = settings.precision
    elif like.get("device") == device and like.get("precision") in ("fp32", "bf16"):
        precision = like["precision"]
    else:
        precision = "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    return Machine(
        device=device,
        precision=precision,
        threads=threads,
        processor=processor_name() if device != "cuda" else torch.cuda.get_device_name(),
        cores=cores,
        system=f"{platform.system()} {platform.machine()}",
        choice=str(like.get("choice", "")),
    )


def _for_several(device: str, settings: TrainingSection, ranks: Ranks) -> str:
    """The device, or the CPU in place of one over which processes cannot add up their gradients."""
    if ranks.size > 1 and device == "mps":
        if settings.device == "auto":
            return "cpu"
        raise UserError('training.device: several processes cannot train together on "mps"; use "cpu"')
    if device == "cuda" and ranks.size > 1 and ranks.gpus < ranks.size:
        raise UserError(
            f"training.device: {ranks.size} processes train together, each on a GPU of its own, and have "
            f'{plural(ranks.gpus, "GPU")}; start {ranks.gpus}, or use "cpu"'
        )
    return device


def multiplies_bf16() -> bool:
    """Whether the processor has instructions for bfloat16 products; without them, torch emulates them slowly."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in BF16)


@lru_cache(maxsize=1)
def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def process_memory() -> int:
    """Bytes of memory that this process holds: resident, the console included where it trains."""
    held: int = psutil.Process().memory_info().rss
    return held


def _has(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_available()
    if device == "mps":
        return torch.backends.mps.is_available()
    return True


def _best_device() -> str:
    return next(device for device in DEVICES if _has(device))

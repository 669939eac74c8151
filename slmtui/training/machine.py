"""What this machine trains with: device, precision, threads; and what to note about it in a run."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import psutil
import torch

from slmtui.errors import UserError
from slmtui.training.phase import TrainingSection


@dataclass(frozen=True)
class Machine:
    device: str
    precision: Literal["fp32", "bf16"]
    threads: int
    processor: str
    cores: int
    system: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def choose_machine(settings: TrainingSection) -> Machine:
    """Settle "auto" for this machine, and set torch's thread count."""
    device: str = _best_device() if settings.device == "auto" else settings.device
    if not _has(device):
        raise UserError(
            f'training.device: this machine has no "{device}" (torch {torch.__version__} sees '
            f'{", ".join(d for d in ("cpu", "cuda", "mps") if _has(d))}); use "auto"'
        )
    cores = psutil.cpu_count(logical=False) or 1
    threads = cores if settings.threads == "auto" else settings.threads
    torch.set_num_threads(threads)
    if settings.precision == "auto":
        precision: Literal["fp32", "bf16"] = "bf16" if device == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    else:
        precision = settings.precision
    return Machine(
        device=device,
        precision=precision,
        threads=threads,
        processor=processor_name() if device != "cuda" else torch.cuda.get_device_name(),
        cores=cores,
        system=f"{platform.system()} {platform.machine()}",
    )


@lru_cache(maxsize=1)
def processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _has(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_available()
    if device == "mps":
        return torch.backends.mps.is_available()
    return True


def _best_device() -> str:
    return next(device for device in ("cuda", "mps", "cpu") if _has(device))

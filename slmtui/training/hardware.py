"""What this machine trains with: device, precision, threads; and what to note about it in a run.

What "auto" comes to is measured where there is a choice (tuning.py); here stands what needs no measuring.
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
from slmtui.errors import UserError

Precision = Literal["fp32", "bf16"]
BF16 = ("avx512_bf16", "amx_bf16", "bf16")  # x86's two ways, and ARM's, as `torch.cpu.get_capabilities` has them


@dataclass(frozen=True)
class Machine:
    device: str
    precision: Precision
    threads: int
    processor: str
    cores: int
    system: str
    choice: str = ""  # what was measured to choose threads and precision

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def choose_machine(settings: TrainingSection, like: Mapping[str, Any] | None = None) -> Machine:
    """Settle "auto" for this machine, and set torch's thread count: all cores, fp32 on a CPU.

    like: `Machine.to_dict()` of a run that goes on; its choices hold where the phase leaves one, for the same digits.
    """
    like = like or {}
    device: str = _best_device() if settings.device == "auto" else settings.device
    if not _has(device):
        raise UserError(
            f'training.device: this machine has no "{device}" (torch {torch.__version__} sees '
            f'{", ".join(d for d in ("cpu", "cuda", "mps") if _has(d))}); use "auto"'
        )
    cores = psutil.cpu_count(logical=False) or 1
    threads: int = like.get("threads", cores) if settings.threads == "auto" else settings.threads
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


def multiplies_bf16() -> bool:
    """Whether the processor has instructions for products of bfloat16 numbers; without, torch imitates them slowly."""
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


def _has(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_available()
    if device == "mps":
        return torch.backends.mps.is_available()
    return True


def _best_device() -> str:
    return next(device for device in ("cuda", "mps", "cpu") if _has(device))

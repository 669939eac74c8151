"""Whether the counts were compiled before: numba does so once for each installation, which takes 20 s and more."""

from __future__ import annotations

from pathlib import Path

COMPILING = "compiling the counts, once for this installation: up to a minute"


def is_compiled() -> bool:
    """Whether numba has kept what reads a text, since its code was changed; true where it compiles nothing."""
    from slmtui.data.context_mixing import kernels  # numba, which few need

    if not hasattr(kernels.read, "stats"):  # NUMBA_DISABLE_JIT
        return True
    changed = Path(kernels.__file__).stat().st_mtime
    folder = Path(str(kernels.read.stats.cache_path))
    return any(index.stat().st_mtime >= changed for index in folder.glob("kernels.read-*.nbi"))

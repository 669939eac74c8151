"""Whether what numba compiles was compiled before: it does so once for each installation, which takes 20 s and more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

COMPILING = "compiling its counts, once for this installation: up to a minute"


def tell_of_compiling(tell: Callable[[str], object]) -> None:
    """Before counts are used, if that takes a while the first time."""
    if not counts_are_compiled():
        tell(COMPILING)


def counts_are_compiled() -> bool:
    from slmtui.data.context_mixing.kernels import distribution, read  # numba, which few need

    return is_compiled(read) and is_compiled(distribution)


def is_compiled(function: Any) -> bool:
    """Whether numba has kept what it made of a function, since its file was changed; true where it compiles nothing."""
    if not hasattr(function, "stats"):  # NUMBA_DISABLE_JIT
        return True
    changed = Path(function.py_func.__code__.co_filename).stat().st_mtime
    kept = Path(str(function.stats.cache_path)).glob(f"*.{function.py_func.__name__}-*.nbi")
    return any(index.stat().st_mtime >= changed for index in kept)

"""Numbers, times and lists as a person says them, on every screen, in reports and on the command line."""

from __future__ import annotations

import math
from collections.abc import Sequence

NOTHING = "–"  # what is not there, or not a number


def number(value: float | None, form: str) -> str:
    """A real minus sign, and – for what is not there or not a number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return format(value, form).replace("-", "−")


def capitalized(sentence: str) -> str:
    """With a capital first letter; names and units in it stay as they are."""
    return sentence[:1].upper() + sentence[1:]


def percent(share: float) -> str:
    """96 %; never 0 % or 100 % of what is only nearly so."""
    rounded = round(100 * share)
    if rounded == 0 and share > 0:
        return "< 1 %"
    if rounded == 100 and share < 1:
        return "> 99 %"
    return f"{rounded} %"


def plural(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(names: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def duration(seconds: float) -> str:
    """Seconds in readable form: 0.4 s, 12 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def duration_of_step(seconds: float) -> str:
    """Seconds of something short, to three significant digits: 26 ms, 1.25 s."""
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def clock(seconds: float) -> str:
    """Seconds in one form for all, so that they align: 0:05, 12:30, 3:25:10."""
    minutes, second = divmod(round(max(0.0, seconds)), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"


def byte_size(n_bytes: float, *, decimals: int = 0) -> str:
    """Bytes in readable form: 41 KB, 35 MB, 1.2 GB. decimals: of kilobytes and megabytes; gigabytes have one."""
    if n_bytes >= 0.9995e9:
        return f"{n_bytes / 1e9:,.1f} GB"
    number, unit = (n_bytes / 1e6, "MB") if n_bytes >= 0.9995e6 else (n_bytes / 1e3, "KB")
    return f"{number:,.{decimals}f} {unit}"


def compact(number: float) -> str:
    """A count in at most six characters: 950, 41.9 K, 3.37 M."""
    for unit, name in ((1e9, " G"), (1e6, " M"), (1e3, " K")):
        if number >= 0.9995 * unit:
            return f"{number / unit:.3g}{name}"
    return f"{number:.0f}"

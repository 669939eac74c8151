"""What tells the files of several folders apart: the name of the folder before theirs, in names and in patterns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from slmtui.data.folder import pattern_for


def prefixes(paths: Sequence[Path]) -> list[str]:
    """What the names of each folder's files begin with: nothing for one source, else as much as tells folders apart."""
    if len(paths) < 2:
        return [""] * len(paths)
    parts = [path.resolve().parts for path in paths]
    depths = [1] * len(paths)
    while True:
        names = ["/".join(one[-depth:]) + "/" for one, depth in zip(parts, depths, strict=True)]
        alike = [
            i
            for i, (path, name) in enumerate(zip(paths, names, strict=True))
            if path.is_dir() and depths[i] < len(parts[i]) - 1
            and any(name == other and parts[i] != parts[j] for j, other in enumerate(names) if paths[j].is_dir())
        ]  # fmt: skip
        if not alike:
            return names
        for i in alike:
            depths[i] += 1


def for_folder(patterns: Sequence[str], prefix: str) -> tuple[str, ...]:
    """The patterns as they apply within a folder: "/notes/a.txt" means a.txt of the folder notes, too."""
    return tuple(_both(patterns, "/" + pattern_for(prefix).removeprefix("!/"))) if prefix else tuple(patterns)


def _both(patterns: Sequence[str], start: str) -> Iterator[str]:
    for pattern in patterns:
        yield pattern
        sign = "!" if pattern.startswith("!") else ""
        if pattern.startswith(sign + start) and (rest := pattern.removeprefix(sign + start)):
            yield f"{sign}/{rest}"

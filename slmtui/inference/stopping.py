"""Where a completion stops before its length is reached: at the end of the document, or at a text that was named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The text of the pieces before the first of `stops`, as soon as it is known that none begins in it."""
    held = ""
    for piece in pieces:
        held += piece
        places = [place for stop in stops if (place := held.find(stop)) >= 0]
        if places:
            if before := held[: min(places)]:
                yield before
            return
        ready = len(held) - max((_begun(held, stop) for stop in stops), default=0)
        if ready:
            yield held[:ready]
            held = held[ready:]
    if held:
        yield held


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of a text may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)

"""Where a completion stops before its length is reached: at the end of the document, or at a text that was named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


class StopSearch:
    """Takes a text as it comes, and gives what of it stands before the first of `stops`."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.found = ""  # the stop that came first

    def add(self, piece: str) -> str:
        """What may be given out by now: that of which it is known that none of the stops begins in it."""
        if self.found:
            return ""
        held = self._held + piece
        places = [(place, stop) for stop in self._stops if (place := held.find(stop)) >= 0]
        first, self.found = min(places, default=(0, ""))
        ready = first if places else len(held) - max((_begun(held, stop) for stop in self._stops), default=0)
        self._held = held[ready:]
        return held[:ready]

    def rest(self) -> str:
        """What was held back, at the end of the text."""
        return "" if self.found else self._held


def until_stop(pieces: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """The text of the pieces before the first of `stops`, as soon as it is known that none begins in it."""
    search = StopSearch(stops)
    for piece in pieces:
        if ready := search.add(piece):
            yield ready
        if search.found:
            return
    if rest := search.rest():
        yield rest


def _begun(text: str, stop: str) -> int:
    """How many characters at the end of a text may be the beginning of `stop`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)

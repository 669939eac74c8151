"""PyTorch, imported in the background: it takes a second or two, and the first frame does not wait for it."""

from __future__ import annotations

import gc
import threading
import time


def settle() -> None:
    """Keep what there is out of later garbage collections: with torch's objects in it, a full one would hold up the
    screen by a tenth of a second each time."""
    gc.collect()
    gc.freeze()


class Backend:
    def __init__(self) -> None:
        self.ready = False
        self.error: str | None = None
        self.began = 0.0

    def start(self) -> None:
        """Begin the import, once."""
        if self.began:
            return
        self.began = time.monotonic()
        # Not a daemon: at exit, an import in the middle of C++ initialisers must not be torn down.
        threading.Thread(target=self._load, name="import torch", daemon=False).start()

    def words(self) -> str:
        return f"PyTorch could not be loaded: {self.error}" if self.error else "loading PyTorch …"

    def _load(self) -> None:
        try:
            import slmtui.session  # noqa: F401
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            return
        settle()
        self.ready = True

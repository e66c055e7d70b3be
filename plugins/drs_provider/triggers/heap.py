"""Python's searches for cyclic garbage in a triggerer: each one stops its event loop, and with it all waits."""

from __future__ import annotations

import gc
import time
from typing import Any, Final

#: Seconds between two searches of everything
WHOLE_SECONDS: Final = 3600.0


class NewOnly:
    """A callback of the garbage collector: what one full search has seen, the next ones leave out, but for one an hour.

    With a thousand waits a full search takes 0.4 to 1 s, and there is one every 20 s; nearly all of it lives on. What
    is left out is still freed by reference counts; what has become garbage in cycles waits for the next whole search.
    """

    def __init__(self) -> None:
        self._whole_at = time.monotonic()

    def __call__(self, phase: str, info: dict[str, Any]) -> None:
        """Take note of a search that begins or ends."""
        if info["generation"] < 2:
            return
        now = time.monotonic()
        if phase == "stop":
            gc.freeze()
        elif now >= self._whole_at + WHOLE_SECONDS:
            self._whole_at = now
            gc.unfreeze()


def search_only_what_is_new() -> None:
    """Have this process's searches look only at what is new; once begun, it stays so."""
    if not any(isinstance(callback, NewOnly) for callback in gc.callbacks):
        gc.callbacks.append(NewOnly())

"""Structured events in the task log: one JSON object a line, for log analysis and for people."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drs_provider.core.events import TIMELINE_LOGGER, Event, event_line

log = logging.getLogger(TIMELINE_LOGGER)


def emit(execution_id: str, event: Event, **facts: Any) -> None:
    """Log an event of an execution (``executionId``, ``event``, ``timestamp``, ``timestampISO`` and facts)."""
    log.info("%s", event_line(execution_id, event, time.time(), facts))


@contextmanager
def emitted(execution_id: str, started: Event, ended: Event, **facts: Any) -> Iterator[None]:
    """Log an event before and after a block, the second with ``seconds``, and with ``error`` if it raises."""
    emit(execution_id, started, **facts)
    begin = time.monotonic()
    error: dict[str, str] = {}
    try:
        yield
    except BaseException as raised:
        error = {"error": f"{type(raised).__name__}: {raised}"}
        raise
    finally:
        emit(execution_id, ended, seconds=round(time.monotonic() - begin, 3), **error)

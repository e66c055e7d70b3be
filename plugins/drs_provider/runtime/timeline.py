"""Structured events in the task log: one JSON object a line, for log analysis and for people."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

log = logging.getLogger("drs.timeline")


def emit(execution_id: str, event: str, **facts: Any) -> None:
    """Log an event of an execution (``executionId``, ``event``, ``timestamp``, ``timestampISO`` and facts)."""
    now = time.time()
    record = {
        "executionId": execution_id,
        "event": event,
        "timestamp": round(now, 3),
        "timestampISO": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        **facts,
    }
    log.info("%s", json.dumps(record, default=str, sort_keys=True))

"""Timeline events of the hooks: whose credentials an execution works with."""

from __future__ import annotations

import logging
import time
from typing import Any

from drs_provider.core.events import TIMELINE_LOGGER, Event, event_line
from drs_provider.core.identity import execution_of_session

log = logging.getLogger(TIMELINE_LOGGER)


def tell(session_name: str, event: Event, **facts: Any) -> None:
    """Log an event of the execution that a role session is named after; of none for shared sessions."""
    log.info("%s", event_line(execution_of_session(session_name), event, time.time(), facts))

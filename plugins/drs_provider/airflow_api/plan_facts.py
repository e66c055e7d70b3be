"""What is kept of plans from execution to execution: Airflow Variables with JSON.

Records of earlier runs are XComs, of which a worker would have to ask for run after run. What is kept here is small,
and a help only: whatever is lost or cannot be read changes no outcome, and nothing starts or ends because of it.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowRuntimeError

log = logging.getLogger(__name__)

_DESCRIPTION: Final = "Written by the recovery plans; what is deleted here is forgotten, no more."


def read_fact(key: str) -> Any:
    """Return what is kept under a key; None if there is nothing, or nothing that can be read."""
    try:
        text = Variable.get(key, default=None)
        return None if text is None else json.loads(text)
    except (AirflowRuntimeError, TypeError, ValueError) as error:
        log.warning("The Variable %s cannot be read: %s", key, error)
        return None


def keep_fact(key: str, value: Any) -> None:
    """Keep a value under a key; what Airflow does not take is a line in the log."""
    try:
        Variable.set(key, json.dumps(value, separators=(",", ":")), description=_DESCRIPTION)
    except (AirflowRuntimeError, TypeError) as error:
        log.warning("The Variable %s was not written: %s", key, error)


def forget_fact(key: str) -> None:
    """Delete what is kept under a key; what Airflow does not do is a line in the log."""
    try:
        Variable.delete(key)
    except (AirflowRuntimeError, TypeError) as error:
        log.warning("The Variable %s was not deleted: %s", key, error)

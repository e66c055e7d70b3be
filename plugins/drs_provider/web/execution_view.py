"""An execution as the page shows it: the command line's snapshot, and what goes with it."""

from __future__ import annotations

import time
from typing import Any

from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.snapshot.reader import Reader


def read(api: Api, dag_id: str, run_id: str) -> dict[str, Any]:
    """Return how an execution stands.

    :raises RefusedError: if there is none, or the caller may not see it
    """
    snapshot = Reader(Execution.of(api, dag_id, run_id)).read()
    return {**snapshot.to_dict(), "readAt": time.time()}

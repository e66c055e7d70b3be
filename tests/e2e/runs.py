"""Runs of a plan on a real Airflow, as people see them."""

from __future__ import annotations

import time
from typing import Any

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution
from embedded.needs import ADMIN
from embedded.stack import Stack
from tests.e2e.waiting import ended, until_asked

WIKI = "drs_wiki"


class Runs:
    """Runs of a plan, as people see them."""

    def __init__(self, stack: Stack, dag_id: str = WIKI) -> None:
        self._stack = stack
        self._dag_id = dag_id

    def start(self, run_id: str, conf: dict[str, Any]) -> None:
        with self._stack.api() as api:
            Execution.start(api, self._dag_id, conf, run_id)

    def answer(self, run_id: str, task_id: str, option: str) -> None:
        """Wait until a task asks, and answer as the administrator."""
        until_asked(self._stack, self._dag_id, run_id, task_id)
        with self._stack.api(ADMIN) as api:
            time.sleep(2)  # nobody real answers in the moment in which a task begins to wait
            Execution.of(api, self._dag_id, run_id).answer(task_id, option, {})

    def end(self, run_id: str) -> tuple[str, dict[str, Any]]:
        """Wait for the end; return the run's state and the record."""
        with self._stack.api() as api:
            execution = ended(self._stack, Execution.of(api, self._dag_id, run_id))
            return str(execution.run["state"]), execution.facts(keys.FINALIZE, keys.EXECUTION_RECORD)

"""Airflow's REST API for one execution, patient while the API server is killed and started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import httpx

from drs_provider import keys
from drs_provider.airflow_rest.client import Api, ApiError, UnreachableError, path
from drs_provider.airflow_rest.executions import Execution
from embedded.needs import OPERATOR
from embedded.stack import Stack

T = TypeVar("T")
PATIENCE_SECONDS = 180.0
_ALREADY = httpx.codes.CONFLICT


class PatientApi:
    """What people do to one execution; each request is repeated until the API server answers it."""

    def __init__(self, stack: Stack, dag_id: str, run_id: str) -> None:
        self.dag_id = dag_id
        self.run_id = run_id
        self._stack = stack
        self._users: dict[str, Api] = {}

    def close(self) -> None:
        """Close the connections."""
        for api in self._users.values():
            api.close()

    def dag(self) -> Mapping[str, Any] | None:
        """Return the DAG; None while it is not listed."""
        found: Mapping[str, Any] | None = self._try(lambda api: api.find(f"/dags{path(self.dag_id)}"))
        return found

    def trigger(self, conf: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start the run; a repeated request finds that it is started already."""

        def start(api: Api) -> Execution:
            try:
                return Execution.start(api, self.dag_id, conf, self.run_id)
            except ApiError as error:
                if error.status != _ALREADY:
                    raise
                return self._execution(api).refresh()

        return self._try(start).run

    def run(self) -> Mapping[str, Any]:
        """Return the run."""
        return self._try(lambda api: self._execution(api).refresh()).run

    def tasks(self) -> list[dict[str, Any]]:
        """Return its task instances."""
        return self._try(lambda api: list(self._execution(api).tasks().values()))

    def record(self) -> Mapping[str, Any] | None:
        """Return the execution record that `finalize` published."""
        record: Mapping[str, Any] | None = self._try(
            lambda api: self._execution(api).xcom(keys.FINALIZE, keys.EXECUTION_RECORD)
        )
        return record

    def questions(self) -> list[dict[str, Any]]:
        """Return what people are asked."""
        return self._try(lambda api: self._execution(api).questions())

    def answer(self, user: str, task_id: str, option: str, inputs: Mapping[str, str]) -> bool:
        """Answer a question; False if it takes no answer any more."""

        def give(api: Api) -> bool:
            try:
                self._execution(api).answer(task_id, option, inputs)
            except ApiError as error:
                if error.status in (_ALREADY, httpx.codes.NOT_FOUND):
                    return False
                raise
            return True

        return self._try(give, user)

    def mark_failed(self) -> None:
        """Stop the run."""
        self._try(lambda api: self._execution(api).stop())

    def clear(self, task_ids: Sequence[str]) -> None:
        """Clear tasks of an ended run with everything behind them; that begins the next attempt."""

        def once(api: Api) -> None:
            execution = self._execution(api).refresh()
            # A repeated request must not clear what the first one, whose answer was lost, has cleared.
            if execution.ended:
                execution.clear(task_ids)

        self._try(once)

    def _execution(self, api: Api) -> Execution:
        return Execution.of(api, self.dag_id, self.run_id)

    def _try(self, act: Callable[[Api], T], user: str = OPERATOR) -> T:
        deadline = time.monotonic() + PATIENCE_SECONDS
        if user not in self._users:
            self._users[user] = self._stack.api(user)
        while True:
            try:
                return act(self._users[user])
            except (UnreachableError, ApiError) as error:
                if not error.passes or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

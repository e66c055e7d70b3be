"""Airflow's REST API for one execution, patient while the API server is killed and started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from drs_provider import keys
from drs_provider.core.task_states import RUN_OVER
from embedded.airflow_api import AirflowApi, ApiError
from embedded.stack import Stack

T = TypeVar("T")
PATIENCE_SECONDS = 180.0
_ALREADY = httpx.codes.CONFLICT


class PatientApi:
    """What people do to one execution; each request is repeated until the API server answers it.

    :param user: who triggers, stops and clears
    """

    def __init__(self, stack: Stack, dag_id: str, run_id: str) -> None:
        self.dag_id = dag_id
        self.run_id = run_id
        self._stack = stack
        self._users: dict[str, AirflowApi] = {}
        self._path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"

    def close(self) -> None:
        """Close the connections."""
        for api in self._users.values():
            api.close()

    def dag(self) -> Mapping[str, Any] | None:
        """Return the DAG; None while it is not listed."""
        return self._try(lambda api: api.dag(self.dag_id))

    def trigger(self, conf: Mapping[str, Any]) -> Mapping[str, Any]:
        """Start the run; a repeated request finds that it is started already."""

        def start(api: AirflowApi) -> Mapping[str, Any]:
            try:
                return api.trigger(self.dag_id, conf, self.run_id)
            except ApiError as error:
                if error.status_code != _ALREADY:
                    raise
                return api.run(self.dag_id, self.run_id)

        return self._try(start)

    def run(self) -> Mapping[str, Any]:
        """Return the run."""
        return self._try(lambda api: api.run(self.dag_id, self.run_id))

    def tasks(self) -> list[dict[str, Any]]:
        """Return its task instances."""
        return self._try(lambda api: api.task_instances(self.dag_id, self.run_id))

    def record(self) -> Mapping[str, Any] | None:
        """Return the execution record that `finalize` published."""
        record: Mapping[str, Any] | None = self._try(
            lambda api: api.xcom(self.dag_id, self.run_id, keys.FINALIZE, keys.EXECUTION_RECORD)
        )
        return record

    def questions(self) -> list[dict[str, Any]]:
        """Return what people are asked."""
        return self._try(lambda api: api.waiting_questions(self.dag_id, self.run_id))

    def answer(self, user: str, task_id: str, option: str, inputs: Mapping[str, Any]) -> bool:
        """Answer a question; False if it takes no answer any more."""

        def give(api: AirflowApi) -> bool:
            try:
                api.answer(self.dag_id, self.run_id, task_id, option, inputs)
            except ApiError as error:
                if error.status_code in (_ALREADY, httpx.codes.NOT_FOUND):
                    return False
                raise
            return True

        return self._try(give, user)

    def mark_failed(self) -> None:
        """Stop the run."""
        self._try(lambda api: api.request("PATCH", self._path, json={"state": "failed"}))

    def clear(self, task_ids: Sequence[str]) -> None:
        """Clear tasks of an ended run with everything behind them; that begins the next attempt."""
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": list(task_ids),
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }

        def once(api: AirflowApi) -> None:
            # A repeated request must not clear what the first one, whose answer was lost, has cleared.
            if api.run(self.dag_id, self.run_id)["state"] in RUN_OVER:
                api.request("POST", f"/dags/{self.dag_id}/clearTaskInstances", json=body)

        self._try(once)

    def _try(self, act: Callable[[AirflowApi], T], user: str = "dr-operator") -> T:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if user not in self._users:
                    self._users[user] = self._stack.api(user)
                return act(self._users[user])
            except (httpx.TransportError, ApiError) as error:
                refused = (
                    isinstance(error, ApiError) and error.status_code < httpx.codes.INTERNAL_SERVER_ERROR
                )
                if refused or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

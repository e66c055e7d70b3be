"""What Airflow knows of the run: identity, initiator, attempt, task states, other tasks' XComs."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError

from drs_provider.airflow_api.needed import optional
from drs_provider.core.task_states import RUN_OVER
from drs_provider.exceptions import TaskStoppedError

log = logging.getLogger(__name__)

RuntimeTaskInstance = optional("airflow.sdk.execution_time.task_runner:RuntimeTaskInstance")
XCom = optional("airflow.sdk.execution_time.xcom:XCom")

#: What Airflow raises for an XCom that it cannot make a value of, such as one that somebody wrote by hand. If Airflow,
#: or a store of XComs, does not answer, other errors are raised: those are no answer.
_NO_VALUE = (ImportError, ValueError, TypeError, LookupError, AttributeError)


class Unreadable(dict[str, Any]):
    """Stands for an XCom that is there and cannot be read: evidence in it does not verify, other facts are absent."""

    def __init__(self, key: str, error: Exception) -> None:
        super().__init__()
        log.warning("XCom %s cannot be read: %s", key, error)


@dataclass(frozen=True)
class RunFacts:
    """The facts of a DAG run that an execution is identified and audited by.

    :param attempt: 1-based; grows each time a person clears the run or a part of it
    :param run_after: epoch seconds; unlike start and queue times it survives a clear
    :param started_at: epoch seconds; a clear sets it anew
    :param initiated_by: the authenticated user, or ``scheduler`` for a scheduled run
    :param run_type: Airflow's: ``manual``, ``scheduled``, ``backfill``, ``operator_triggered`` …
    :param triggered_by: the authenticated user, None if Airflow knows none
    """

    dag_id: str
    run_id: str
    run_after: float
    attempt: int
    started_at: float | None
    initiated_by: str
    scheduled: bool
    backfilled: bool
    conf: dict[str, Any]
    run_type: str = ""
    triggered_by: str | None = None

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> RunFacts:
        """Read the facts from a task's context."""
        run = context["dag_run"]
        run_type = str(getattr(run.run_type, "value", run.run_type))
        scheduled = run_type == "scheduled"
        fallback = "scheduler" if scheduled else "unknown"
        return cls(
            dag_id=run.dag_id,
            run_id=run.run_id,
            run_after=run.run_after.timestamp(),
            started_at=run.start_date.timestamp() if run.start_date else None,
            attempt=(run.clear_number or 0) + 1,
            initiated_by=run.triggering_user_name or fallback,
            scheduled=scheduled,
            backfilled=run_type == "backfill",
            conf=dict(run.conf or {}),
            run_type=run_type,
            triggered_by=run.triggering_user_name or None,
        )


def map_index_of(task_instance: Any) -> int:
    """Return the index of a mapped task's instance, from 0; -1 of any other."""
    index = getattr(task_instance, "map_index", None)
    return -1 if index is None else int(index)


class RunReader(ABC):
    """What the running task may know of a run; nothing can be written through it."""

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._ti = context["ti"]

    @property
    def task_id(self) -> str:
        """Id of the running task."""
        return str(self._ti.task_id)

    @abstractmethod
    def pull(self, task_id: str, key: str) -> Any:
        """Return a task's XCom, or None."""

    @abstractmethod
    def task_states(self) -> dict[str, str | None]:
        """Return the state of every task of the run by task id."""

    @abstractmethod
    def require_running(self) -> None:
        """Go on only if the running task is still meant to do something irrevocable.

        :raises TaskStoppedError: if the task was stopped or cleared
        """


class RunView(RunReader):
    """Reads the run's task states and XComs, and writes the running task's own XComs."""

    def pull(self, task_id: str, key: str) -> Any:
        """Return another task's XCom, or None."""
        return self._pull(key, task_ids=task_id)

    def pull_from(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """Return an XCom of another run, or None."""
        return self._pull(key, dag_id=dag_id, run_id=run_id, task_ids=task_id)

    def _pull(self, key: str, **address: str) -> Any:
        try:
            return self._ti.xcom_pull(key=key, **address)
        except _NO_VALUE as error:
            return Unreadable(key, error)

    def push(self, key: str, value: Any) -> None:
        """Write an XCom of the running task."""
        self._ti.xcom_push(key=key, value=value)

    def push_to(self, dag_id: str, run_id: str, task_id: str, key: str, value: Any) -> None:
        """Write an XCom of a task of any run; a worker may, unless the other DAG is another team's.

        :raises AirflowRuntimeError: if Airflow refuses
        """
        XCom.set(key=key, value=value, dag_id=dag_id, run_id=run_id, task_id=task_id)

    def push_own(self, task_id: str, key: str, value: Any) -> None:
        """Write an XCom of another task of this run."""
        self.push_to(self._ti.dag_id, self._ti.run_id, task_id, key, value)

    def task_states(self) -> dict[str, str | None]:
        """Return the state of every task of the run by task id: as it is now, since others run beside this task."""
        return self.states_in(self._ti.dag_id, self._ti.run_id)

    def require_running(self) -> None:
        """Go on only if the running task is still meant to run: to be asked just before something irrevocable.

        A person who marks the run failed, or clears the task, changes the database at once; the task's process lives
        on until its next heartbeat, and other tasks run beside it.

        :raises TaskStoppedError: if the task was stopped or cleared
        """
        index = map_index_of(self._ti)
        own = self._ti.task_id if index < 0 else f"{self._ti.task_id}_{index}"
        state = self.task_states().get(own)
        if state != "running":
            raise TaskStoppedError(
                f"{self._ti.task_id} was stopped meanwhile (it is {state}); it does nothing more"
            )

    @staticmethod
    def states_of(dag_id: str, task_ids: list[str]) -> dict[str, dict[str, str | None]]:
        """Return the states of some tasks in every run of a DAG, by run id and task id."""
        states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, task_ids=task_ids)
        return {run_id: dict(of_run) for run_id, of_run in states.items()}

    @staticmethod
    def states_in(dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return the state of every task of any run by task id; empty if there is no such run."""
        states = RuntimeTaskInstance.get_task_states(dag_id=dag_id, run_ids=[run_id])
        return dict(states.get(run_id, {}))

    @staticmethod
    def run_is_over(dag_id: str, run_id: str) -> bool:
        """Tell whether a run has ended, whatever became of its tasks; one that cannot be asked for has not."""
        try:
            return RuntimeTaskInstance.get_dagrun_state(dag_id=dag_id, run_id=run_id) in RUN_OVER
        except AirflowRuntimeError:
            return False

    def another_goes_on(self, dag_id: str, run_id: str) -> bool:
        """Tell whether a run is not this one, is there, and has not ended."""
        own = (self._ti.dag_id, self._ti.run_id)
        return (
            (dag_id, run_id) != own
            and bool(self.states_in(dag_id, run_id))
            and not self.run_is_over(dag_id, run_id)
        )

    @staticmethod
    def is_paused(dag_id: str) -> bool:
        """Tell whether a DAG is known to be paused."""
        try:
            return bool(RuntimeTaskInstance.get_dag(dag_id=dag_id).is_paused)
        except AirflowRuntimeError:
            return False


async def read_xcom(key: str, *, dag_id: str, run_id: str, task_id: str) -> Any:
    """Return an XCom in the triggerer, or None."""
    try:
        return await XCom.aget_one(key=key, dag_id=dag_id, run_id=run_id, task_id=task_id)
    except _NO_VALUE as error:
        return Unreadable(key, error)


async def publish_xcom(key: str, value: Any, *, dag_id: str, run_id: str, task_id: str) -> None:
    """Write an XCom of a deferred task from the triggerer."""
    await XCom.aset(key=key, value=value, dag_id=dag_id, run_id=run_id, task_id=task_id)

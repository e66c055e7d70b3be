"""Adapter over what Airflow tells a worker of runs other than its own: whether they exist, and what they are.

A worker has no database. Its supervisor answers ``GetDagRun`` and ``GetDRCount`` from the Execution API; what is not an
answer is an error here, never "there is no such run".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError

from drs_provider import keys
from drs_provider.airflow_api.needed import optional
from drs_provider.airflow_api.run import RunFacts, RunReader, RunView
from drs_provider.exceptions import DrsFailError, RunUnknownError

_COMMS = "airflow.sdk.execution_time.comms"
DagRunResult, DRCount = optional(f"{_COMMS}:DagRunResult"), optional(f"{_COMMS}:DRCount")
GetDagRun, GetDRCount = optional(f"{_COMMS}:GetDagRun"), optional(f"{_COMMS}:GetDRCount")
task_runner = optional("airflow.sdk.execution_time.task_runner")


@dataclass(frozen=True)
class FoundRun:
    """A DAG run.

    :param state: Airflow's: ``queued``, ``running``, ``success`` or ``failed``
    :param ended_at: epoch seconds, or None if it is not over
    """

    facts: RunFacts
    state: str
    ended_at: float | None


def find_run(dag_id: str, run_id: str) -> FoundRun | None:
    """Return a run of any DAG, or None if there is none.

    :raises RunUnknownError: if Airflow does not tell
    """
    # Counted first: an unknown run is a plain 0 there, and an error among others in the call that returns it.
    counted = _ask(GetDRCount(dag_id=dag_id, run_ids=[run_id]), DRCount)
    if counted.count == 0:
        return None
    run = _ask(GetDagRun(dag_id=dag_id, run_id=run_id), DagRunResult)
    if (run.dag_id, run.run_id) != (dag_id, run_id):
        raise RunUnknownError(f"Airflow answered with another run than {run_id} of {dag_id}")
    return FoundRun(
        facts=RunFacts.of({"dag_run": run}),
        state=str(getattr(run.state, "value", run.state)),
        ended_at=run.end_date.timestamp() if run.end_date else None,
    )


def task_states(dag_id: str, run_id: str) -> dict[str, str | None]:
    """Return the state of every task of a run by task id; empty if there is no such run.

    :raises RunUnknownError: if Airflow does not tell
    """
    with _told(f"the tasks of run {run_id}"):
        return RunView.states_in(dag_id, run_id)


def run_ids(dag_id: str) -> list[str]:
    """Return the runs of a DAG.

    :raises RunUnknownError: if Airflow does not tell
    """
    with _told(f"the runs of {dag_id}"):
        return list(RunView.states_of(dag_id, [keys.PREPARE]))


def xcom_of(view: RunView, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
    """Return an XCom of any run, or None.

    :raises RunUnknownError: if Airflow does not tell
    """
    with _told(f"XCom {key} of run {run_id}"):
        return view.pull_from(dag_id, run_id, task_id, key)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except AirflowRuntimeError as error:
        raise RunUnknownError(f"Airflow does not tell {what}: {error}") from error


def _ask(message: Any, kind: type[Any]) -> Any:
    with _told(f"({type(message).__name__}) of {message.dag_id}"):
        answer = task_runner.SUPERVISOR_COMMS.send(message)
    if not isinstance(answer, kind):
        raise RunUnknownError(f"Airflow does not answer {type(message).__name__}: {answer!r}")
    return answer


class OtherRunView(RunReader):
    """Another run's XComs and task states, read by the running task; it can write nothing.

    :param still_so: asked before something irrevocable: whether the other run still is what it was taken for
    """

    def __init__(
        self, context: Mapping[str, Any], dag_id: str, run_id: str, still_so: Callable[[], bool]
    ) -> None:
        super().__init__(context)
        self._dag_id, self._run_id = dag_id, run_id
        self._own = RunView(context)
        self._still_so = still_so

    def pull(self, task_id: str, key: str) -> Any:
        """Return an XCom of the other run, or None."""
        return xcom_of(self._own, self._dag_id, self._run_id, task_id, key)

    def task_states(self) -> dict[str, str | None]:
        """Return the state of every task of the other run by task id."""
        return task_states(self._dag_id, self._run_id)

    def require_running(self) -> None:
        """Go on only if the running task is still meant to run, and the other run has not changed.

        :raises TaskStoppedError: if the task was stopped or cleared
        :raises DrsFailError: if the other run has changed
        """
        self._own.require_running()
        if not self._still_so():
            raise DrsFailError(
                f"run {self._run_id} of {self._dag_id} has changed meanwhile: what it launched is left to it"
            )

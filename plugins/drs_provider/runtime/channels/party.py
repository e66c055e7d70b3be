"""Who publishes and reads: the running task of an execution, a run that is none yet, or another run's XComs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from drs_provider.airflow_api.other_runs import xcom_of
from drs_provider.airflow_api.run import RunView


class ReadXComs(Protocol):
    """XComs of a run, to be read."""

    @property
    def task_id(self) -> str:
        """Id of the running task."""

    def pull(self, task_id: str, key: str) -> Any:
        """Return a task's XCom, or None."""


class XComs(ReadXComs, Protocol):
    """XComs of a run, for its tasks."""

    def push(self, key: str, value: Any) -> None:
        """Write an XCom of the running task."""

    def push_own(self, task_id: str, key: str, value: Any) -> None:
        """Write an XCom of another task of the run."""


V = TypeVar("V", bound=ReadXComs, covariant=True)


class Reader(Protocol):
    """Who reads: an execution, or a run that is none yet."""

    @property
    def view(self) -> ReadXComs:
        """XComs of its run."""

    @property
    def context(self) -> Mapping[str, Any]:
        """Airflow's context of the running task, whose state store it has."""

    @property
    def execution_id(self) -> str | None:
        """What its messages are bound to; None: the reader does not know it yet, and looks at the binding itself."""

    @property
    def plan_hash(self) -> str | None:
        """Hash of the frozen plan."""


class Party(Reader, Protocol):
    """Who also publishes."""

    @property
    def view(self) -> XComs:
        """XComs of its run."""


@dataclass(frozen=True)
class Run(Generic[V]):
    """A run whose frozen plan is not at hand; what is published there depends on what its XComs allow."""

    view: V
    execution_id: str | None = None
    plan_hash: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


class OtherRun:
    """XComs of another run, for the running task."""

    task_id = ""

    def __init__(self, view: RunView, dag_id: str, run_id: str) -> None:
        self._view, self._dag_id, self._run_id = view, dag_id, run_id

    def pull(self, task_id: str, key: str) -> Any:
        """Return an XCom of the other run, or None.

        :raises RunUnknownError: if Airflow does not tell
        """
        return xcom_of(self._view, self._dag_id, self._run_id, task_id, key)

    def push(self, key: str, value: Any) -> None:
        """Refuse: no task of the other run is running here.

        :raises TypeError: always
        """
        raise TypeError(f"XCom {key} of run {self._run_id} is not the running task's")

    def push_own(self, task_id: str, key: str, value: Any) -> None:
        """Write an XCom of the other run.

        :raises AirflowRuntimeError: if Airflow refuses
        """
        self._view.push_to(self._dag_id, self._run_id, task_id, key, value)

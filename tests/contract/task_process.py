"""A task's process with Airflow's own task runner; only the supervisor at the other end of its line is a double."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import structlog
from airflow.dag_processing.bundles.base import BaseDagBundle
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
from airflow.sdk.api.datamodels._generated import DagRun, TIRunContext
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

RUN_AFTER = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


@dataclass
class Supervisor:
    """Keeps what the task process sends, and answers what it asks."""

    sent: list[Any] = field(default_factory=list)
    xcoms: dict[tuple[str, str], Any] = field(default_factory=dict)
    store: dict[str, Any] = field(default_factory=dict)
    task_states: dict[str, dict[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def send(self, msg: Any = None) -> Any:
        self.sent.append(msg)
        match msg:
            case comms.GetXComSequenceSlice():
                found = [self.xcoms[at] for at in [(msg.task_id, msg.key)] if at in self.xcoms]
                return comms.XComSequenceSliceResult(root=found)
            case comms.GetTaskStateStore() if msg.key in self.store:
                return comms.TaskStateStoreResult(value=self.store[msg.key])
            case comms.GetTaskStateStore():
                return comms.ErrorResponse(error=comms.ErrorType.TASK_STORE_NOT_FOUND)
            case comms.SetTaskStateStore():
                self.store[msg.key] = msg.value
            case comms.GetTaskStates():
                return comms.TaskStatesResult(task_states=self.task_states)
            case comms.PutVariable():
                self.variables[msg.key] = msg.value or ""
            case comms.GetVariableKeys():
                found = sorted(key for key in self.variables if key.startswith(msg.prefix or ""))
                page = found[msg.offset : msg.offset + msg.limit]
                return comms.VariableKeysResult(keys=page, total_entries=len(found))
        return None

    async def asend(self, msg: Any = None) -> Any:
        return self.send(msg)

    def messages(self, kind: type[Any]) -> list[Any]:
        return [msg for msg in self.sent if isinstance(msg, kind)]

    def xcoms_set(self) -> dict[str, Any]:
        return {msg.key: msg.value for msg in self.messages(comms.SetXCom)}


class Probe(BaseOperator):
    """A task that does what the test says."""

    def __init__(self, *, action: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.action = action

    def execute(self, context: Any) -> Any:
        return self.action(context)

    def resumed(self, context: Any, event: Any = None) -> Any:
        return self.action(context, event)


class SensorProbe(BaseSensorOperator):
    """The same as a sensor."""

    def __init__(self, *, action: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.action = action

    def execute(self, context: Any) -> Any:
        return self.action(context)

    def resumed(self, context: Any, event: Any = None) -> Any:
        return self.action(context, event)


@dataclass
class Ended:
    """How a task's process ended.

    :param message: what the task runner told of the task's state
    """

    state: str
    message: Any
    error: BaseException | None
    ti_id: UUID


def dag_run(**values: Any) -> DagRun:
    given = {
        "dag_id": "probe_dag",
        "run_id": "manual__1",
        "logical_date": None,
        "data_interval_start": None,
        "data_interval_end": None,
        "run_after": RUN_AFTER,
        "start_date": RUN_AFTER,
        "end_date": None,
        "run_type": "manual",
        "state": "running",
        "conf": {},
        "consumed_asset_events": [],
        "partition_key": None,
    }
    return DagRun.model_validate(given | values)


def runtime_ti(
    task: BaseOperator, *, run: DagRun | None = None, max_tries: int = 3, **resume: Any
) -> RuntimeTaskInstance:
    """Return a task instance as the task runner makes it; ``resume``: next_method and next_kwargs."""
    server = TIRunContext(dag_run=run or dag_run(), max_tries=max_tries, **resume)
    return RuntimeTaskInstance.model_construct(
        id=uuid4(),
        task_id=task.task_id,
        dag_id=task.dag.dag_id,
        run_id=server.dag_run.run_id,
        try_number=1,
        dag_version_id=uuid4(),
        map_index=-1,
        task=task,
        bundle_instance=mock.create_autospec(BaseDagBundle, instance=True),
        max_tries=max_tries,
        start_date=RUN_AFTER,
        state=None,
        _ti_context_from_server=server,
    )


def run(task: BaseOperator, **options: Any) -> Ended:
    """Run a task to the end of its process, finalizers included."""
    ti = runtime_ti(task, **options)
    context = ti.get_template_context()
    log = structlog.get_logger("task")
    state, message, error = task_runner.run(ti, context, log)
    task_runner.finalize(ti, state, context, log, error)
    return Ended(str(state.value), message, error, ti.id)


def run_probe(
    action: Callable[..., Any], *, make: type[Probe] | type[SensorProbe] = Probe, **options: Any
) -> Ended:
    with DAG("probe_dag", schedule=None):
        task = make(task_id="probe", action=action)
    return run(task, **options)

"""One start of a task in a worker: its context, its operator, and what becomes of it."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.context import ConnectionAccessor, OutletEventAccessors

from tests.harness.airflow_side import StateStore
from tests.harness.effects import THE_END, WorkerKilled

if TYPE_CHECKING:
    from tests.harness.plan_run import PlanRun

log = logging.getLogger(__name__)


class TaskInstance:
    """``context["ti"]``."""

    def __init__(self, run: PlanRun, task_id: str) -> None:
        row = run.rows[task_id]
        self.id = row.id
        self.dag_id = run.dag.dag_id
        self.run_id = run.dag_run.run_id
        self.task_id = task_id
        self.try_number = row.try_number
        self.map_index = -1
        self._run = run

    def xcom_pull(
        self,
        task_ids: str | None = None,
        dag_id: str | None = None,
        key: str = "return_value",
        *,
        run_id: str | None = None,
        default: Any = None,
        map_indexes: Any = None,
    ) -> Any:
        run = self._run.stage.find(dag_id or self.dag_id, run_id or self.run_id)
        found = run.xcoms.get(task_ids or self.task_id, key) if run else None
        return default if found is None else found

    def xcom_push(self, key: str, value: Any) -> None:
        self._run.stage.effects.about_to(self.task_id, f"XCom {key}")
        self._run.xcoms.set(self.task_id, key, value)


def context_of(run: PlanRun, task: Any) -> dict[str, Any]:
    """Return what Airflow gives a task of this run."""
    ti = TaskInstance(run, task.task_id)
    return {
        "ti": ti,
        "task_instance": ti,
        "task": task,
        "dag": task.dag,
        "dag_run": run.dag_run,
        "run_id": ti.run_id,
        "params": {**task.dag.params.dump(), **run.conf} if task.template_fields else {},
        "outlet_events": OutletEventAccessors(),
        "conn": ConnectionAccessor(),
        "task_state_store": StateStore(
            run.stores.setdefault(task.task_id, {}),
            lambda what: run.stage.effects.about_to(task.task_id, what),
        ),
    }


def start(run: PlanRun, task_id: str) -> None:
    """Run a task until it ends, fails or defers, and set its state accordingly."""
    row = run.rows[task_id]
    task = copy.copy(run.dag_source(task_id).get_task(task_id))  # nothing that it keeps outlives this start
    if row.next_method is None:
        run.xcoms.clear_task(task_id)
        row.try_number += 1
    run.set_state(task_id, "running")
    run.running = task_id
    try:
        _execute(run, task)
    except AirflowSkipException:
        run.set_state(task_id, "skipped")
    except (AirflowFailException, AirflowSensorTimeout) as error:
        _failed(run, task_id, error, may_retry=False)
    except (Exception, WorkerKilled) as error:
        _failed(run, task_id, error, may_retry=True)
    finally:
        run.running = None
        for link in task.operator_extra_links:
            run.links[task_id, link.name] = link.get_link(task, ti_key=None)


def _execute(run: PlanRun, task: Any) -> None:
    """Call the operator as Airflow's task runner does."""
    task_id = task.task_id
    row = run.rows[task_id]
    context = context_of(run, task)
    if task.template_fields:
        task.render_template_fields(context)
    effects = run.stage.effects
    try:
        if row.next_method is None:
            sentinel = {f"{type(task).__name__}__sentinel": ExecutorSafeguard.sentinel_value}
            result = task.execute(context, **sentinel)
        else:
            result = task.resume_execution(row.next_method, row.next_kwargs, context)
    except TaskDeferred as deferral:
        effects.about_to(task_id, f"{THE_END}: defer")
        row.next_method, row.next_kwargs = deferral.method_name, dict(deferral.kwargs or {})
        run.defer(task_id, deferral)
    else:
        effects.about_to(task_id, THE_END)
        if result is not None:
            run.xcoms.set(task_id, "return_value", result)
        run.set_state(task_id, "success")
        # Airflow registers them in the transaction that makes the task a success.
        run.asset_events += task_runner._serialize_outlet_events(context["outlet_events"])


def _failed(run: PlanRun, task_id: str, error: BaseException, *, may_retry: bool) -> None:
    row = run.rows[task_id]
    row.error, row.next_method, row.next_kwargs = error, None, {}
    log.info("%s: %s: %s", task_id, type(error).__name__, error)
    if may_retry and row.tries_left > 0:
        row.tries_left -= 1
        run.set_state(task_id, "up_for_retry")
    else:
        run.set_state(task_id, "failed")

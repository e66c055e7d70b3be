"""The sweeper on a stage: its real task, beside the plan runs that the stage knows."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType, TaskDeferred
from airflow.sdk.execution_time import comms, task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from drs_provider import keys
from drs_provider.dag_factory.sweeper import sweeper_dag
from drs_provider.plan.files.folder import load_plan
from drs_provider.plan.model import Plan
from tests.harness import rules
from tests.harness.airflow_side import StateStore, as_json
from tests.harness.plan_run import DagRun, PlanRun
from tests.harness.stage import SAMPLE_PLANS, Stage

MOST_DEFERRALS = 50


class SweepTask:
    """``context["ti"]`` of the sweeper."""

    def __init__(self, sweeps: Sweeps) -> None:
        self.id = uuid4()
        self.dag_id, self.run_id, self.task_id = "drs_sweeper", "manual__sweep", keys.SWEEP
        self.pushed: dict[str, Any] = {}
        self._stage = sweeps.stage

    def xcom_pull(self, *, task_ids: str, key: str, dag_id: str = "", run_id: str = "") -> Any:
        run = self._stage.find(dag_id, run_id)
        return run.xcoms.get(task_ids, key) if run else None

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = as_json(value)


@dataclass
class Sweeps:
    """Runs sweeps, and plays the part of Airflow that answers them.

    :param run_states: what Airflow says of runs, by run id, where it is not what their tasks say
    :param silent: DAGs of which Airflow tells nothing
    """

    stage: Stage
    plans: Path
    run_states: dict[str, str] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    own_state: str = "running"
    tasks: list[SweepTask] = field(default_factory=list)
    error: Exception | None = None

    def know(self, plan: Plan | str) -> Plan:
        """Put a plan's file into the folder of plans (by name: a sample plan)."""
        known = load_plan(SAMPLE_PLANS, plan) if isinstance(plan, str) else plan
        if isinstance(plan, str):
            shutil.copy(SAMPLE_PLANS / "people.yaml", self.plans)  # the teams that it names
        (self.plans / f"{known.name}.yaml").write_text(
            json.dumps(_as_written(known.to_dict())), encoding="utf-8"
        )
        return known

    def delete(self, run: PlanRun) -> None:
        """Delete a DAG run, with its tasks and XComs."""
        run.triggerer.close()
        self.stage.runs.remove(run)

    def end(self, run: PlanRun, state: str = "failed") -> None:
        """Let a run be over for Airflow, whatever became of its tasks."""
        self.run_states[run.dag_run.run_id] = state
        for row in run.rows.values():
            if row.state not in rules.FINISHED:
                row.state = None

    def sweep(self, **conf: Any) -> dict[str, Any]:
        """Sweep until the task ends, well or not; return its report."""
        task = sweeper_dag(self.plans).get_task(keys.SWEEP)
        ti = SweepTask(self)
        self.tasks.append(ti)
        moment = datetime.fromtimestamp(self.stage.now(), UTC)
        run = DagRun(ti.dag_id, ti.run_id, conf, "manual", moment, moment, "dr-operator")
        context = {
            "ti": ti,
            "task": task,
            "dag_run": run,
            "task_state_store": StateStore({}, lambda what: None),
        }
        method, arguments = "execute", {"DrsSweepOperator__sentinel": ExecutorSafeguard.sentinel_value}
        for _ in range(MOST_DEFERRALS):
            try:
                getattr(task, method)(context, **arguments)
            except TaskDeferred as deferral:
                method, arguments = deferral.method_name, {"event": None}
                self.stage.simulator.advance(120)
            except Exception as error:
                self.error = error
                break
            else:
                self.error = None
                break
        else:
            raise AssertionError("the sweep does not end")
        report: dict[str, Any] = ti.pushed.get(keys.SWEEP_REPORT, {})
        return report

    def send(self, message: Any) -> Any:
        """Answer a worker's question as its supervisor does."""
        if message.dag_id in self.silent:
            detail = {"status_code": 502, "message": "Bad Gateway"}
            raise AirflowRuntimeError(comms.ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail=detail))
        match message:
            case comms.GetDRCount():
                found = [self.stage.find(message.dag_id, run_id) for run_id in message.run_ids or ()]
                return comms.DRCount(count=sum(run is not None for run in found))
            case comms.GetDagRun():
                run = self.stage.find(message.dag_id, message.run_id)
                assert run is not None
                return self._dag_run(run)
        raise AssertionError(f"a sweep does not ask for {message!r}")

    def states(self, dag_id: str, **which: Any) -> dict[str, dict[str, str | None]]:
        if dag_id == "drs_sweeper":
            return {"manual__sweep": {keys.SWEEP: self.own_state}}
        return self.stage.task_states(dag_id, **which)

    def _dag_run(self, run: PlanRun) -> comms.DagRunResult:
        over = all(row.state in rules.FINISHED for row in run.rows.values())
        state = self.run_states.get(
            run.dag_run.run_id, rules.colour(run.dag, run.states) if over else "running"
        )
        return comms.DagRunResult.model_validate(
            {
                "dag_id": run.dag_run.dag_id,
                "run_id": run.dag_run.run_id,
                "logical_date": None,
                "data_interval_start": None,
                "data_interval_end": None,
                "run_after": run.dag_run.run_after,
                "start_date": run.dag_run.start_date,
                "end_date": None,
                "clear_number": run.dag_run.clear_number,
                "run_type": run.dag_run.run_type,
                "state": state,
                "conf": run.dag_run.conf,
                "triggering_user_name": run.dag_run.triggering_user_name,
                "consumed_asset_events": [],
                "partition_key": None,
            }
        )


def _as_written(value: Any) -> Any:
    """Return a plan's data as people write them: without what has no value."""
    if isinstance(value, dict):
        return {
            key: False if key == "hold" and item is None else _as_written(item)
            for key, item in value.items()
            if item is not None or key == "hold"
        }
    return [_as_written(item) for item in value] if isinstance(value, list | tuple) else value


@pytest.fixture
def sweeps(play: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweeps:
    """Sweeps on the test's stage; wiki is the only plan that they know."""
    return sweeps_on(play, tmp_path / "plans", monkeypatch)


def sweeps_on(play: Stage, plans: Path, patch: pytest.MonkeyPatch) -> Sweeps:
    """Return sweeps on a stage; wiki is the only plan that they know.

    :param plans: a folder that is made
    """
    made = Sweeps(play, plans)
    made.plans.mkdir()
    made.know("wiki")
    patch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
    patch.setattr(RuntimeTaskInstance, "get_task_states", staticmethod(made.states))
    return made

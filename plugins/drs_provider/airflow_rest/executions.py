"""Executions as Airflow's API knows them: finding them, and everything that is read of them and done to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import httpx

from drs_provider import keys
from drs_provider.airflow_rest.client import Api, ApiError, path
from drs_provider.airflow_rest.plans import Plans
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line
from drs_provider.core.evidence import peek
from drs_provider.core.identity import DAG_ID_PREFIX, dag_id_of, plan_name_of
from drs_provider.core.task_states import RUN_OVER, TASK_NOT_BEGUN
from drs_provider.plan.problems import quoted_list

#: What a frozen plan's header and an ended attempt's record have for certain. Whoever may edit a run may write others.
_HEADER = {"execution_id", "execution_type", "waves", "run_after", "started_at", "max_age_seconds", "hold"}
_RECORD = {"executionId", "executionType", "status", "attempt", "attempts", "startTime", "waves"}


@dataclass
class Execution:
    """One DAG run of a plan, read anew each time it is asked.

    :param run: the run as it was when it was found
    """

    api: Api
    run: dict[str, Any]
    _names: dict[int, str] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def find(cls, api: Api, word: str, *, running: bool = False) -> Execution:
        """Find the execution that a word names: ``PLAN/RUN``, a run's id, or a plan.

        A plan stands for its newest execution, or with ``running`` for the only one that has not ended.

        :raises RefusedError: if there is none, or more than one
        """
        plans = Plans(api)
        plan, slash, run_id = word.partition("/")
        if slash:
            dag_id = dag_id_of(plan.removeprefix(DAG_ID_PREFIX))
            run = api.find(_run_path(dag_id, run_id))
            if run is None:
                plans.dag(plan.removeprefix(DAG_ID_PREFIX))
                raise RefusedError(
                    f"plan {plan} has no run `{run_id}`", "see: status PLAN", ExitCode.NOT_FOUND
                )
            return cls(api, run)
        found = plans.runs_named(word)
        if len(found) == 1:
            return cls(api, found[0])
        if found:
            names = quoted_list(f"{plan_name_of(run['dag_id'])}/{word}" for run in found)
            raise RefusedError(
                f"several plans have a run `{word}`", f"say which: {names}", ExitCode.REFUSED_INPUT
            )
        return cls(api, _of_plan(plans, word, running))

    @classmethod
    def of(cls, api: Api, dag_id: str, run_id: str) -> Execution:
        """Return the execution that is this run; nothing is asked before :meth:`refresh`."""
        return cls(api, {"dag_id": dag_id, "dag_run_id": run_id, "state": None})

    @classmethod
    def start(cls, api: Api, dag_id: str, conf: Mapping[str, Any], run_id: str | None = None) -> Execution:
        """Start a run.

        :param run_id: the caller's name for it; a second run of that name is refused with 409
        """
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf)}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return cls(api, dict(api.post(f"/dags{path(dag_id, 'dagRuns')}", body)))

    @property
    def dag_id(self) -> str:
        """Id of the plan's DAG."""
        return str(self.run["dag_id"])

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return str(self.run["dag_run_id"])

    @property
    def plan(self) -> str:
        """Name of the plan."""
        return plan_name_of(self.dag_id) or self.dag_id

    @property
    def name(self) -> str:
        """What the command line calls it."""
        return f"{self.plan}/{self.run_id}"

    @property
    def path(self) -> str:
        """Path of the run in the API."""
        return _run_path(self.dag_id, self.run_id)

    @property
    def link(self) -> str:
        """Address of the run in Airflow's UI."""
        return f"{self.api.url}{path('dags', self.dag_id, 'runs', self.run_id)}"

    @property
    def ended(self) -> bool:
        """Whether the run had ended when it was last read."""
        return self.run["state"] in RUN_OVER

    def refresh(self) -> Self:
        """Read the run again.

        :raises ApiError: if there is no such run (404)
        """
        self.run = dict(self.api.get(self.path))
        return self

    def tasks(self) -> dict[str, dict[str, Any]]:
        """Return the run's task instances by task id."""
        found = self.api.pages(f"{self.path}/taskInstances", "task_instances")
        tasks = {each["task_id"]: each for each in found}
        roles = [role for task_id in tasks if (role := role_of(task_id)) is not None]
        self._names = dict(sorted((role.wave_number, role.wave_name) for role in roles if role.wave_name))
        return tasks

    def questions(self) -> list[dict[str, Any]]:
        """Return what the run asks people and nobody has answered."""
        return [each for each in self.unanswered() if self._waits(*_asking(each))]

    def _waits(self, task_id: str, state: str | None) -> bool:
        """Whether a task waits for people; a step that is deferred may also wait for what it checks."""
        if not keys.may_wait_for_people(task_id, state):
            return False
        return not keys.is_step(task_id) or self.xcom(task_id, keys.ASKING) is True

    def unanswered(self) -> list[dict[str, Any]]:
        """Return Airflow's questions of the run, also of tasks that do not wait yet, or no longer."""
        return self.api.pages(f"{self.path}/hitlDetails", "hitl_details", response_received="false")

    def answer(self, task_id: str, option: str, inputs: Mapping[str, str]) -> dict[str, Any]:
        """Answer what a task asks; Airflow takes it before anybody has looked whether it counts.

        :raises ApiError: if the user may not answer (403), or the task takes no answer any more (404, 409)
        """
        answer = {"chosen_options": [option], "params_input": dict(inputs)}
        return dict(self.api.patch(self._question_path(task_id), answer))

    def question_of(self, task_id: str) -> dict[str, Any] | None:
        """Return what a task asks or has asked, with the answer if there is one; None if it never asked."""
        found = self.api.find(self._question_path(task_id))
        return None if found is None else dict(found)

    def _question_path(self, task_id: str) -> str:
        return f"{self.path}{path('taskInstances', task_id, '-1', 'hitlDetails')}"

    def stop(self, note: str = "") -> None:
        """Mark the run failed; its cleanup and its end still run."""
        self.api.patch(self.path, {"state": "failed", **({"note": note} if note else {})})

    def clear(self, task_ids: Sequence[str]) -> list[str]:
        """Clear tasks with everything behind them, which begins the next attempt; return what was cleared."""
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": list(task_ids),
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        cleared = self.api.post(f"/dags{path(self.dag_id, 'clearTaskInstances')}", body)
        return sorted(each["task_id"] for each in cleared["task_instances"])

    def xcom(self, task_id: str, key: str) -> Any:
        """Return an XCom's value, or None."""
        entry = self.api.find(self.xcom_path(task_id, key), stringify="false")
        return None if entry is None else entry["value"]

    def facts(self, task_id: str, key: str, members: Collection[str] = ()) -> dict[str, Any]:
        """Return an XCom that is an object; empty if there is none, or if somebody wrote something else there.

        :param members: what it must have
        """
        value = self.xcom(task_id, key)
        return dict(value) if isinstance(value, Mapping) and set(members) <= value.keys() else {}

    def write_xcom(self, task_id: str, key: str, value: Any) -> None:
        """Write an XCom, whether or not there is one.

        :raises ApiError: if the user may not
        """
        if self.xcom(task_id, key) is None:
            try:
                self.api.post(self.xcom_path(task_id, key).rpartition("/")[0], {"key": key, "value": value})
            except ApiError as error:
                if error.status != httpx.codes.CONFLICT:
                    raise
            else:
                return
        self.api.patch(self.xcom_path(task_id, key), {"value": value})

    def failure(self, task_id: str) -> str:
        """Return why a task says it failed; empty if it was stopped without a word."""
        return str(self.facts(task_id, keys.FAILURE).get("message", ""))

    def xcom_path(self, task_id: str, key: str) -> str:
        """Return the path of an XCom."""
        return f"{self.path}{path('taskInstances', task_id, 'xcomEntries', key)}"

    @cached_property
    def header(self) -> dict[str, Any] | None:
        """The frozen plan's header, or None while there is none. Its signature is for the tasks to check."""
        header = peek(self.facts(keys.PREPARE, keys.FROZEN_PLAN))
        return header if header.keys() >= _HEADER else None

    def left_out(self, number: int) -> bool:
        """Tell whether the execution was started without a wave."""
        refs = (self.header or {}).get("waves", ())
        return any(ref["number"] == number and not ref["selected"] for ref in refs)

    @property
    def waves(self) -> dict[int, str]:
        """Names of the plan's waves by number, as the run's tasks tell them."""
        if not self._names:
            self.tasks()
        return self._names

    def record(self, tasks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
        """Return the record of the attempt that has ended, or None."""
        return self.last_record() if has_told(tasks.get(keys.FINALIZE)) else None

    def last_record(self) -> dict[str, Any] | None:
        """Return the record of the attempt that ended last, or None."""
        return self.facts(keys.FINALIZE, keys.EXECUTION_RECORD, _RECORD) or None


def role_of(task_id: str) -> keys.TaskRole | None:
    """Return what a task is for, or None for a task that this version does not know."""
    try:
        return keys.role_of(task_id)
    except ValueError:
        return None


def _asking(question: Mapping[str, Any]) -> tuple[str, str | None]:
    instance = question["task_instance"]
    return instance["task_id"], instance["state"]


def has_told(task: Mapping[str, Any] | None) -> bool:
    """Tell whether a task has begun in this attempt, so that its XComs are of it."""
    return task is not None and task["state"] not in TASK_NOT_BEGUN


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags{path(dag_id, 'dagRuns', run_id)}"


def _of_plan(plans: Plans, plan: str, running: bool) -> dict[str, Any]:
    try:
        dag = plans.dag(plan.removeprefix(DAG_ID_PREFIX))
    except RefusedError as error:
        if error.code is not ExitCode.NOT_FOUND:
            raise
        raise RefusedError(
            f"there is no run and no plan `{one_line(plan)}`", "see: status", error.code
        ) from error
    runs = plans.newest([dag["dag_id"]], 20)
    if not running:
        if not runs:
            raise RefusedError(f"plan {plan} was never executed", "", ExitCode.NOT_FOUND)
        return runs[0]
    open_runs = [run for run in runs if run["state"] not in RUN_OVER]
    if len(open_runs) > 1:
        names = quoted_list(run["dag_run_id"] for run in open_runs)
        raise RefusedError(f"several executions of {plan} run", f"say which: {names}", ExitCode.REFUSED_INPUT)
    if not open_runs:
        raise RefusedError(f"no execution of {plan} runs", "name an execution: see status", ExitCode.CONFLICT)
    return open_runs[0]

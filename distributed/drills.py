"""Drills of all sample plans at once, answered by the people whom the plans name, while processes are killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from distributed.stack import DistributedStack
from drs_provider import keys
from drs_provider.airflow_rest.client import Api, ApiError, UnreachableError
from drs_provider.airflow_rest.executions import Execution
from drs_provider.core.identity import dag_id_of
from embedded.processes import StackError
from embedded.stack import is_ready

PLANS = ("erp_three_tier", "shop_two_regions", "wiki")
LEAD, APPROVER = "dr-lead", "dr-approver-1"
RUN_ID = "distributed"
DRILL_SECONDS = 400.0
_LOOK_SECONDS = 0.3
#: How long a killed process stays away: docker starts it again at once, and it takes its time to come up.
_AWAY_SECONDS = 1.0

Task = Mapping[str, Any]
#: From a plan's task instances to the processes to kill, none while the moment has not come
Moment = Callable[[Task], str | None]


@dataclass(frozen=True)
class Strike:
    """A process that is killed, and when.

    :param what: the process, or the kind of process
    :param task: name of the task in whose course it dies
    :param states: Airflow's states of that task
    :param victim: which process dies for a task instance in that state
    """

    what: str
    task: str
    states: tuple[str, ...]
    victim: Moment

    def victim_of(self, task: Task) -> str | None:
        """Return what to kill for a task instance as it is now, or None."""
        if task["task_id"].rpartition(".")[2] != self.task or task["state"] not in self.states:
            return None
        return self.victim(task)


def _worker(task: Task) -> str | None:
    return str(task["hostname"]) if task.get("hostname") else None


def _triggerer(task: Task) -> str | None:
    job = task.get("triggerer_job") or {}
    return str(job["hostname"]) if job.get("hostname") else None


#: Each strikes at the first moment of its kind, one at a time.
STRIKES = (
    Strike("worker", keys.START_RECOVERY, ("running",), _worker),
    Strike("triggerer", keys.WAIT_FOR_RECOVERY, ("deferred",), _triggerer),
    # Queued is what matters to it, and passes in less than a look on a quiet machine.
    Strike("Redis", keys.ENRICH, ("queued", "running"), lambda _: "redis"),
    Strike("scheduler", keys.ENRICH, ("running",), lambda _: "scheduler"),
    Strike("worker", keys.CLEANUP_DRILL, ("running",), _worker),
)


@dataclass(frozen=True)
class Ended:
    """A drill that has ended.

    :param tasks: task instances by task id
    :param record: the execution record that `finalize` published
    """

    plan: str
    run_state: str
    tasks: Mapping[str, Task]
    record: Mapping[str, Any]
    seconds: float


@dataclass
class Drills:
    """Starts the drills, and follows them to their ends."""

    stack: DistributedStack
    plans: Sequence[str] = PLANS
    struck: list[str] = field(default_factory=list)
    _left: list[Strike] = field(default_factory=lambda: list(STRIKES))
    _ended: dict[str, Ended] = field(default_factory=dict)

    def run(self) -> list[Ended]:
        """Return all drills when they have ended.

        :raises StackError: if they do not in time, with where they hang
        """
        began = time.monotonic()
        with self.stack.api(LEAD) as lead, self.stack.api(APPROVER) as approver:
            for plan in self.plans:
                self.stack.until(f"the DAG of {plan} appears", lambda plan=plan: is_ready(_dag(lead, plan)))  # type: ignore[misc]
            runs = [Execution.start(lead, dag_id_of(plan), {}, RUN_ID) for plan in self.plans]
            began = time.monotonic()
            while len(self._ended) < len(runs):
                for run in runs:
                    if run.plan not in self._ended:
                        self._look(run, approver, time.monotonic() - began)
                if time.monotonic() - began > DRILL_SECONDS:
                    raise StackError(f"after {DRILL_SECONDS:g} s: {_where(runs, self._ended)}")
                self.stack.processes.check()
                time.sleep(_LOOK_SECONDS)
        return [self._ended[plan] for plan in self.plans]

    def _look(self, run: Execution, approver: Api, seconds: float) -> None:
        tasks = run.tasks()
        self._strike(tasks.values(), seconds)
        for question in run.questions():
            self._answer(run, approver, str(question["task_instance"]["task_id"]))
        if run.refresh().ended:
            record = run.xcom(keys.FINALIZE, keys.EXECUTION_RECORD) or {}
            self._ended[run.plan] = Ended(run.plan, str(run.run["state"]), run.tasks(), record, seconds)
            self.stack.report(f"{seconds:4.0f} s  {run.plan} ended: run {run.run['state']}")

    def _strike(self, tasks: Iterable[Task], seconds: float) -> None:
        for strike, task in product(self._left, tasks):
            victim = strike.victim_of(task)
            if victim is None:
                continue
            self.stack.kill(victim)
            told = f"{strike.what} {victim} killed: {task['dag_id']}/{task['task_id']} {task['state']}"
            self.struck.append(told)
            self.stack.report(f"{seconds:4.0f} s  {told}")
            self._left.remove(strike)
            time.sleep(_AWAY_SECONDS)
            self.stack.start(victim)
            return

    def _answer(self, run: Execution, approver: Api, task_id: str) -> None:
        # A gate names who may answer, a drill's hold is open to whoever may edit the run.
        mine = task_id != keys.HOLD_DRILL
        execution = Execution.of(approver, run.dag_id, run.run_id) if mine else run
        try:
            execution.answer(task_id, "Approve" if mine else "Passed", {})
        except (ApiError, UnreachableError) as error:
            if not error.passes:
                raise


def _dag(api: Api, plan: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = api.find(f"/dags/{dag_id_of(plan)}")
    return found


def _where(runs: Iterable[Execution], ended: Mapping[str, Ended]) -> str:
    return "; ".join(
        f"{run.plan}: {task['task_id']} {task['state']}"
        for run in runs
        if run.plan not in ended
        for task in run.tasks().values()
        if task["state"] != "success"
    )

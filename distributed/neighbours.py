"""Other people's tasks that fill Airflow, and executions beside them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from distributed.drills import APPROVER, LEAD
from distributed.stack import DistributedStack
from distributed.verdict import jobs_of
from drs_provider import keys
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import Execution
from drs_provider.core.identity import TAG_PLAN_NAME, dag_id_of
from embedded.stack import is_ready

ADMIN = "admin"
FILLS, FAILS = "other_team", "other_team_fails"
RUN_ID = "neighbours"
#: Slots, few, so that few processes fill them; all pools together still leave room in `parallelism` and workers.
SLOTS = {"PARALLELISM": "20", "DEFAULT_POOL_SLOTS": "4", "WORKER_CONCURRENCY": "10"}
#: What else such a deployment is like. One failed run pauses its DAG.
SETTINGS = {
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    "AIRFLOW__CORE__MAX_CONSECUTIVE_FAILED_DAG_RUNS_PER_DAG": "1",
}
RECOVERED, DRILLED, REFUSED = "erp_three_tier", "wiki", "shop_two_regions"
#: What the seconds to the first StartRecovery begin with. Every RECOVERY has a gate before its first wave.
SINCE = {RECOVERED: "the answer to the RECOVERY's gate", DRILLED: "the trigger of a drill without gates"}


@dataclass
class Neighbours:
    """Other people's tasks: more than fit, from :meth:`fill` on to the end of the stack.

    :param seconds: to the first StartRecovery by plan: from the answer to its gate, or from the trigger
    :param wrong: what should not be
    """

    stack: DistributedStack
    seconds: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def fill(self) -> None:
        """Let other people's tasks take all that they can have.

        :raises StackError: if they do not in time
        """
        with self.stack.api(ADMIN) as admin:
            for dag_id in (FAILS, FILLS):
                self.stack.until(f"the DAG {dag_id} appears", lambda dag_id=dag_id: bool(_dag(admin, dag_id)))  # type: ignore[misc]
                if not _dag(admin, dag_id)["is_paused"]:
                    self.wrong.append(
                        f"{dag_id} was not paused at its creation: nothing is shown of plans' DAGs"
                    )
                admin.patch(f"/dags/{dag_id}", {"is_paused": False})
                run = Execution.start(admin, dag_id, {}, RUN_ID)
                if dag_id == FAILS:
                    self.stack.until(f"{dag_id} is paused", lambda: bool(_dag(admin, FAILS)["is_paused"]))
            self.stack.until("other people's tasks fill the default pool", lambda: not self._room(admin))
        self.stack.report(f"{run.dag_id} has filled the default pool, and waits for more")

    def execute(self) -> None:
        """Start a RECOVERY and a drill, and follow both to their first StartRecovery.

        :raises StackError: if they do not come that far
        """
        with self.stack.api(LEAD) as lead, self.stack.api(APPROVER) as approver:
            self._look(lead, "before")
            jobs = self._jobs().keys()
            confirmed = {"execution_type": "RECOVERY", "source_state": "lost"}
            Execution.start(lead, dag_id_of(RECOVERED), confirmed | {"confirm_plan": RECOVERED}, RUN_ID)
            gate = Execution.of(approver, dag_id_of(RECOVERED), RUN_ID)
            self.stack.until("the RECOVERY's gate asks", lambda: bool(gate.questions()))
            gate.answer(keys.gate_task_id(1), "Approve", {})
            answered = time.monotonic()
            self.stack.until(
                f"{RECOVERED} calls StartRecovery", lambda: self._started(RECOVERED, answered, jobs)
            )
            Execution.start(lead, dag_id_of(DRILLED), {"skip_gates": True}, RUN_ID)
            triggered = time.monotonic()
            self.stack.until(
                f"{DRILLED} calls StartRecovery", lambda: self._started(DRILLED, triggered, jobs)
            )
            refused = Execution.start(
                approver, dag_id_of(REFUSED), confirmed | {"confirm_plan": REFUSED}, RUN_ID
            )
            self._look(lead, "after")
            self.stack.until(f"the refused RECOVERY of {REFUSED} ends", lambda: refused.refresh().ended)
            self.wrong += _paused(lead, refused)

    def _jobs(self) -> dict[str, str]:
        """Return the plan of each job."""
        jobs = jobs_of(self.stack.place.url("simulator"))
        return {job["job_id"]: job["tags"].get(TAG_PLAN_NAME, "") for job in jobs}

    def _started(self, plan: str, since: float, before: Collection[str]) -> bool:
        new = {job: of for job, of in self._jobs().items() if job not in before}
        if plan not in self.seconds and plan in new.values():
            self.seconds[plan] = round(time.monotonic() - since, 1)
        return plan in self.seconds

    def _look(self, api: Api, when: str) -> None:
        if room := self._room(api):
            self.wrong.append(f"{when} the executions' starts: {room}")

    def _room(self, api: Api) -> str:
        """Return what other people's tasks have left; empty if nothing."""
        pool: dict[str, Any] = api.get("/pools/default_pool")
        if pool["open_slots"] > 0:
            return f"the default pool has {pool['open_slots']} open slots"
        if pool["scheduled_slots"] < int(SLOTS["PARALLELISM"]):
            return f"only {pool['scheduled_slots']} tasks wait for the default pool"
        return ""


def _dag(api: Api, dag_id: str) -> dict[str, Any]:
    return api.find(f"/dags/{dag_id}") or {}


def _paused(api: Api, refused: Execution) -> Iterator[str]:
    if refused.run["state"] != "failed":
        yield f"the RECOVERY of {REFUSED} by {APPROVER}, who is none of its initiators, ended {refused.run['state']}"
    if not is_ready(_dag(api, refused.dag_id)):
        yield f"{refused.dag_id} cannot start any more after a failed run"

"""What is kept of a plan between its executions; whatever is lost changes no outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drs_provider import keys
from drs_provider.airflow_api.plan_facts import forget_fact, keep_fact, read_fact
from drs_provider.core.events import Event
from drs_provider.core.states import ExecutionType
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan
from drs_provider.rules.execution.freezing import RunIdentity
from drs_provider.rules.plan_state.failover import (
    Preflighted,
    failover_after,
    failover_of,
    instances_of,
    skip_reason,
)
from drs_provider.rules.plan_state.kept import Failover, KeptState
from drs_provider.rules.plan_state.state import readiness_lost, state_after, state_after_end
from drs_provider.runtime.timeline import emit

if TYPE_CHECKING:
    from drs_provider.preflight.run import PreflightResult


@dataclass(frozen=True)
class Kept:
    """What is kept of a plan.

    :param failover: None if no server of it is known to run in recovery
    """

    dag_id: str
    state: KeptState
    failover: Failover | None

    @property
    def instances(self) -> dict[str, str]:
        """Server → EC2 instance in which it runs in recovery."""
        return instances_of(self.failover.servers) if self.failover else {}

    def keep(self, state: KeptState, failover: Failover | None) -> None:
        """Keep what has changed."""
        if failover is None and self.failover is not None:
            forget_fact(f"{keys.PLAN_FAILOVER}{self.dag_id}")
        elif failover is not None and failover != self.failover:
            keep_fact(f"{keys.PLAN_FAILOVER}{self.dag_id}", failover.kept_form())
        if state != self.state:
            keep_fact(f"{keys.PLAN_STATE}{self.dag_id}", state.kept_form())


def kept_of(dag_id: str) -> Kept:
    """Return what is kept of a plan."""
    return Kept(
        dag_id,
        KeptState.believed(read_fact(f"{keys.PLAN_STATE}{dag_id}") or {}) or KeptState(),
        Failover.believed(read_fact(f"{keys.PLAN_FAILOVER}{dag_id}")),
    )


def keep_preflight(
    known: Kept, plan: Plan, conf: RunConf, result: PreflightResult, identity: RunIdentity
) -> str | None:
    """Keep what a preflight has shown, and return why a scheduled drill of the plan is left out; None if it is not."""
    done = Preflighted(
        execution_type=ExecutionType(conf.execution_type),
        at=result.report.checked_at,
        run_id=identity.dag_run_id,
        findings=result.report.findings,
        look=result.look,
        whole=len(conf.selected_waves(plan)) == len(plan.waves),
        failed_back=conf.failed_back or "",
    )
    failover = failover_after(known.failover, done)
    state = state_after(known.state, failover, done)
    known.keep(state, failover)
    _tell_change(identity.execution_id, plan.name, known.state, state)
    if state.readiness and readiness_lost(known.state, state):
        emit(
            identity.execution_id,
            Event.READINESS_LOST,
            plan=plan.name,
            errors=state.readiness.errors,
            codes=list(state.readiness.codes),
        )
    return skip_reason(failover, result.look, plan.name)


def keep_end(dag_id: str, record: Mapping[str, Any]) -> None:
    """Keep what an ended execution leaves its plan in: failed over, or drilled."""
    known = kept_of(dag_id)
    failover = known.failover
    if record["executionType"] == ExecutionType.RECOVERY:
        failover = failover_of(record, known.failover)
    state = state_after_end(known.state, failover, record)
    known.keep(state, failover)
    _tell_change(record["executionId"], record["planId"], known.state, state)


def _tell_change(execution_id: str, plan_name: str, before: KeptState, after: KeptState) -> None:
    if after.state is not before.state:
        emit(
            execution_id,
            Event.PLAN_STATE,
            plan=plan_name,
            state=after.state.value,
            since=after.state_since,
            why=after.state_why,
        )

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
from drs_provider.rules.plan_state.failover import (
    Preflighted,
    failover_after,
    failover_of,
    instances_of,
    skip_reason,
)
from drs_provider.rules.plan_state.kept import Failover, KeptState
from drs_provider.rules.plan_state.state import (
    lost_to_tell,
    overdue_since,
    overdue_to_tell,
    readiness_lost,
    state_after,
    state_after_end,
)
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


@dataclass(frozen=True)
class Outcome:
    """What a preflight leaves a plan in.

    :param skip_reason: why a scheduled drill of the plan is left out; None if it is not
    :param overdue_since: since when a drill is overdue; None if it is not
    :param overdue_to_tell: the same, where people are still to be told
    :param lost_to_tell: when it was last ready, where people are still to be told that it is not any more
    """

    state: KeptState
    skip_reason: str | None
    overdue_since: float | None = None
    overdue_to_tell: float | None = None
    lost_to_tell: float | None = None


def keep_preflight(
    known: Kept,
    plan: Plan,
    conf: RunConf,
    result: PreflightResult,
    *,
    execution_id: str,
    run_id: str = "",
    tells: bool = False,
) -> Outcome:
    """Keep what a preflight has shown.

    :param run_id: of the plan's run that it is of; empty for one of none
    :param tells: whether the caller tells people what they are to be told: then that is kept, too
    """
    done = Preflighted(
        execution_type=ExecutionType(conf.execution_type),
        at=result.report.checked_at,
        run_id=run_id,
        findings=result.report.findings,
        look=result.look,
        whole=len(conf.selected_waves(plan)) == len(plan.waves),
        failed_back=conf.failed_back or "",
    )
    failover = failover_after(known.failover, done)
    state = state_after(known.state, failover, done)
    days = plan.objectives.drill_every_days
    overdue, lost = overdue_to_tell(state, days, done.at), lost_to_tell(state)
    outcome = Outcome(
        state,
        skip_reason(failover, result.look, plan.name),
        overdue_since(state, days, done.at),
        overdue.overdue_told_for if overdue else None,
        lost.lost_told_for if lost else None,
    )
    told = {
        "overdue_told_for": outcome.overdue_to_tell or state.overdue_told_for,
        "lost_told_for": outcome.lost_to_tell or state.lost_told_for,
    }
    known.keep(state.model_copy(update=told) if tells else state, failover)
    _tell_change(execution_id, plan.name, known.state, state)
    if state.readiness and readiness_lost(known.state, state):
        emit(
            execution_id,
            Event.READINESS_LOST,
            plan=plan.name,
            errors=state.readiness.errors,
            codes=list(state.readiness.codes),
        )
    return outcome


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

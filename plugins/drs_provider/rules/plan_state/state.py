"""A plan's state, readiness and drills, after a preflight and after an execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from drs_provider.core.states import ExecutionStatus, ExecutionType
from drs_provider.rules.plan_state.failover import Preflighted
from drs_provider.rules.plan_state.kept import Failover, KeptState, LastDrill, PlanState, Readiness

SECONDS_PER_DAY: Final = 86_400
#: Findings, however severe, after which a server could not be recovered to a point in time that anybody wants
_UNPROTECTED: Final = frozenset({"replication_unfit", "no_point_in_time", "unknown_server", "empty_group"})


def state_after(kept: KeptState, failover: Failover | None, done: Preflighted) -> KeptState:
    """Return a plan's state after a preflight.

    :param failover: as :func:`failover_after` tells it
    """
    state = kept
    if done.whole:
        readiness = _readiness(done)
        state = state.model_copy(update={"readiness": readiness})
        if readiness.status == "READY":
            state = state.model_copy(update={"ready_at": done.at})
    if failover is not None:
        # "Since" is the RECOVERY's, also where this look is the first to find it.
        moved = state.moved(PlanState.FAILED_OVER, failover.since, failover.text(), failover.run_id)
        return moved.model_copy(update={"state_since": failover.since})
    unprotected = [
        finding for finding in done.findings if finding.code in _UNPROTECTED and finding.severity != "INFO"
    ]
    if unprotected:
        servers = {server for finding in unprotected for server in finding.server_ids}
        why = unprotected[0].message
        if servers:
            why += f" ({len(servers)} {'server' if len(servers) == 1 else 'servers'})"
        return state.moved(PlanState.NOT_PROTECTED, done.at, why, done.run_id)
    if not done.complete:
        left = kept.state is PlanState.FAILED_OVER
        return (
            state.moved(PlanState.UNKNOWN, done.at, "no server runs in recovery any more") if left else state
        )
    return state.moved(PlanState.PROTECTED, done.at, _back(kept, done), done.run_id)


def _back(kept: KeptState, done: Preflighted) -> str:
    """Return why a plan is protected, where it was not before."""
    if kept.state is PlanState.PROTECTED:
        return kept.state_why
    if done.failed_back:
        return f"failed back: {done.failed_back}"
    return "failed back: its recovery instances are gone" if kept.state is PlanState.FAILED_OVER else ""


def _readiness(done: Preflighted) -> Readiness:
    stopping = done.stopping
    status: Literal["READY", "NOT_READY", "UNKNOWN"] = "NOT_READY" if stopping else "READY"
    if stopping and all(finding.passing for finding in stopping):
        status = "UNKNOWN"  # AWS did not answer: the plan may be as ready as before
    return Readiness(
        status=status,
        at=done.at,
        errors=len(stopping),
        warnings=sum(finding.severity == "WARN" and not finding.overridden for finding in done.findings),
        codes=tuple(sorted({finding.code for finding in stopping})),
        execution_type=done.execution_type.value,
        run_id=done.run_id,
    )


def readiness_lost(before: KeptState, after: KeptState) -> bool:
    """Whether a plan that was ready is not any more; one that has failed over is not to be drilled anyhow."""
    was, is_now = before.readiness, after.readiness
    return (
        was is not None
        and is_now is not None
        and (was.status, is_now.status) == ("READY", "NOT_READY")
        and after.state is not PlanState.FAILED_OVER
    )


def lost_to_tell(kept: KeptState) -> KeptState | None:
    """Return the state with which people have been told that readiness is lost; None if there is nothing to tell."""
    lost = kept.readiness is not None and kept.readiness.status == "NOT_READY"
    if not lost or kept.state is PlanState.FAILED_OVER or kept.ready_at in (None, kept.lost_told_for):
        return None
    return kept.model_copy(update={"lost_told_for": kept.ready_at})


def state_after_end(kept: KeptState, failover: Failover | None, record: Mapping[str, Any]) -> KeptState:
    """Return a plan's state after an execution has ended.

    :param failover: of a RECOVERY, as :func:`failover_of` tells it
    """
    at, run_id = record["endTime"], record.get("dagRunId", "")
    if record["executionType"] == ExecutionType.RECOVERY:
        if failover is None:
            return kept
        moved = kept.moved(PlanState.FAILED_OVER, failover.since, failover.text(), failover.run_id)
        return moved.model_copy(update={"state_since": failover.since})
    status = str(record["status"])
    verdict = str((record.get("verdict") or {}).get("result", "not verified"))
    completed = status == ExecutionStatus.COMPLETED
    drill = LastDrill(result=verdict if completed else status.lower(), status=status, at=at, run_id=run_id)
    fields: dict[str, Any] = {"last_drill": drill}
    if kept.known_since is None:
        fields["known_since"] = at
    if completed and verdict != "failed" and all(wave.get("selected", True) for wave in record["waves"]):
        fields["drilled_at"] = at
    return kept.model_copy(update=fields)


def overdue_since(kept: KeptState, drill_every_days: int | None, now: float) -> float | None:
    """Return since when a plan is overdue for a drill; None if it is not, or has failed over, or nothing is known."""
    begin = kept.known_since if kept.drilled_at is None else kept.drilled_at
    if drill_every_days is None or begin is None or kept.state is PlanState.FAILED_OVER:
        return None
    since = begin + drill_every_days * SECONDS_PER_DAY
    return since if since < now else None


def overdue_to_tell(kept: KeptState, drill_every_days: int | None, now: float) -> KeptState | None:
    """Return the state with which people have been told that a drill is overdue; None if there is nothing to tell."""
    since = overdue_since(kept, drill_every_days, now)
    if since is None or since == kept.overdue_told_for:
        return None
    return kept.model_copy(update={"overdue_told_for": since})


def plan_row(stored: Any, *, drill_every_days: int | None, now: float) -> dict[str, Any]:
    """Return what lists of plans show of one; what is not known is absent.

    :param stored: what is kept, as it was read
    """
    kept = KeptState.believed(stored) or KeptState()
    row = kept.kept_form()
    row["state"] = kept.state.value
    readiness = (
        kept.readiness.model_dump(mode="json", by_alias=True) if kept.readiness else {"status": "UNKNOWN"}
    )
    row["readiness"] = readiness
    for own in ("knownSince", "drilledAt", "overdueToldFor", "readyAt", "lostToldFor"):
        row.pop(own, None)
    if drill_every_days is not None:
        row["drillEveryDays"] = drill_every_days
        row["drillOverdue"] = overdue_since(kept, drill_every_days, now) is not None
    if kept.drilled_at is not None:
        row["daysSinceDrill"] = int(max(0.0, now - kept.drilled_at) // SECONDS_PER_DAY)
    return row

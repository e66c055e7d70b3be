"""Telling people, once in an attempt, that the RTO will probably be missed: while there is time to do something."""

from __future__ import annotations

from drs_provider import keys
from drs_provider.core.times import format_duration, format_time
from drs_provider.rules.eta import Eta, WaveNow, eta
from drs_provider.rules.execution.expectation import CHECKS
from drs_provider.rules.execution.frozen import FrozenWaveRef
from drs_provider.runtime.channels.declared import RECOVERY_JOBS
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.notifications import notify

EVENT = "rto_at_risk"


def warn_of_rto(execution: Execution, *, ended: int | None = None) -> None:
    """Look when everything will be recovered, and tell if that is beyond the RTO and was not told before.

    Two waves that look in the same moment may both tell; the messages have the same deadline.

    :param ended: number of a wave whose last task has only this left to do
    """
    if not any(EVENT in item["events"] for item in execution.plan.notifications):
        return
    key = f"{keys.RTO_AT_RISK}_{execution.attempt}"
    found = _expected_end(execution, ended)
    miss = found and found.rto_miss_seconds
    if not found or not miss or execution.view.pull(keys.PREPARE, key):
        return
    execution.view.push_own(keys.PREPARE, key, execution.now())
    plan = execution.plan
    notify(
        execution,
        EVENT,
        f"{plan.execution_type} {plan.plan_title}: expected to be recovered {found.text()}; the RTO of "
        f"{plan.objectives['rto_minutes']} min is over at {format_time(found.rto_at)}, in "
        f"{format_duration(max(0.0, (found.rto_at or 0.0) - found.now))}",
        deadline=found.rto_at,
        missSeconds=round(miss),
    )


def _expected_end(execution: Execution, ended: int | None) -> Eta | None:
    """Return when everything will be recovered; None without an RTO, or if a wave has failed."""
    plan = execution.plan
    minutes = plan.objectives.get("rto_minutes")
    states = execution.view.task_states()
    ends = [states.get(keys.wave_end_task_id(ref)) for ref in plan.selected_waves]
    if minutes is None or any(state in ("failed", "upstream_failed") for state in ends):
        return None
    begin = plan.run_after if plan.incident_time is None else plan.incident_time
    return eta(
        execution.expected,
        [
            _now(execution, ref, states, over=end in ("success", "skipped") or ref.number == ended)
            for ref, end in zip(plan.selected_waves, ends, strict=True)
        ],
        now=execution.now(),
        rto_at=begin + 60.0 * minutes,
    )


def _now(execution: Execution, ref: FrozenWaveRef, states: dict[str, str | None], *, over: bool) -> WaveNow:
    if over:
        return WaveNow(ref.number, ready=True)
    start, enrich = (
        keys.wave_task_id(ref.number, ref.name, task) for task in (keys.START_RECOVERY, keys.ENRICH)
    )
    jobs = RECOVERY_JOBS.believed(
        execution, f"When wave {ref.number} began is not known", wave=ref.number, task_id=start
    )
    return WaveNow(
        ref.number,
        elapsed=max(0.0, execution.now() - jobs["startedAt"]) if jobs else None,
        phase=CHECKS if states.get(enrich) == "success" else "",
        gated=states.get(keys.gate_task_id(ref.number)) != "success",
    )

"""The execution record as it begins, built from a frozen plan, and the rows of jobs and gates in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from drs_provider.core.canonical import camel_case
from drs_provider.core.states import ExecutionStatus, WaveStatus
from drs_provider.plan.conf.overrides import shown_conf
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.execution.frozen import FrozenGate, FrozenPlan, FrozenWave, FrozenWaveRef
from drs_provider.rules.record.merging import with_launch_counts
from drs_provider.rules.record.schema import (
    ExecutionRecord,
    GateRow,
    JobRow,
    WaveRow,
    without_empty,
)
from drs_provider.rules.record.servers import server_row


def initial_record(
    plan: FrozenPlan,
    waves: Sequence[FrozenWave],
    *,
    attempt: int,
    expected_duration_seconds: float,
    expected_duration_source: str = "profile",
    now: float,
) -> ExecutionRecord:
    """Build the record of an execution that starts: every wave is in it, PENDING (trap 7).

    Waves that the run leaves out are SKIPPED.

    :param waves: frozen waves; of those that are missing, the record has what the header says
    :param attempt: number of the attempt, 1 for the first
    :param expected_duration_source: where the expectation comes from, ``history`` or ``profile``
    :param now: when the attempt begins
    :raises ValueError: if the header's waves are not numbered 1, 2, 3 …
    """
    refs = sorted(plan.waves, key=lambda ref: ref.number)
    if [ref.number for ref in refs] != list(range(1, len(refs) + 1)):
        raise ValueError(f"waves must be numbered from 1 without gaps: {[ref.number for ref in refs]}")
    frozen = {wave.number: wave for wave in waves}
    rows = [_wave_row(plan, ref, frozen.get(ref.number), attempt) for ref in refs]
    contexts = [row["accountContext"] for row in rows if row["selected"] and "accountContext" in row]
    record: dict[str, Any] = {
        "executionId": plan.execution_id,
        "planId": plan.plan_name,
        "planName": plan.plan_title or plan.plan_name,
        "planHash": plan.plan_hash,
        "executionType": plan.execution_type.value,
        "status": ExecutionStatus.PENDING.value,
        "attempt": attempt,
        "attempts": [{"attempt": attempt, "status": ExecutionStatus.PENDING.value, "startTime": now}],
        "triggerTime": plan.run_after,
        "startTime": now,
        "expectedDuration": round(expected_duration_seconds),
        "expectedDurationSource": expected_duration_source,
        "incidentTime": plan.incident_time,
        "initiatedBy": plan.initiated_by,
        "initiatedAs": plan.initiated_as,
        "requestedBy": plan.requested_by,
        "reason": plan.reason,
        "ticket": plan.ticket,
        "owner": plan.owner,
        "businessFunction": plan.business_function,
        "criticality": plan.criticality,
        "tags": dict(plan.tags) or None,
        "dagId": plan.dag_id,
        "dagRunId": plan.dag_run_id,
        "simulatedBy": list(plan.simulated_by) or None,
        "accountContext": contexts[0] if contexts else None,
        "objectives": {camel_case(name): value for name, value in plan.objectives.items()},
        "preflight": dict(plan.preflight) or None,
        "conf": shown_conf(plan.conf),
        "overrides": [dict(item) for item in plan.overrides],
        "totalWaves": len(rows),
        "completedWaves": 0,
        "failedWaves": 0,
        "currentWave": 0,
        "waves": rows,
    }
    return cast("ExecutionRecord", without_empty(record))


def _wave_row(plan: FrozenPlan, ref: FrozenWaveRef, wave: FrozenWave | None, attempt: int) -> WaveRow:
    row: dict[str, Any] = {
        "waveNumber": ref.number,
        "waveName": ref.name,
        "status": (WaveStatus.PENDING if ref.selected else WaveStatus.SKIPPED).value,
        "attempt": attempt,
        "selected": ref.selected,
        "dependsOnWaves": list(ref.depends_on),
        "executionMode": plan.execution_type.value,
    }
    if not ref.selected:
        row["skipReason"] = "not selected for this run"
    if wave is None:
        return cast("WaveRow", row)
    row |= {
        "protectionGroupIds": list(wave.groups),
        "pauseBeforeWave": wave.gate.armed_by is not None,
        "region": wave.target.region,
        "accountContext": wave.target.account_context(),
    }
    if ref.selected:
        row["jobs"] = []
        row["serverStatuses"] = [server_row(server, is_drill=plan.is_drill) for server in wave.servers]
        if wave.gate.armed_by is not None:
            row["gate"] = gate_row(wave.gate)
    return with_launch_counts(cast("WaveRow", row))


def gate_row(gate: FrozenGate) -> GateRow:
    """Return the record form of a gate that nobody has answered yet."""
    fields: dict[str, Any] = {"armedBy": gate.armed_by, "message": gate.message or None, "responses": []}
    return cast("GateRow", without_empty(fields))


def jobs_start(jobs: Iterable[JobView], *, of: int) -> float | None:
    """Return a wave's ``startTime``: when DRS made the first of its jobs; None until DRS shows all of them.

    Times are written once, so no guess is good enough for one that is shown meanwhile.

    :param of: how many jobs the wave has
    """
    times = [job.created_at for job in jobs if job.created_at]
    return min(times) if times and len(times) == of else None


def job_row(job: JobView, attempt: int) -> JobRow:
    """Return the record form of a job; its times are DRS's own (trap 18)."""
    fields = {
        "jobId": job.job_id,
        "status": job.status,
        "attempt": attempt,
        "startTime": job.created_at,
        "endTime": job.ended_at,
    }
    return cast("JobRow", without_empty(fields))

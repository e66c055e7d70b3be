"""Records of the history: which open ones are orphans, what they truthfully are then, and what they tell of a plan.

A record is an orphan if nobody will ever end it: its DAG run is gone, or is over although `finalize` told no end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, cast

from drs_provider.core.account import AwsTarget
from drs_provider.core.identity import execution_id
from drs_provider.core.states import (
    LIVE_WAVE,
    TERMINAL_EXECUTION,
    ExecutionStatus,
    ExecutionType,
    WaveStatus,
)
from drs_provider.core.task_states import RUN_OVER, TASK_ACTIVE
from drs_provider.rules.execution.frozen import FrozenGate, FrozenHold, FrozenPlan, FrozenServer, FrozenWave
from drs_provider.rules.record.merging import close_attempt
from drs_provider.rules.record.schema import ExecutionRecord, WaveRow

#: A record that was written this recently is left alone, whatever its run looks like.
QUIET_SECONDS = 900.0
#: A run that is over for this long although a task of it counts as active needs a person.
STUCK_SECONDS = 3600.0
#: A record of another Airflow that was not written for this long is worth a word.
FOREIGN_QUIET_SECONDS = 86_400.0
#: What comes of a record that lacks a field, or has other values than this provider writes.
UNRECOGNIZED_RECORD_ERRORS = (AttributeError, LookupError, TypeError, ValueError)
# An execution that is over waits for nothing any more.
_NO_TIME = 1
#: Why a record whose run is gone may be another Airflow's.
NO_OWN_ID = "[drs] deployment_id is the default, which others may keep, too"

OPEN_STATUSES = tuple(status for status in ExecutionStatus if status not in TERMINAL_EXECUTION)

_TIMES = ("startTime", "endTime", "lastPolledTime", "openedAt", "closedAt", "respondedAt")


class RunOutcome(StrEnum):
    """What became of an execution's DAG run."""

    LIVES = "lives"
    STUCK = "stuck"  # over, but a task of it counts as active
    OVER = "over"
    GONE = "gone"


class RecordAction(StrEnum):
    """What the sweep does with an open record."""

    LEAVE = "leave"
    REPORT = "report"
    CATCH_UP = "catch up"  # `finalize` told an end that never reached the table
    CLOSE = "close"


def run_outcome(state: str, task_states: Mapping[str, str | None]) -> RunOutcome:
    """Tell what a DAG run that exists is.

    :param state: Airflow's state of the run; one that is not known counts as living
    :param task_states: states of its tasks
    """
    if state not in RUN_OVER:
        return RunOutcome.LIVES
    return RunOutcome.STUCK if TASK_ACTIVE.intersection(task_states.values()) else RunOutcome.OVER


def is_of_deployment(record: Mapping[str, Any], deployment_id: str) -> bool:
    """Tell whether an execution is this Airflow's: only then its id can be computed from its run."""
    dag_id, run_id, run_after = (record.get(name) for name in ("dagId", "dagRunId", "triggerTime"))
    if not dag_id or not run_id or run_after is None:
        return False
    return bool(execution_id(deployment_id, dag_id, run_id, float(run_after)) == record["executionId"])


def last_sign_of_life(record: Mapping[str, Any], *, now: float) -> float:
    """Return the newest time that a record tells of what happened, in epoch seconds; never one after ``now``."""
    return max(
        (time for time in _times(record) if time <= now), default=min(record.get("startTime", 0.0), now)
    )


def _times(data: Any) -> Iterator[float]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            if name in _TIMES and isinstance(value, int | float):
                yield float(value)
            else:
                yield from _times(value)
    elif isinstance(data, list):
        for item in data:
            yield from _times(item)


def record_action(
    record: Mapping[str, Any], *, owned: bool, own_id: bool, outcome: RunOutcome, told_end: bool, now: float
) -> RecordAction:
    """Decide about an open record.

    :param owned: :func:`is_of_deployment`
    :param own_id: whether no other Airflow has this one's deployment id; else a run that this one does not have may be
        alive in another
    :param told_end: whether the run's `finalize` told an end (:func:`is_end_of`)
    """
    quiet = now - last_sign_of_life(record, now=now)
    if not owned:
        return RecordAction.REPORT if quiet >= FOREIGN_QUIET_SECONDS else RecordAction.LEAVE
    if outcome is RunOutcome.LIVES or quiet < QUIET_SECONDS:
        return RecordAction.LEAVE
    if outcome is RunOutcome.STUCK:
        return RecordAction.REPORT if quiet >= STUCK_SECONDS else RecordAction.LEAVE
    if outcome is RunOutcome.GONE and not own_id:
        return RecordAction.REPORT
    return RecordAction.CATCH_UP if told_end and outcome is RunOutcome.OVER else RecordAction.CLOSE


def is_end_of(told: Any, record: Mapping[str, Any], *, run_state: str) -> bool:
    """Tell whether what a run's `finalize` told is the end of a record, and agrees with the run's colour.

    A green run has recovered something. A red one may have, too: its cleanup can have failed.
    """
    if not isinstance(told, Mapping):
        return False
    if told.get("status") not in TERMINAL_EXECUTION or told.get("executionId") != record["executionId"]:
        return False
    if told.get("planId") != record["planId"]:
        return False
    attempt = told.get("attempt")
    if not isinstance(attempt, int) or attempt < record["attempt"]:
        return False
    return run_state != "success" or told["status"] in (ExecutionStatus.COMPLETED, ExecutionStatus.PARTIAL)


def orphan_status(stored: ExecutionStatus, outcome: RunOutcome) -> ExecutionStatus:
    """Return the end of an orphan.

    Deleting a run, and asking for a cancel, are acts of people: CANCELLED. A run that is over without having told how
    has FAILED.
    """
    people = outcome is RunOutcome.GONE or stored is ExecutionStatus.CANCELLING
    return ExecutionStatus.CANCELLED if people else ExecutionStatus.FAILED


def closed_record(
    record: ExecutionRecord,
    *,
    outcome: RunOutcome,
    reason: str,
    wave_notes: Mapping[int, str],
    ended_at: float,
) -> ExecutionRecord:
    """Return an orphan with its end.

    Waves that began and never came to their end share the execution's; those that did not begin are CANCELLED. What is
    known of servers stays as it was last seen.

    :param reason: why it is an orphan
    :param wave_notes: what is known of the jobs of waves that have not ended, by wave number
    :param ended_at: when it last showed life, not when it was found: a day's silence is no recovery of a day
    """
    status = orphan_status(ExecutionStatus(record["status"]), outcome)
    waves = [_closed_wave(wave, status, wave_notes.get(wave["waveNumber"])) for wave in record["waves"]]
    notes = [f"wave {number}: {note}" for number, note in sorted(wave_notes.items())]
    verdict = None
    if record["executionType"] == "DRILL" and "verdict" not in record:
        verdict = {"result": "not verified", "notes": "orphaned"}
    return close_attempt(
        cast("ExecutionRecord", {**record, "waves": waves}),
        status,
        ended_at=max(ended_at, record["startTime"]),
        error_message="; ".join([f"orphaned: {reason}", *notes]),
        verdict=verdict,
    )


def _closed_wave(wave: WaveRow, status: ExecutionStatus, note: str | None) -> WaveRow:
    stored = WaveStatus(wave["status"])
    if stored not in LIVE_WAVE:
        return wave
    if stored is WaveStatus.PENDING:
        end, told = WaveStatus.CANCELLED, "not started: the execution was orphaned"
    else:
        end = WaveStatus.CANCELLED if status is ExecutionStatus.CANCELLED else WaveStatus.FAILED
        told = "orphaned: nobody followed it to its end"
    text = "; ".join(filter(None, [told, note]))
    return cast("WaveRow", {**wave, "status": end.value, "errorMessage": text})


def recorded_plan(record: ExecutionRecord, *, max_age_seconds: float) -> FrozenPlan:
    """Return a header by a record; it is unsigned, and good for no start.

    :raises KeyError: if the record does not tell its run
    """
    return FrozenPlan(
        execution_id=record["executionId"],
        execution_type=ExecutionType(record["executionType"]),
        plan_name=record["planId"],
        plan_title=record.get("planName", record["planId"]),
        plan_hash=record.get("planHash", "unknown"),
        dag_id=record["dagId"],
        dag_run_id=record["dagRunId"],
        run_after=record["triggerTime"],
        conf={},
        started_at=min(attempt["startTime"] for attempt in record["attempts"]),
        priority=1,
        tags={},
        objectives={},
        hold=FrozenHold(enabled=False, timeout_seconds=_NO_TIME),
        cleanup="terminate",
        max_age_seconds=round(max_age_seconds),
        waves=(),
    )


def recorded_wave(wave: WaveRow, target: AwsTarget) -> FrozenWave:
    """Return a wave with its servers by a record."""
    servers = (
        FrozenServer(source_server_id=row["sourceServerId"], name=row.get("serverName", ""))
        for row in wave.get("serverStatuses", ())
    )
    return FrozenWave(
        number=wave["waveNumber"],
        name=wave["waveName"],
        groups=(),
        target=target,
        servers=tuple(servers),
        post_launch_timeout_seconds=_NO_TIME,
        timeout_seconds=_NO_TIME,
        queue_timeout_seconds=_NO_TIME,
        gate=FrozenGate(timeout_seconds=_NO_TIME),
    )

"""Merging of results into an execution record; every function returns a new record.

Times are written once per attempt (trap 18): within an attempt the first ``startTime`` and ``endTime``
of a wave stay, whatever comes later.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from drs_provider.core.states import (
    LIVE_WAVE,
    NEW_ATTEMPT_EXECUTION_SOURCES,
    TERMINAL_EXECUTION,
    ExecutionStatus,
    LaunchStatus,
    WaveStatus,
)
from drs_provider.rules.record.schema import (
    UNKNOWN_JOB,
    AttemptRow,
    EarlierWave,
    ExecutionRecord,
    GateRow,
    ServerRow,
    StepRow,
    WaveRow,
    without_empty,
)

WRITTEN_ONCE = ("startTime", "endTime", "readyTime")
COUNTERS = ("completedWaves", "failedWaves", "currentWave")
# What an attempt leaves behind in the wave when the next one begins.
WAVE_RESULT_FIELDS = (
    "startTime",
    "endTime",
    "readyTime",
    "lastPolledTime",
    "gate",
    "steps",
    "errorMessage",
    "enrichmentIncomplete",
    "statusChecksUnread",
    "skipReason",
)
_NOT_MERGED = ("waveNumber", "attempt", "launchStatusCounts")
_ATTEMPT_FIELDS = ("status", "endTime", "waitingSeconds", "verdict", "hold", "cleanup", "errorMessage")
RESULT_FIELDS = (
    "endTime",
    "durationSeconds",
    "waitingSeconds",
    "verdict",
    "hold",
    "cleanup",
    "steps",
    "errorMessage",
)


def recovered(row: Mapping[str, Any]) -> bool:
    """Whether a server row is that of a recovered server."""
    return row["launchStatus"] == LaunchStatus.LAUNCHED and not row.get("error")


def earlier_wave(wave: Mapping[str, Any]) -> EarlierWave:
    """Return what a wave's ``earlierAttempts`` keep of it when the next attempt begins."""
    names = ("attempt", "status", "startTime", "endTime", "readyTime", "gate", "errorMessage")
    kept = {name: wave[name] for name in names if name in wave}
    if "steps" in wave:
        # In the main item of the history: what each saw is in that attempt's report.
        seen = ("output", "servers", "failures")
        kept["steps"] = [
            {name: value for name, value in step.items() if name not in seen} for step in wave["steps"]
        ]
    return cast("EarlierWave", kept)


def merge_wave(wave: WaveRow, result: Mapping[str, Any], *, attempt: int) -> WaveRow:
    """Return ``wave`` with a result on top.

    A result of a later attempt first puts what the wave was into ``earlierAttempts``. One of an earlier
    attempt is taken by a wave that this attempt has not begun, which then belongs to that attempt, and
    changes nothing else. Jobs and server rows are merged by their ids.

    :param result: wave fields; None means absent
    :param attempt: the attempt that the result belongs to
    """
    merged = cast("dict[str, Any]", wave.copy())
    if attempt < wave["attempt"]:
        if wave["status"] != WaveStatus.PENDING or "startTime" in wave:
            return wave
        merged["attempt"] = attempt
    if attempt > wave["attempt"]:
        merged["earlierAttempts"] = [*wave.get("earlierAttempts", ()), earlier_wave(wave)]
        merged = {name: value for name, value in merged.items() if name not in WAVE_RESULT_FIELDS}
        merged |= {"attempt": attempt, "status": WaveStatus.PENDING.value}
    fields = without_empty(result)
    for name in WRITTEN_ONCE:
        if name in merged:
            fields.pop(name, None)
    if "jobs" in fields:
        known = {job["jobId"] for job in merged.get("jobs", ())}
        told = [job for job in fields["jobs"] if job["status"] != UNKNOWN_JOB or job["jobId"] not in known]
        fields["jobs"] = _merge_by("jobId", merged.get("jobs", ()), told)
    if "serverStatuses" in fields:
        fields["serverStatuses"] = _merge_by(
            "sourceServerId", merged.get("serverStatuses", ()), fields["serverStatuses"]
        )
    fields = {name: value for name, value in fields.items() if name not in _NOT_MERGED}
    return with_launch_counts(cast("WaveRow", merged | fields))


def with_launch_counts(wave: WaveRow) -> WaveRow:
    """Return the wave with its servers counted by ``launchStatus``; one without rows keeps its counts."""
    if "serverStatuses" not in wave:
        return wave
    counts = Counter(row["launchStatus"] for row in wave["serverStatuses"])
    return {**wave, "launchStatusCounts": dict(sorted(counts.items()))}


def _merge_by(
    key: str, old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    rows = {item[key]: dict(item) for item in old}
    rows.update({item[key]: without_empty(item) for item in new})
    return list(rows.values())


def apply_wave_result(
    record: ExecutionRecord, result: Mapping[str, Any], *, attempt: int | None = None
) -> ExecutionRecord:
    """Return the record with a wave's result merged and its counters renewed.

    :param result: wave fields with their ``waveNumber``
    :param attempt: default: the result's own, else the record's
    :raises ValueError: if the record has no such wave
    """
    number = result["waveNumber"]
    if not any(wave["waveNumber"] == number for wave in record["waves"]):
        raise ValueError(f"execution {record['executionId']} has no wave {number}")
    belongs_to = attempt or result.get("attempt") or record["attempt"]
    waves = [
        merge_wave(wave, result, attempt=belongs_to) if wave["waveNumber"] == number else wave
        for wave in record["waves"]
    ]
    return with_counters({**record, "waves": waves})


def counters(waves: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return ``completedWaves``, ``failedWaves`` and ``currentWave`` (the wave begun last, 0 before)."""
    statuses = [wave["status"] for wave in waves]
    # A wave that has just begun has no start yet: DRS's job will tell it.
    begun = [
        (wave.get("startTime", math.inf if wave["status"] in LIVE_WAVE else 0), wave["waveNumber"])
        for wave in waves
        if wave["status"] not in {WaveStatus.PENDING, WaveStatus.SKIPPED}
    ]
    return {
        "completedWaves": statuses.count(WaveStatus.COMPLETED),
        "failedWaves": statuses.count(WaveStatus.FAILED),
        "currentWave": max(begun)[1] if begun else 0,
    }


def with_counters(record: ExecutionRecord) -> ExecutionRecord:
    """Return the record with what is computed from its waves: counters, and when one was polled last."""
    counted = {name: value for name, value in record.items() if name != "lastPolledTime"}
    counted |= counters(record["waves"])
    if polled := [wave["lastPolledTime"] for wave in record["waves"] if "lastPolledTime" in wave]:
        counted["lastPolledTime"] = max(polled)
    return cast("ExecutionRecord", counted)


def new_attempt(record: ExecutionRecord, attempt: int, now: float) -> ExecutionRecord:
    """Return the record as it is when a later attempt begins (trap 35).

    The earlier attempts keep their own times, status and report in ``attempts``. Waves stay as they are
    until the attempt reaches them. An execution whose earlier attempt is over is IN_PROGRESS again; one
    that still runs, because part of it was cleared meanwhile, keeps its status.

    :param now: when it begins
    :raises ValueError: if the record already has this attempt or a later one
    """
    if attempt <= record["attempt"]:
        raise ValueError(f"attempt {attempt} cannot follow attempt {record['attempt']}")
    kept = {name: value for name, value in record.items() if name not in RESULT_FIELDS}
    over = record["status"] in NEW_ATTEMPT_EXECUTION_SOURCES
    status = ExecutionStatus.IN_PROGRESS.value if over else record["status"]
    row = AttemptRow(attempt=attempt, status=status, startTime=now)
    kept |= {"attempt": attempt, "attempts": [*record["attempts"], row], "status": status, "startTime": now}
    return cast("ExecutionRecord", kept)


def attempt_index(record: Mapping[str, Any], attempt: int) -> int:
    """Return where ``attempts`` holds this attempt.

    :raises ValueError: if it does not
    """
    for index, row in enumerate(record["attempts"]):
        if row["attempt"] == attempt:
            return index
    raise ValueError(f"execution {record['executionId']} has no attempt {attempt}")


def close_attempt(
    record: ExecutionRecord,
    status: ExecutionStatus,
    *,
    ended_at: float,
    error_message: str | None = None,
    verdict: Mapping[str, Any] | None = None,
    cleanup: Mapping[str, Any] | None = None,
) -> ExecutionRecord:
    """Return the record with its newest attempt ended; one that has ended already is returned as it is.

    :param status: a terminal status
    :param ended_at: when the attempt ended
    :raises ValueError: if the status is not terminal
    """
    if status not in TERMINAL_EXECUTION:
        raise ValueError(f"{status} does not end an attempt")
    if record["status"] in TERMINAL_EXECUTION:
        return record
    closed = cast("dict[str, Any]", with_counters(record))
    closed |= without_empty(
        {
            "status": status.value,
            "endTime": ended_at,
            "durationSeconds": max(0.0, ended_at - record["startTime"]),
            "waitingSeconds": waiting_seconds(record, record["startTime"], ended_at),
            "errorMessage": error_message,
            "verdict": dict(verdict) if verdict else None,
            "cleanup": dict(cleanup) if cleanup else None,
        }
    )
    closed["attempts"] = [
        cast("AttemptRow", {**row, **attempt_fields(closed)}) if row["attempt"] == record["attempt"] else row
        for row in record["attempts"]
    ]
    return cast("ExecutionRecord", closed)


def attempt_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the record's own fields say of its newest attempt."""
    return {name: record[name] for name in _ATTEMPT_FIELDS if name in record}


def with_report(record: ExecutionRecord, attempt: int, *, uri: str, sha256: str) -> ExecutionRecord:
    """Return the record with an attempt's report; an attempt that has one keeps it.

    :raises ValueError: if the record has no such attempt
    """
    index = attempt_index(record, attempt)
    rows = list(record["attempts"])
    if "reportSha256" not in rows[index]:
        rows[index] = {**rows[index], "reportUri": uri, "reportSha256": sha256}
        rows[index].pop("reportError", None)
    return {**record, "attempts": rows}


def with_report_error(record: ExecutionRecord, attempt: int, error: str) -> ExecutionRecord:
    """Return the record with the reason why an attempt has no report; one that was written stays.

    :raises ValueError: if the record has no such attempt
    """
    index = attempt_index(record, attempt)
    rows = list(record["attempts"])
    if "reportSha256" not in rows[index]:
        rows[index] = {**rows[index], "reportError": error}
    return {**record, "attempts": rows}


def with_link(record: ExecutionRecord, attempt: int, link: Mapping[str, Any] | str) -> ExecutionRecord:
    """Return the record with the link of an attempt's report in the chain of evidence, or with why there is none.

    An attempt that has a link keeps it.

    :param link: ``number`` and ``sha256``, or the reason
    :raises ValueError: if the record has no such attempt
    """
    index = attempt_index(record, attempt)
    rows = list(record["attempts"])
    if "chainLink" in rows[index]:
        return record
    if isinstance(link, str):
        rows[index] = {**rows[index], "chainError": link}
    else:
        rows[index] = {**rows[index], "chainLink": dict(link)}
        rows[index].pop("chainError", None)
    return {**record, "attempts": rows}


def _gates(record: Mapping[str, Any]) -> Iterable[GateRow]:
    for wave in record["waves"]:
        if "gate" in wave:
            yield wave["gate"]
        for earlier in wave.get("earlierAttempts", ()):
            if "gate" in earlier:
                yield earlier["gate"]
    for step in all_steps(record):
        yield from step.get("asks", ())
    if "hold" in record:
        yield record["hold"]


def waiting_seconds(record: Mapping[str, Any], since: float, until: float) -> float:
    """Return for how long the execution waited for people between two times.

    Gates that waited at the same time count once; one that is still open waits until ``until``.
    """
    spans = sorted(
        (max(since, gate["openedAt"]), min(until, gate.get("closedAt", until)))
        for gate in _gates(record)
        if "openedAt" in gate
    )
    total, reached = 0.0, since
    for start, end in spans:
        begin = max(start, reached)
        if end > begin:
            total += end - begin
            reached = end
    return total


def all_steps(record: Mapping[str, Any]) -> Iterator[StepRow]:
    """Yield every step of a record: of its waves, with those of their earlier attempts, and around all waves."""
    for wave in record["waves"]:
        for of_wave in (*wave.get("earlierAttempts", ()), wave):
            yield from of_wave.get("steps", ())
    yield from record.get("steps", ())


def server_rows(record: Mapping[str, Any]) -> list[ServerRow]:
    """Return the server rows of all waves, in wave order."""
    return [row for wave in record["waves"] for row in wave.get("serverStatuses", ())]

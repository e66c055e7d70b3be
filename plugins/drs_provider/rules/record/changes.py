"""What each write makes of the stored record: functions from record to record, along the state tables.

The history applies them to what the table holds and stores the outcome if nobody wrote in between; so a rule stands
here once, whoever writes. Each is idempotent: applied to its own outcome, it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from drs_provider.core.states import (
    LIVE_WAVE,
    TERMINAL_EXECUTION,
    ExecutionStatus,
    WaveStatus,
    allowed_from,
)
from drs_provider.rules.record.merging import (
    COUNTERS,
    RESULT_FIELDS,
    WRITTEN_ONCE,
    apply_wave_result,
    attempt_fields,
    attempt_index,
    merge_wave,
    new_attempt,
    with_counters,
    with_link,
    with_report,
    with_report_error,
)
from drs_provider.rules.record.schema import ExecutionRecord, WaveRow

# Written by the changes themselves, never as a field that a caller gives.
_OWN_FIELDS = frozenset(
    {
        "executionId",
        "planId",
        "status",
        "attempt",
        "attempts",
        "waves",
        "totalWaves",
        "lastPolledTime",
        *COUNTERS,
    }
)
_OWN_WAVE_FIELDS = frozenset({"waveNumber", "status", "attempt", "earlierAttempts", "launchStatusCounts"})


class RefusedError(Exception):
    """What is stored does not allow a change.

    :param status: stored status of the execution or wave that was addressed
    """

    def __init__(self, status: str) -> None:
        super().__init__(f"stored is {status}")
        self.status = status


def start(stored: ExecutionRecord | None, record: ExecutionRecord) -> ExecutionRecord:
    """Begin an execution, or its next attempt.

    :param record: as it is when the attempt begins
    :raises RefusedError: if the attempt is over already
    """
    if stored is None:
        return record
    if stored["attempt"] < record["attempt"]:
        return open_attempt(stored, record)
    if stored["attempt"] > record["attempt"] or stored["status"] in TERMINAL_EXECUTION:
        raise RefusedError(stored["status"])
    return stored


def open_attempt(stored: ExecutionRecord, header: ExecutionRecord) -> ExecutionRecord:
    """Open the execution again for a later attempt (trap 35).

    :param header: the attempt's own record: its fields replace what is stored, its waves only if there are none
        (what came before was refused before it had a plan)
    """
    opened = cast("dict[str, Any]", new_attempt(stored, header["attempt"], header["startTime"]))
    kept = {*_OWN_FIELDS, *RESULT_FIELDS, "startTime"}
    opened |= {name: value for name, value in header.items() if name not in kept}
    if not stored["waves"]:
        opened |= {"waves": header["waves"], "totalWaves": len(header["waves"])}
    return with_counters(cast("ExecutionRecord", opened))


def set_status(
    record: ExecutionRecord, status: ExecutionStatus | None, fields: Mapping[str, Any]
) -> ExecutionRecord:
    """Move the execution's status, and set fields with it.

    :param status: None sets fields only
    :param fields: ``startTime`` and ``endTime`` are written once
    :raises RefusedError: if the attempt is over, or the tables do not allow the move
    :raises ValueError: for a terminal status, which only :func:`end` writes (trap 7), and for fields that the changes
        themselves write
    """
    if status in TERMINAL_EXECUTION:
        raise ValueError(f"{status} is written by finalize only")
    _refuse_fields(fields, _OWN_FIELDS)
    current = record["status"]
    if current in TERMINAL_EXECUTION or not _may_become(current, status):
        raise RefusedError(current)
    changed = cast("dict[str, Any]", record | _new(fields, record))
    if status is not None:
        index = attempt_index(record, record["attempt"])
        rows = list(record["attempts"])
        rows[index] = {**rows[index], "status": status.value}
        changed |= {"status": status.value, "attempts": rows}
    return cast("ExecutionRecord", changed)


def set_wave(
    record: ExecutionRecord,
    number: int,
    status: WaveStatus | None,
    fields: Mapping[str, Any],
    *,
    polled_at: float | None = None,
) -> ExecutionRecord:
    """Move a wave's status, and set fields of the wave with it.

    The first status, gate or poll of a later attempt takes the wave over: what it was goes to ``earlierAttempts``, and
    whatever it was may be followed, since the clear that began the attempt has ended what the earlier one was doing.

    :param status: None sets fields only
    :param polled_at: the fields come from a poll: only a wave that still runs takes them, and none that is newer
        already; a poll never touches a status (trap 6)
    :raises RefusedError: if the attempt is over, or the tables do not allow the move
    :raises ValueError: if there is no such wave, and for fields that the changes themselves write
    """
    _refuse_fields(fields, _OWN_WAVE_FIELDS)
    wave = wave_of(record, number)
    if record["status"] in TERMINAL_EXECUTION:
        raise RefusedError(wave["status"])
    opens = status is not None or "gate" in fields or polled_at is not None
    attempt = record["attempt"] if opens else wave["attempt"]
    if attempt == wave["attempt"]:
        late = wave["status"] not in LIVE_WAVE or wave.get("lastPolledTime", 0.0) > (polled_at or 0.0)
        if not _may_become(wave["status"], status) or (polled_at is not None and late):
            raise RefusedError(wave["status"])
    result = dict(fields)
    if status is not None:
        result["status"] = status.value
    if polled_at is not None:
        result["lastPolledTime"] = polled_at
    return apply_wave_result(record, {**result, "waveNumber": number}, attempt=attempt)


def end(stored: ExecutionRecord | None, record: ExecutionRecord) -> ExecutionRecord:
    """End the attempt; one that has ended, or was followed by another, stays as it is.

    :param record: the writer's record, its newest attempt ended
    :raises RefusedError: if what is stored may not end so (a CANCELLING one as COMPLETED)
    :raises ValueError: if the record's status does not end an attempt
    """
    status = ExecutionStatus(record["status"])
    if status not in TERMINAL_EXECUTION:
        raise ValueError(f"{status} does not end an attempt")
    if stored is None:
        return record
    if stored["attempt"] < record["attempt"]:
        stored = open_attempt(stored, record)
    elif stored["attempt"] > record["attempt"] or stored["status"] in TERMINAL_EXECUTION:
        return stored
    if not _may_become(stored["status"], status):
        raise RefusedError(stored["status"])
    return merge_final(stored, record)


def merge_final(stored: ExecutionRecord, record: ExecutionRecord) -> ExecutionRecord:
    """Return the record that ends an attempt: ``record``, with what is stored where times are written once.

    Waves are merged one by one; a wave that did not run again stays with its earlier attempt.

    :param stored: the record as readers see it, same attempt
    :param record: the writer's record, its newest attempt ended
    """
    given = {wave["waveNumber"]: wave for wave in record["waves"]}
    waves = [_merge_final_wave(wave, given.get(wave["waveNumber"])) for wave in stored["waves"]]
    final = cast("dict[str, Any]", {**stored, **record, "waves": waves, "startTime": stored["startTime"]})
    if "endTime" in final:
        final["durationSeconds"] = max(0.0, final["endTime"] - final["startTime"])
    final = cast("dict[str, Any]", with_counters(cast("ExecutionRecord", final | {"totalWaves": len(waves)})))
    final["attempts"] = _merge_attempts(stored, record, attempt_fields(final))
    return cast("ExecutionRecord", final)


def _merge_attempts(
    stored: ExecutionRecord, record: ExecutionRecord, ended: Mapping[str, Any]
) -> list[dict[str, Any]]:
    # What is stored of an attempt wins over what the writer remembers of it, unless the store missed its end; the end
    # of the newest is new.
    rows: dict[int, dict[str, Any]] = {row["attempt"]: dict(row) for row in record["attempts"]}
    for row in stored["attempts"]:
        told = rows.get(row["attempt"], {})
        missed = told.get("status") in TERMINAL_EXECUTION and row["status"] not in TERMINAL_EXECUTION
        rows[row["attempt"]] = {**row, **told} if missed else {**told, **row}
    rows[record["attempt"]] |= ended
    return [rows[number] for number in sorted(rows)]


def _merge_final_wave(stored: WaveRow, given: WaveRow | None) -> WaveRow:
    if given is None:
        return stored
    result_fields = ("status", "startTime", "endTime")
    ran_again = any(given.get(name) != stored.get(name) for name in result_fields)
    attempt = given["attempt"] if ran_again else stored["attempt"]
    fields = {name: value for name, value in given.items() if name != "earlierAttempts"}
    return merge_wave(stored, fields, attempt=max(attempt, stored["attempt"]))


def set_report(
    record: ExecutionRecord,
    attempt: int,
    *,
    uri: str,
    sha256: str,
    link: Mapping[str, Any] | str | None = None,
) -> ExecutionRecord:
    """Note where an attempt's report is; once, and also after the attempt's end.

    :param link: its link in the chain of evidence, or why it has none

    :raises RefusedError: if another report is noted
    :raises ValueError: if there is no such attempt
    """
    noted = with_report(record, attempt, uri=uri, sha256=sha256)
    if noted["attempts"][attempt_index(noted, attempt)]["reportSha256"] != sha256:
        raise RefusedError(record["status"])
    return noted if link is None else with_link(noted, attempt, link)


def set_report_error(record: ExecutionRecord, attempt: int, error: str) -> ExecutionRecord:
    """Note why an attempt's report could not be written; of no effect once one is noted.

    :raises ValueError: if there is no such attempt
    """
    return with_report_error(record, attempt, error)


def wave_of(record: Mapping[str, Any], number: int) -> WaveRow:
    """Return a wave of a record.

    :raises ValueError: if it has no such wave
    """
    for wave in record["waves"]:
        if wave["waveNumber"] == number:
            return cast("WaveRow", wave)
    raise ValueError(f"execution {record['executionId']} has no wave {number}")


def _may_become(current: str, status: ExecutionStatus | WaveStatus | None) -> bool:
    return status is None or current == status or current in allowed_from(status)


def _new(fields: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in WRITTEN_ONCE or name not in record}


def _refuse_fields(fields: Mapping[str, Any], own: frozenset[str]) -> None:
    if wrong := sorted(own & fields.keys()):
        raise ValueError(f"these fields cannot be set directly: {', '.join(wrong)}")

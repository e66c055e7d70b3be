"""What the record of an execution must hold, compared with what DRS really did; part of :mod:`chaos.invariants`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.facts import Attempt, RunFacts, Violation, World, violation
from chaos.truth import MET, NOT_MET, NOT_STARTED, Expected, expected, latest_parts
from drs_provider.core.texts import named

Found = Iterator[Violation]
_CUT = "… [cut]"


def terminal_status_is_true(runs: Sequence[RunFacts], world: World) -> Found:
    """Status of execution and waves are what jobs and instances say, and the run's colour agrees."""
    for run in runs:
        for attempt in run.attempts:
            if attempt.record is None:
                continue
            launches = [job for job in world.launches(run.execution_id) if job.attempt <= attempt.number]
            should = expected(run.spec, launches, stopped=attempt.stopped)
            for problem in _untrue(run, attempt, should):
                yield violation(run, terminal_status_is_true, f"attempt {attempt.number}: {problem}")


def _untrue(run: RunFacts, attempt: Attempt, should: Expected) -> Iterator[str]:
    record = attempt.record or {}
    if record["status"] != should.status:
        reason = record.get("errorMessage")
        yield f"status {record['status']}, but {should.status} is true: {should.waves} ({reason})"
    if (attempt.run_state == "success") != should.green:
        yield f"the run is {attempt.run_state}, but {should.status} with {should.waves} is true"
    if run.spec.refused:
        return
    waves = {wave["waveNumber"]: wave["status"] for wave in record["waves"]}
    for number, outcome in should.waves.items():
        if waves.get(number) not in _statuses(run, number, should, stopped=attempt.stopped):
            yield f"wave {number} is {waves.get(number)}, but it was {outcome}"


def _statuses(run: RunFacts, number: int, should: Expected, *, stopped: bool) -> tuple[str, ...]:
    outcome = should.waves[number]
    if stopped:
        # A stopped wave may tell its own end, if that is true, or that it was stopped.
        return {MET: ("COMPLETED", "CANCELLED"), NOT_MET: ("FAILED", "CANCELLED")}.get(
            outcome, ("CANCELLED",)
        )
    if outcome == NOT_STARTED:
        before = run.spec.wave(number).depends_on
        blocked = any(should.waves[earlier] != MET for earlier in before)
        # A wave that nothing kept from starting was lost.
        return ("CANCELLED",) if blocked else ()
    return ("COMPLETED",) if outcome == MET else ("FAILED",)


def rows_are_true(runs: Sequence[RunFacts], world: World) -> Found:
    """Server rows name the state and instance that the server's latest launch has."""
    for run in runs:
        for attempt in run.attempts:
            launches = [job for job in world.launches(run.execution_id) if job.attempt <= attempt.number]
            for wave in (attempt.record or {}).get("waves", ()):
                latest = latest_parts(launches, run.spec.wave(wave["waveNumber"]))
                for row in wave.get("serverStatuses", ()):
                    problem = _wrong_row(wave, row, latest)
                    if problem:
                        text = f"attempt {attempt.number}, wave {wave['waveNumber']}: {problem}"
                        yield violation(run, rows_are_true, text)


def _wrong_row(wave: Mapping[str, Any], row: Mapping[str, Any], latest: Mapping[str, Any]) -> str:
    server_id = row["sourceServerId"]
    if server_id not in latest or wave["status"] == "CANCELLED":
        return ""
    job, part = latest[server_id]
    if row.get("launchStatus") != part.status:
        return f"{server_id} is {row.get('launchStatus')}, but {part.status} in {job.job_id}"
    known = row.get("instanceId") or row.get("recoveryInstanceId")
    if part.status == "LAUNCHED" and known != part.instance_id:
        unknown_allowed = known is None and wave.get("enrichmentIncomplete")
        return "" if unknown_allowed else f"{server_id} has instance {known}, but {part.instance_id} is true"
    return ""


def one_end_per_attempt(runs: Sequence[RunFacts], world: World) -> Found:
    """Every attempt ends once: one row, one end time, one report; what it said before stays."""
    del world
    for run in runs:
        for problem in (*_ends(run), *_reports(run)):
            yield violation(run, one_end_per_attempt, problem)


def _ends(run: RunFacts) -> Iterator[str]:
    told: dict[int, Any] = {}
    for attempt in run.attempts:
        rows = (attempt.record or {}).get("attempts", ())
        numbers = [row["attempt"] for row in rows]
        if attempt.record is not None and numbers != list(range(1, attempt.number + 1)):
            yield f"attempt {attempt.number} lists attempts {numbers}"
        for row in rows:
            end = {key: row.get(key) for key in ("status", "startTime", "endTime", "reportSha256")}
            if end["endTime"] is None:
                yield f"attempt {row['attempt']} has no end time"
            if told.setdefault(row["attempt"], end) != end:
                yield f"attempt {row['attempt']} was {told[row['attempt']]}, now {end}"
    for number, times in run.end_times.items():
        if len(times) > 1:
            yield f"the end time of attempt {number} was written {len(times)} times: {sorted(times)}"
        own = told.get(number, {}).get("endTime")
        if times and own is not None and own not in times:
            yield f"attempt {number} ended at {own}, but the history table said {sorted(times)}"


def _reports(run: RunFacts) -> Iterator[str]:
    ended = [attempt.number for attempt in run.attempts if attempt.record is not None]
    should = {f"report-{number}.{suffix}" for number in ended for suffix in ("json", "html")}
    if run.reports != should:
        yield f"reports are {sorted(run.reports)}, not {sorted(should)}"


def history_equals_record(runs: Sequence[RunFacts], world: World) -> Found:
    """Where the table could be reached at the end, it holds the record that `finalize` published."""
    del world
    for run in runs:
        last = run.last
        if last is None or last.record is None or last.table_down:
            continue
        if run.stored is None:
            yield violation(run, history_equals_record, "the history table has no record of it")
            continue
        differing = _differences(_plain(last.record), _plain(run.stored))
        if differing:
            yield violation(run, history_equals_record, f"differs in {named(differing, 5, between='; ')}")


def _plain(record: Mapping[str, Any]) -> Any:
    def number(value: Any) -> Any:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            # An empty value is one that DynamoDB's record leaves out.
            return {key: walk(item) for key, item in value.items() if item is not None}
        return [walk(item) for item in value] if isinstance(value, list) else number(value)

    return walk(json.loads(json.dumps(record, default=float)))


def _differences(one: Any, other: Any, path: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for key in sorted(one.keys() | other.keys()):
            found += _differences(one.get(key), other.get(key), f"{path}.{key}" if path else key)
        return found
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            text
            for index, (left, right) in enumerate(zip(one, other, strict=True))
            for text in _differences(left, right, f"{path}[{index}]")
        ]
    return [] if one == other or _is_cut(one, other) else [f"{path}: told {one!r}, stored {other!r}"]


def _is_cut(told: Any, stored: Any) -> bool:
    # The table keeps the beginning of very long messages, and says so.
    if not isinstance(told, str) or not isinstance(stored, str) or not stored.endswith(_CUT):
        return False
    return told.startswith(stored.removesuffix(_CUT))

"""The timeline of an execution: what ran when, by Airflow's clock, with the path that decided how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drs_provider import keys
from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.executions import has_told, role_of
from drs_provider.airflow_rest.texts import epoch
from drs_provider.core.task_states import TASK_OVER
from drs_provider.report.timeline import PHASES
from drs_provider.rules.record.clocks import TOLERANCE_SECONDS
from drs_provider.rules.record.schema import without_empty
from drs_provider.snapshot.server_rows import Row
from drs_provider.web.looks import Look, look

_CLOCK_NOTE: Final = (
    "AWS's clock runs apart from Airflow's here. All times are Airflow's; AWS's phases are drawn in proportion within "
    "their wave."
)
_AROUND: Final = {keys.PREPARE: "prepare", keys.CLEANUP_DRILL: "cleanup", keys.HOLD_DRILL: "hold"}
_LABELS: Final = {keys.PREPARE: "Prepare", keys.CLEANUP_DRILL: "Cleanup", keys.HOLD_DRILL: "Hold"}


@dataclass(frozen=True)
class Span:
    """A stretch of Airflow's time; ``end`` is None while it goes on."""

    start: float
    end: float | None

    def until(self, now: float) -> float:
        """Return its end, or now."""
        return now if self.end is None else self.end


def read(api: Api, dag_id: str, run_id: str) -> dict[str, Any]:
    """Return the timeline.

    :raises RefusedError: if there is no such execution, or the caller may not see it
    """
    with look(api, dag_id, run_id) as seen:
        now = time.time()
        waves = {wave.number: span for wave in seen.snapshot.waves if (span := _wave_span(seen, wave.number))}
        servers = _of_attempt(seen, waves)
        critical = critical_waves(waves, _dependencies(seen), now)
        rows = list(_rows(seen, waves, critical, servers, now))
    apart = any(is_apart(span, servers.get(number, ()), now) for number, span in waves.items())
    starts = [row["start"] for row in rows]
    ends = [row.get("end") or now for row in rows]
    return without_empty(
        {
            "clock": "AIRFLOW",
            "clockNote": _CLOCK_NOTE if apart else None,
            "from": min(starts, default=None),
            "to": max(ends, default=None),
            "rows": rows,
        }
    )


def _of_attempt(seen: Look, waves: Mapping[int, Span]) -> dict[int, list[Row]]:
    """Return the servers' rows; in a later attempt without phases of an earlier one, whose jobs it may take up."""
    if seen.snapshot.attempt == 1:
        return seen.servers
    return {
        number: [_without_earlier(row, waves[number].start) for row in rows]
        for number, rows in seen.servers.items()
        if number in waves
    }


def _without_earlier(row: Row, start: float) -> Row:
    phases = [
        part for part in row.get("phases") or () if part.get("start", start) >= start - TOLERANCE_SECONDS
    ]
    return {**row, "phases": phases}


def critical_waves(
    spans: Mapping[int, Span], depends_on: Mapping[int, Iterable[int]], now: float
) -> set[int]:
    """Return the waves on the path that decided the end: from the last one back over what it waited for longest."""
    path: set[int] = set()
    left: Iterable[int] = spans
    while candidates := [number for number in left if number in spans and number not in path]:
        last = max(candidates, key=lambda number: (spans[number].until(now), -number))
        path.add(last)
        left = depends_on.get(last, ())
    return path


def _dependencies(seen: Look) -> dict[int, list[int]]:
    return {ref["number"]: list(ref.get("depends_on", ())) for ref in seen.header.get("waves", ())}


def _span(task: Mapping[str, Any] | None) -> Span | None:
    if task is None or not has_told(task):
        return None
    start = epoch(task["start_date"])
    return (
        None
        if start is None
        else Span(start, epoch(task["end_date"]) if task["state"] in TASK_OVER else None)
    )


def _wave_span(seen: Look, number: int) -> Span | None:
    group = f"{keys.wave_group_id(number, seen.execution.waves.get(number, ''))}."
    spans = [
        span for task_id, task in seen.tasks.items() if task_id.startswith(group) and (span := _span(task))
    ]
    if not spans:
        return None
    over = all(
        task["state"] in TASK_OVER for task_id, task in seen.tasks.items() if task_id.startswith(group)
    )
    ends = [span.end for span in spans if span.end is not None]
    return Span(min(span.start for span in spans), max(ends) if over and ends else None)


def _rows(
    seen: Look,
    waves: Mapping[int, Span],
    critical: set[int],
    servers: Mapping[int, Sequence[Row]],
    now: float,
) -> Iterator[dict[str, Any]]:
    yield from _around(seen, keys.PREPARE)
    yield from _steps(seen, "", keys.AROUND[0])
    for wave in seen.snapshot.waves:
        name = f"{wave.number} {wave.name}"
        on_path = wave.number in critical
        gate = seen.tasks.get(keys.gate_task_id(wave.number))
        if (span := _span(gate)) and gate is not None and _asked(seen, gate):
            yield _row(f"Gate before {name}", "gate", span, str(gate["state"]), on_path, wave.number)
        if span := waves.get(wave.number):
            yield _row(name, "wave", span, str(wave.status), on_path, wave.number)
            yield from _phases(name, span, servers.get(wave.number, ()), on_path, wave.number, now)
            yield from _steps(
                seen, f"{keys.wave_group_id(wave.number, wave.name)}.", "", on_path, wave.number
            )
    yield from _steps(seen, "", keys.AROUND[1])
    yield from _around(seen, keys.HOLD_DRILL)
    yield from _around(seen, keys.CLEANUP_DRILL)


def _asked(seen: Look, gate: Mapping[str, Any]) -> bool:
    """Whether a gate stopped the run: one that lets it pass is over in the moment in which it begins."""
    if gate["state"] == "deferred":
        return True
    span = _span(gate)
    return span is not None and span.end is not None and span.end - span.start > 10.0


def _around(seen: Look, task_id: str) -> Iterator[dict[str, Any]]:
    task = seen.tasks.get(task_id)
    if task is not None and (span := _span(task)) and (task_id == keys.PREPARE or seen.header):
        yield _row(_LABELS[task_id], _AROUND[task_id], span, str(task["state"]))


def _steps(
    seen: Look, group: str, place: str, critical: bool = False, wave: int | None = None
) -> Iterator[dict[str, Any]]:
    for task_id, task in sorted(seen.tasks.items(), key=lambda item: str(item[1]["start_date"])):
        role = role_of(task_id)
        if role is None or role.task != keys.STEP or not task_id.startswith(group or f"{place}."):
            continue
        if span := _span(task):
            yield _row(f"Step {role.step_name}", "step", span, str(task["state"]), critical, wave)


def _phases(
    name: str, wave: Span, rows: Sequence[Row], critical: bool, number: int, now: float
) -> Iterator[dict[str, Any]]:
    """Yield each phase from the first server's start to the last one's end, on Airflow's clock."""
    aws = _aws_span(rows)
    if aws is None:
        return
    scale = _scale(wave, aws, now) if is_apart(wave, rows, now) else (lambda at: at)
    for phase in PHASES:
        parts = [part for row in rows for part in row.get("phases") or () if part.get("name") == phase]
        starts = [part["start"] for part in parts if part.get("start")]
        if not starts:
            continue
        ends = [part["end"] for part in parts if part.get("end")]
        open_ = len(ends) < len(starts) and wave.end is None
        end = None if open_ or not ends else scale(max(ends))
        yield _row(f"{name}: {phase}", "phase", Span(scale(min(starts)), end), "", critical, number)


def _aws_span(rows: Sequence[Row]) -> Span | None:
    parts = [part for row in rows for part in row.get("phases") or ()]
    starts = [part["start"] for part in parts if part.get("start")]
    ends = [part["end"] for part in parts if part.get("end")]
    return Span(min(starts), max([*ends, *starts])) if starts else None


def is_apart(wave: Span, rows: Sequence[Row], now: float) -> bool:
    """Whether AWS tells of times at which the wave was not at work."""
    aws = _aws_span(rows)
    return aws is not None and (
        aws.start < wave.start - TOLERANCE_SECONDS or aws.until(now) > wave.until(now) + TOLERANCE_SECONDS
    )


def _scale(wave: Span, aws: Span, now: float) -> Any:
    length = max(aws.until(now) - aws.start, 1e-6)
    factor = (wave.until(now) - wave.start) / length
    return lambda at: wave.start + (at - aws.start) * factor


def _row(
    label: str, kind: str, span: Span, status: str, critical: bool = False, wave: int | None = None
) -> dict[str, Any]:
    return {
        "label": label,
        "kind": kind,
        "start": round(span.start, 3),
        "end": None if span.end is None else round(span.end, 3),
        "status": status,
        "critical": critical,
        "wave": wave,
    }

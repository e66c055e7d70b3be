"""How long the phases of an execution's waves took.

What is kept of an execution is small, so that thousands of past runs need not be read: the newest rows of a plan, and
beside them the newest waves of all plans, for waves that have not run yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drs_provider.core.states import ExecutionType, WaveStatus
from drs_provider.rules.drs.phases import PhaseName
from drs_provider.rules.execution.expectation import CHECKS, GATE, START, total
from drs_provider.rules.record.clocks import two_clocks
from drs_provider.rules.record.merging import recovered, waiting_seconds
from drs_provider.rules.wave.estimates import launch_phases

MOST_KEPT: Final = 20
"""Executions of a plan whose durations are kept."""
MOST_WAVES_KEPT: Final = 300
"""Waves of all plans whose durations are kept."""
LAUNCHES: Final = (PhaseName.SNAPSHOT.value, PhaseName.CONVERSION.value, PhaseName.LAUNCH.value)
_OF_ESTATE: Final = (*LAUNCHES, PhaseName.POST_LAUNCH.value)
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True)


class WaveDurations(_Kept):
    """How long the phases of a wave took that completed, in seconds.

    :param name: of the wave; empty among those of all plans
    """

    name: str = ""
    servers: int = Field(ge=1)
    seconds: dict[str, Seconds]


class Durations(_Kept):
    """How long the waves of an execution took.

    :param type: DRILL or RECOVERY
    :param at: when it ended, epoch seconds
    :param after: seconds of the steps behind all waves
    """

    execution_id: str
    type: str
    at: float
    waves: tuple[WaveDurations, ...]
    after: Seconds | None = None


Row = TypeVar("Row", bound=_Kept)


def believed(kind: type[Row], kept: Any) -> list[Row]:
    """Return what was kept, without what has another form: anybody may have edited it."""
    found = []
    for item in kept if isinstance(kept, list) else ():
        try:
            found.append(kind.model_validate(item))
        except ValidationError:
            continue
    return found


def kept_form(rows: Iterable[_Kept]) -> list[dict[str, Any]]:
    """Return rows as they are kept."""
    return [row.model_dump(mode="json", exclude_none=True, exclude_defaults=True) for row in rows]


def durations_of(record: Mapping[str, Any]) -> Durations | None:
    """Return what is kept of an execution that has ended: seconds of each phase of each wave that completed.

    :param record: perhaps one of another system, which says nothing, and holds up no execution
    """
    try:
        waves = [row for wave in record["waves"] if (row := _wave_durations(record, wave)) is not None]
        return Durations(
            execution_id=record["executionId"],
            type=str(record["executionType"]),
            at=round(record["endTime"]),
            waves=tuple(waves),
            after=_span(record.get("steps", ()), "after_last"),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def with_row(kept: Iterable[Durations], row: Durations) -> list[Durations]:
    """Return a plan's rows with one more, the newest first; a later attempt's takes the place of the earlier one's."""
    others = (each for each in kept if each.execution_id != row.execution_id)
    return list(islice((row, *others), MOST_KEPT))


def with_waves(kept: Iterable[WaveDurations], row: Durations) -> list[WaveDurations]:
    """Return the rows of all plans' waves with those of an execution, the newest first."""
    waves = [
        WaveDurations(
            servers=wave.servers,
            seconds={name: wave.seconds[name] for name in _OF_ESTATE if name in wave.seconds},
        )
        for wave in row.waves
    ]
    return list(islice((*waves, *kept), MOST_WAVES_KEPT))


def _wave_durations(record: Mapping[str, Any], wave: Mapping[str, Any]) -> WaveDurations | None:
    """Return what is kept of a wave, None if it says nothing: it did not complete, or it took several attempts."""
    if wave.get("status") != WaveStatus.COMPLETED or wave.get("earlierAttempts") or "startTime" not in wave:
        return None
    rows = wave.get("serverStatuses") or ()
    servers = len(rows) or sum((wave.get("launchStatusCounts") or {}).values())
    if servers == 0:
        return None
    seconds = _launches(wave, [row for row in rows if recovered(row)], servers)
    start = _start(record, wave)
    measured = {
        START: start,
        GATE: _length(wave.get("gate") or {}, "openedAt", "closedAt"),
        CHECKS: _span(wave.get("steps", ()), "after"),
    }
    seconds |= {name: value for name, value in measured.items() if value is not None}
    return WaveDurations(name=wave["waveName"], servers=servers, seconds=seconds)


def _launches(wave: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], servers: int) -> dict[str, float]:
    """Return how long a wave's phases took, from the first server's start of its job to the last one's end.

    A phase is over when the last server enters the next one; where job logs do not tell, the profile's shares do.
    """
    begin, end = float(wave["startTime"]), float(wave["endTime"])
    conversion = _latest(rows, PhaseName.CONVERSION, "start")
    launch = _latest(rows, PhaseName.LAUNCH, "start")
    over = _latest(rows, PhaseName.LAUNCH, "end")
    done = max((row.get("postLaunchActionsCompleted", 0.0) for row in rows), default=0.0)
    acted = over is not None and done > over
    launched = over if acted and over is not None else end
    found: dict[str, float]
    if conversion is not None and launch is not None and begin <= conversion <= launch <= launched:
        found = dict(zip(LAUNCHES, (conversion - begin, launch - conversion, launched - launch), strict=True))
    else:
        shares = launch_phases(ExecutionType.DRILL, servers)
        whole = total(shares.values()).seconds
        found = {name: max(0.0, launched - begin) * share.seconds / whole for name, share in shares.items()}
    if acted:
        found[PhaseName.POST_LAUNCH.value] = max(done, end) - launched
    return {name: round(value, 1) for name, value in found.items()}


def _latest(rows: Sequence[Mapping[str, Any]], phase: PhaseName, edge: str) -> float | None:
    found = [
        each[edge] for row in rows for each in row.get("phases", ()) if each["name"] == phase and edge in each
    ]
    return float(max(found)) if found else None


def _length(row: Mapping[str, Any], begin: str, end: str) -> float | None:
    return round(max(0.0, float(row[end]) - float(row[begin])), 1) if begin in row and end in row else None


def _span(steps: Iterable[Mapping[str, Any]], place: str) -> float | None:
    """Return how long the steps of a place took together, without the time in which they asked people."""
    times = [
        (step["startTime"], step["endTime"])
        for step in steps
        if step["place"] == place and "startTime" in step and "endTime" in step and not step.get("asks")
    ]
    if not times:
        return None
    begin, end = min(begin for begin, _ in times), max(end for _, end in times)
    return round(max(0.0, float(end) - float(begin)), 1)


def _start(record: Mapping[str, Any], wave: Mapping[str, Any]) -> float | None:
    """Return how long after the waves before it, and without people's time, a wave's jobs began; None if unknown."""
    if record["attempt"] != 1 or two_clocks(record):
        return None
    known = {each["waveNumber"]: each for each in record["waves"]}
    before, todo = set(), list(wave.get("dependsOnWaves", ()))
    while todo:
        if (number := todo.pop()) in known and number not in before:
            before.add(number)
            todo += known[number].get("dependsOnWaves", ())
    ready = [each.get("readyTime", each.get("endTime")) for each in map(known.__getitem__, before)]
    begin = float(max([record["startTime"], *(moment for moment in ready if moment is not None)]))
    until = float(wave["startTime"])
    return round(max(0.0, until - begin - waiting_seconds(record, begin, until)), 1)

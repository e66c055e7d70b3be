"""The attempt's timeline: lanes of bars, in percent of its length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from drs_provider.rules.record.schema import ExecutionRecord, GateRow, WaveRow

_STEPS_SECONDS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400)
_MOST_TICKS = 7
PHASES = ("snapshot", "conversion", "launch", "post-launch")


@dataclass(frozen=True)
class Bar:
    """A stretch of time.

    :param kind: ``gate``, a phase, ``step``, or a wave status in lower case
    :param left: percent of the timeline
    :param width: percent of the timeline
    """

    kind: str
    left: float
    width: float
    start: float
    end: float


@dataclass(frozen=True)
class Lane:
    """A line of the timeline: bars, and thinner bars below them."""

    name: str
    status: str | None = None
    bars: list[Bar] = field(default_factory=list)
    phases: list[Bar] = field(default_factory=list)
    remark: str | None = None


@dataclass(frozen=True)
class Tick:
    """A mark of the time axis."""

    left: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """The newest attempt from its start to its end."""

    start: float
    end: float
    ticks: list[Tick]
    lanes: list[Lane]


@dataclass(frozen=True)
class _Scale:
    start: float
    end: float

    def percent(self, at: float) -> float:
        return round(min(100.0, max(0.0, 100 * (at - self.start) / (self.end - self.start))), 3)

    def bar(self, kind: str, start: float, end: float | None) -> Bar:
        until = self.end if end is None else end
        left = self.percent(start)
        return Bar(kind, left, round(max(0.0, self.percent(until) - left), 3), start, until)


def timeline(record: ExecutionRecord) -> Timeline | None:
    """Return the timeline of a record's newest attempt, or None if nothing in it has a time."""
    moments = list(_moments(record))
    start, end = min(moments), max(moments)
    if end <= start:
        return None
    scale = _Scale(start, end)
    lanes = [_wave_lane(record, wave, scale) for wave in record["waves"] if wave.get("selected", True)]
    if "openedAt" in record.get("hold", {}):
        lanes.append(Lane("Hold", bars=[_gate_bar(record["hold"], scale)]))
    return Timeline(start, end, _ticks(scale), lanes)


def _moments(record: ExecutionRecord) -> Iterator[float]:
    yield record["startTime"]
    if "endTime" in record:
        yield record["endTime"]
    for gate in [wave.get("gate", {}) for wave in _waves_of_attempt(record)] + [record.get("hold", {})]:
        yield from (gate[name] for name in ("openedAt", "closedAt") if name in gate)
    for wave in _waves_of_attempt(record):
        yield from (wave[name] for name in ("startTime", "endTime", "readyTime") if name in wave)


def _waves_of_attempt(record: ExecutionRecord) -> list[WaveRow]:
    return [wave for wave in record["waves"] if wave["attempt"] == record["attempt"]]


def _gate_bar(gate: GateRow, scale: _Scale) -> Bar:
    return scale.bar("gate", gate["openedAt"], gate.get("closedAt"))


def _wave_lane(record: ExecutionRecord, wave: WaveRow, scale: _Scale) -> Lane:
    lane = Lane(f"{wave['waveNumber']} {wave['waveName']}", wave["status"])
    if wave["attempt"] != record["attempt"]:
        return Lane(lane.name, lane.status, remark=f"attempt {wave['attempt']}")
    if "openedAt" in wave.get("gate", {}):
        lane.bars.append(_gate_bar(wave["gate"], scale))
    if "startTime" in wave:
        lane.bars.append(scale.bar(wave["status"].lower(), wave["startTime"], wave.get("endTime")))
        lane.phases.extend(_phase_bars(wave, scale))
    lane.phases.extend(
        scale.bar("step", step["startTime"], step["endTime"])
        for step in wave.get("steps", ())
        if "startTime" in step and "endTime" in step
    )
    return lane if lane.bars or lane.phases else Lane(lane.name, lane.status, remark="not started")


def _phase_bars(wave: WaveRow, scale: _Scale) -> Iterator[Bar]:
    """Yield each phase from the first server's start to the last one's end."""
    phases = [phase for row in wave.get("serverStatuses", ()) for phase in row.get("phases", ())]
    for name in PHASES:
        spans = [
            (phase["start"], phase["end"])
            for phase in phases
            if phase["name"] == name
            and "start" in phase
            and "end" in phase
            # A server that was not launched again has phases of an earlier attempt.
            and phase["end"] > scale.start
        ]
        if spans:
            yield scale.bar(name, min(start for start, _ in spans), max(end for _, end in spans))


def _ticks(scale: _Scale) -> list[Tick]:
    length = scale.end - scale.start
    step = next((step for step in _STEPS_SECONDS if length / step <= _MOST_TICKS), None)
    if step is None:
        days = int(length / (_MOST_TICKS * 86_400)) + 1
        step = days * 86_400
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%m-%d"
    first = -(-scale.start // step) * step
    ticks = []
    while first <= scale.end:
        ticks.append(Tick(scale.percent(first), datetime.fromtimestamp(first, UTC).strftime(form)))
        first += step
    return ticks

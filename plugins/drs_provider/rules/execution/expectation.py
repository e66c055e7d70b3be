"""How long an execution is expected to take, phase by phase, with a range; and the longest way through its waves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from drs_provider.core.times import format_duration

PROFILE: Final = "profile"
HISTORY: Final = "history"

START: Final = "start"
"""Until the wave's jobs begin: steps before the launch, waits for quota, Airflow's own time."""
GATE: Final = "gate"
"""How long people took to answer; never part of a sum."""
CHECKS: Final = "checks"


class Frozen(BaseModel):
    """Base of the frozen models: immutable, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Range(NamedTuple):
    """Seconds: one of ten is shorter than ``low``, half are shorter than ``seconds``, nine of ten than ``high``."""

    low: float
    seconds: float
    high: float

    def plus(self, other: Range) -> Range:
        """Return the sum. That bad luck of one comes with that of the other is assumed: the line is the same."""
        return Range(self.low + other.low, self.seconds + other.seconds, self.high + other.high)

    def times(self, factor: float) -> Range:
        """Return it so many times as long."""
        return Range(self.low * factor, self.seconds * factor, self.high * factor)

    def to_row(self) -> dict[str, int]:
        """Return it in whole seconds, for programs."""
        return {
            "lowSeconds": round(self.low),
            "seconds": round(self.seconds),
            "highSeconds": round(self.high),
        }


NOTHING: Final = Range(0.0, 0.0, 0.0)


def total(ranges: Iterable[Range]) -> Range:
    """Return the sum of ranges."""
    found = NOTHING
    for each in ranges:
        found = found.plus(each)
    return found


class PhaseExpectation(Frozen):
    """Expected seconds of one phase: ``gate``, ``start``, a phase of the launches, ``checks`` (steps behind them)."""

    name: str
    low: float = Field(ge=0)
    seconds: float = Field(ge=0)
    high: float = Field(ge=0)

    @classmethod
    def of(cls, name: str, seconds: Range) -> PhaseExpectation:
        """Return the expectation of a phase, to a tenth of a second."""
        return cls(
            name=name,
            low=round(seconds.low, 1),
            seconds=round(seconds.seconds, 1),
            high=round(seconds.high, 1),
        )

    @property
    def range(self) -> Range:
        """Its seconds."""
        return Range(self.low, self.seconds, self.high)


class WaveExpectation(Frozen):
    """What is expected of a wave that runs.

    :param basis: ``plan`` (its own earlier runs), ``estate`` (those of waves of about its size), or ``profile``
    :param executions: how many earlier runs that are
    """

    number: int
    name: str
    depends_on: tuple[int, ...] = ()
    basis: str = PROFILE
    executions: int = 0
    phases: tuple[PhaseExpectation, ...] = ()

    def phase(self, name: str) -> Range:
        """Return the seconds of a phase; nothing if it has none of this name."""
        return next((phase.range for phase in self.phases if phase.name == name), NOTHING)

    @property
    def range(self) -> Range:
        """The seconds from the moment in which the wave may begin until it is ready; waiting for people left out."""
        return total(phase.range for phase in self.phases if phase.name != GATE)

    def times(self, factor: float) -> WaveExpectation:
        """Return it if the wave took so many times as long; people take as long as before."""
        phases = tuple(
            phase if phase.name == GATE else PhaseExpectation.of(phase.name, phase.range.times(factor))
            for phase in self.phases
        )
        return self.model_copy(update={"phases": phases})

    def to_row(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "number": self.number,
            "name": self.name,
            "basis": self.basis,
            "executions": self.executions,
            **self.range.to_row(),
            "phases": [{"name": phase.name, **phase.range.to_row()} for phase in self.phases],
        }


class Expectation(Frozen):
    """An expected duration, from the start until everything is recovered; waiting for people is not in it.

    :param source: ``history`` or ``profile``
    :param executions: how many earlier executions it rests on
    :param low_seconds: None in plans that an older version froze, as is all that follows
    :param critical_path: numbers of the waves whose times make up the whole, in their order
    :param waves: those that run
    :param after: the steps behind all waves
    """

    seconds: float = Field(ge=0)
    source: str
    executions: int = Field(default=0, ge=0)
    low_seconds: float | None = None
    high_seconds: float | None = None
    critical_path: tuple[int, ...] = ()
    waves: tuple[WaveExpectation, ...] = ()
    after: PhaseExpectation | None = None

    def text(self) -> str:
        """Return it for people: ``about 24 min (20 min to 31 min; median of 3 earlier executions)``."""
        noun = "execution" if self.executions == 1 else "executions"
        basis = f"median of {self.executions} earlier {noun}" if self.executions else "earlier executions"
        if self.source != HISTORY:
            basis = "documented profile"
        if self.low_seconds is not None and self.high_seconds is not None:
            basis = f"{_minutes(self.low_seconds)} to {_minutes(self.high_seconds)}; {basis}"
        return f"about {_minutes(self.seconds)} ({basis})"

    def wave(self, number: int) -> WaveExpectation | None:
        """Return what is expected of a wave; None if it does not run, or nothing is known."""
        return next((wave for wave in self.waves if wave.number == number), None)

    def what_if(self, factors: Mapping[int, float]) -> Expectation:
        """Return what would be expected if waves took so many times as long.

        :param factors: wave number → factor
        """
        waves = [wave.times(factors.get(wave.number, 1.0)) for wave in self.waves]
        return expectation_of(waves, source=self.source, executions=self.executions, after=self.after)

    def to_row(self) -> dict[str, Any]:
        """Return it for programs."""
        known = Range(
            self.seconds if self.low_seconds is None else self.low_seconds,
            self.seconds,
            self.seconds if self.high_seconds is None else self.high_seconds,
        )
        row: dict[str, Any] = {
            **known.to_row(),
            "basis": self.source,
            "executions": self.executions,
            "criticalPath": list(self.critical_path),
            "waves": [wave.to_row() for wave in self.waves],
        }
        if self.after is not None:
            row["after"] = self.after.range.to_row()
        return row


def expectation_of(
    waves: Iterable[WaveExpectation], *, source: str, executions: int, after: PhaseExpectation | None = None
) -> Expectation:
    """Return what is expected of an execution of these waves: the longest way through them, and its range.

    :raises ValueError: if the waves depend on each other in a circle
    """
    made = sorted(waves, key=lambda wave: wave.number)
    depends_on = {wave.number: wave.depends_on for wave in made}
    ways = [longest_way(depends_on, {wave.number: wave.range[place] for wave in made}) for place in range(3)]
    behind = NOTHING if after is None else after.range
    low, seconds, high = (round(length + behind[place], 1) for place, (length, _) in enumerate(ways))
    return Expectation(
        seconds=seconds,
        low_seconds=low,
        high_seconds=high,
        critical_path=ways[1][1],
        waves=tuple(made),
        source=source,
        executions=executions,
        after=after,
    )


def _minutes(seconds: float) -> str:
    return format_duration(max(1, round(seconds / 60)) * 60)


def longest_way(
    depends_on: Mapping[int, Iterable[int]], seconds: Mapping[int, float]
) -> tuple[float, tuple[int, ...]]:
    """Return how long the longest way through waves takes, and which waves lie on it, in their order.

    :param depends_on: every wave's number → those that end before it begins
    :param seconds: of each wave; one without takes no time, and is on no way that is told
    :raises ValueError: if the waves depend on each other in a circle
    """
    graph = {number: tuple(dep for dep in deps if dep in depends_on) for number, deps in depends_on.items()}
    ends: dict[int, float] = {}
    ways: dict[int, tuple[int, ...]] = {}
    for number in TopologicalSorter(graph).static_order():
        before = max(graph[number], key=lambda dep: (ends[dep], -dep), default=None)
        way = () if before is None else ways[before]
        ends[number] = seconds.get(number, 0.0) + (0.0 if before is None else ends[before])
        ways[number] = (*way, number) if number in seconds else way
    last = max(ends, key=lambda number: (ends[number], -number), default=None)
    return (0.0, ()) if last is None else (ends[last], ways[last])

"""What is expected of an execution: from earlier ones, else from profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import sqrt
from typing import Final

from drs_provider.core.states import ExecutionType
from drs_provider.rules.drs.phases import PhaseName
from drs_provider.rules.execution.expectation import (
    CHECKS,
    GATE,
    HISTORY,
    PROFILE,
    START,
    Expectation,
    PhaseExpectation,
    Range,
    WaveExpectation,
    expectation_of,
)
from drs_provider.rules.execution.frozen import FrozenStep, FrozenWave
from drs_provider.rules.record.durations import LAUNCHES, Durations, WaveDurations
from drs_provider.rules.wave.estimates import launch_seconds, profile, steps_range

MOST_COUNTED: Final = 10
"""The newest ones count: servers, disks and launch settings change."""
LEAST_OF_ESTATE: Final = 3
"""Waves of other plans that must be known before they say more than the documented profile."""

_OWN: Final = "plan"
_ESTATE: Final = "estate"
# What one run alone leaves open, of its own length: less the more runs are known, by the square root of their number.
_WIDER: Final = (0.3, 0.6)


@dataclass(frozen=True)
class Earlier:
    """What is known of earlier runs, the newest first.

    :param own: the plan's executions
    :param estate: waves of all plans
    """

    own: Sequence[Durations] = ()
    estate: Sequence[WaveDurations] = ()


def estimate(
    execution_type: ExecutionType,
    waves: Sequence[FrozenWave],
    earlier: Earlier = Earlier(),
    *,
    after_last: Sequence[FrozenStep] = (),
) -> Expectation:
    """Return what is expected of an execution: each wave's phases, and the longest way through its waves.

    :raises ValueError: if the waves depend on each other in a circle
    """
    depends_on = {wave.number: wave.depends_on for wave in waves}
    selected = {wave.number: wave for wave in waves if wave.selected}
    made = {number: _wave(execution_type, wave, earlier) for number, wave in selected.items()}
    for number, wave in made.items():
        made[number] = wave.model_copy(update={"depends_on": _needed(depends_on, number, selected)})
    known = bool(made) and all(wave.basis != PROFILE for wave in made.values())
    own = [wave.executions for wave in made.values() if wave.basis == _OWN]
    return expectation_of(
        made.values(),
        source=HISTORY if known else PROFILE,
        executions=max(own, default=0) if known else 0,
        after=_after(execution_type, earlier, after_last),
    )


def _needed(depends_on: Mapping[int, Iterable[int]], number: int, selected: Iterable[int]) -> tuple[int, ...]:
    """Return the waves that run and that a wave waits for, also through waves that are left out.

    Those take no time, but still come after what they depend on.
    """
    found: set[int] = set()
    todo, seen = list(depends_on[number]), set()
    while todo:
        each = todo.pop()
        if each in seen or each not in depends_on:
            continue
        seen.add(each)
        if each in selected:
            found.add(each)
        else:
            todo += depends_on[each]
    return tuple(sorted(found))


def _wave(execution_type: ExecutionType, wave: FrozenWave, earlier: Earlier) -> WaveExpectation:
    phases = profile(execution_type, wave)
    basis, runs = PROFILE, 0
    own = [(run, row) for run in earlier.own for row in run.waves if row.name == wave.name]
    own = own[:MOST_COUNTED] if wave.servers else []
    same = [row for run, row in own if run.type == execution_type]
    if own:
        basis, runs = _OWN, len(own)
        phases |= _launch_ranges(execution_type, wave, [row for _, row in own])
        phases |= _of(same, (GATE, START, CHECKS), phases)
    elif near := _near(wave, earlier.estate):
        basis, runs = _ESTATE, len(near)
        phases |= _launch_ranges(execution_type, wave, near)
    return WaveExpectation(
        number=wave.number,
        name=wave.name,
        basis=basis,
        executions=runs,
        phases=tuple(PhaseExpectation.of(name, found) for name, found in phases.items()),
    )


def _near(wave: FrozenWave, estate: Iterable[WaveDurations]) -> list[WaveDurations]:
    """Return waves of half to twice the size, the newest; none if they are too few."""
    count = len(wave.servers)
    fitting = (row for row in estate if count <= 2 * row.servers and row.servers <= 2 * count)
    found = list(islice(fitting, MOST_COUNTED)) if count else []
    return found if len(found) >= LEAST_OF_ESTATE else []


def _launch_ranges(
    execution_type: ExecutionType, wave: FrozenWave, rows: Sequence[WaveDurations]
) -> dict[str, Range]:
    """Return the phases of the launches; of waves of another size as much longer or shorter as the profile is."""
    size = launch_seconds(execution_type, len(wave.servers))
    names = [*LAUNCHES, *([PhaseName.POST_LAUNCH.value] if wave.post_launch_required else [])]
    found: dict[str, Range] = {}
    for name in names:
        values = [
            row.seconds[name]
            * (size / launch_seconds(execution_type, row.servers) if name in LAUNCHES else 1.0)
            for row in rows
            if name in row.seconds
        ]
        if values:
            found[name] = range_of(values)
    return found


def _of(rows: Sequence[WaveDurations], names: Iterable[str], wanted: Iterable[str]) -> dict[str, Range]:
    values = {name: [row.seconds[name] for row in rows if name in row.seconds] for name in names}
    return {name: range_of(found) for name, found in values.items() if found and name in wanted}


def _after(
    execution_type: ExecutionType, earlier: Earlier, steps: Sequence[FrozenStep]
) -> PhaseExpectation | None:
    if not any(step.selected for step in steps):
        return None
    told = [run.after for run in earlier.own if run.type == execution_type and run.after is not None]
    return PhaseExpectation.of("after_last", range_of(told[:MOST_COUNTED]) if told else steps_range(steps))


def range_of(values: Sequence[float]) -> Range:
    """Return the range that earlier times make likely: their median, and between which two most will lie.

    Low and high are the tenth and ninetieth percentile, or further apart while few are known.

    :param values: at least one
    """
    ordered = sorted(values)
    middle = _quantile(ordered, 0.5)
    below, above = (middle * width / sqrt(len(ordered)) for width in _WIDER)
    return Range(
        max(0.0, min(_quantile(ordered, 0.1), middle - below)),
        middle,
        max(_quantile(ordered, 0.9), middle + above),
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

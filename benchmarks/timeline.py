"""What the simulator's jobs and calls tell of waves: pure rules over its answers, times in epoch seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Wave:
    """The launches of one wave of one execution.

    :param started: StartRecovery of its first job
    :param ended: end of its last job; None while one is open
    """

    execution: str
    number: int
    started: float
    ended: float | None
    jobs: int = 1


@dataclass(frozen=True)
class Gap:
    """From the end of a wave to the start of the next one; all of it is downtime."""

    wave: Wave
    next_started: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.next_started - (self.wave.ended or self.next_started)


def waves_of(
    jobs: Iterable[Mapping[str, Any]], place: Callable[[Mapping[str, Any]], tuple[str, int]]
) -> list[Wave]:
    """Return the waves that launches belong to, by execution and number.

    :param jobs: of the simulator's ``jobs``
    :param place: the execution that a job belongs to, and the wave's number
    """
    found: dict[tuple[str, int], list[Mapping[str, Any]]] = defaultdict(list)
    for job in jobs:
        if job["kind"] == "LAUNCH":
            found[place(job)].append(job)
    waves = []
    for (execution, number), launched in sorted(found.items()):
        ends = [job["ended_at"] for job in launched]
        ended = None if None in ends else max(ends)
        waves.append(
            Wave(execution, number, min(job["created_at"] for job in launched), ended, len(launched))
        )
    return waves


def gaps(waves: Sequence[Wave]) -> list[Gap]:
    """Return the gaps between following waves of the same execution, in the order in which they began.

    :raises ValueError: if a wave has started before the one it follows had ended
    """
    found = []
    for wave, following in pairwise(waves):
        if wave.execution != following.execution:
            continue
        if wave.ended is None or following.started < wave.ended:
            raise ValueError(f"{wave.execution}: wave {following.number} did not wait for wave {wave.number}")
        found.append(Gap(wave, following.started))
    return sorted(found, key=lambda gap: gap.next_started - gap.seconds)


def calls_per_wave(calls: Iterable[Mapping[str, Any]], waves: Sequence[Wave]) -> dict[str, float]:
    """Return the calls of a whole wave by operation: from its start to that of the next one.

    Calls in the name of no execution serve all of them, such as the polls: they count while all executions run.

    :param calls: of the simulator; each has ``service``, ``operation``, ``at`` and ``session_name``
    :param waves: of executions by the name of the role session in which they call
    :raises ValueError: if no wave follows another one, or never all executions run
    """
    cycles = [
        (wave, following) for wave, following in pairwise(waves) if wave.execution == following.execution
    ]
    begins: dict[str, float] = {}
    ends: dict[str, float] = {}
    for wave, following in cycles:
        begins.setdefault(wave.execution, wave.started)
        ends[wave.execution] = following.started
    first, last = max(begins.values(), default=0.0), min(ends.values(), default=0.0)
    shared_cycles = sum(first <= following.started <= last for _, following in cycles)
    if not shared_cycles:
        raise ValueError("there is no whole wave while all executions run")
    own: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    for call in calls:
        name, operation = call["session_name"], f"{call['service']}:{call['operation']}"
        if name in begins:
            own[operation] += begins[name] <= call["at"] < ends[name]
        else:
            shared[operation] += first <= call["at"] < last
    return {
        operation: own[operation] / len(cycles) + shared[operation] / shared_cycles
        for operation in sorted(own.keys() | shared.keys())
    }

"""How long a recovery takes, and how far one has come. Estimates only: nothing is decided by them.

DRS publishes no times. The table holds the few that are known:

- two drills of two servers, in an AWS-published tool's sample data: 8m53s and 8m59s;
- drills of a few servers: 13m28s until the servers' launch states changed and 6m16s of launching, with post-launch
  actions about ten minutes more;
- a recorded execution of 25 servers: 28m46s.

DRS works on the servers of a job side by side and larger jobs have not been measured, so the last value
holds for more servers too. Drill and recovery run through the same machinery.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from drs_provider.core.states import ExecutionType, LaunchStatus
from drs_provider.rules.drs.phases import Phase, PhaseName
from drs_provider.rules.execution.frozen import FrozenWave

# (servers in the job, seconds)
MEASURED: Mapping[ExecutionType, tuple[tuple[int, float], ...]] = {
    ExecutionType.DRILL: ((2, 536.0), (5, 1_184.0), (25, 1_726.0)),
    ExecutionType.RECOVERY: ((2, 536.0), (5, 1_184.0), (25, 1_726.0)),
}
POST_LAUNCH_SECONDS = 600.0

LAUNCH_SECONDS = 283.0
"""The last phase of the recorded two-server drills: from a server's LAUNCH_START to its LAUNCH_END."""

# Shares of a launch, from the two-server drills: snapshot until the conversion starts, conversion, launch.
_SHARES: Mapping[PhaseName, float] = {
    PhaseName.SNAPSHOT: 53 / 533,
    PhaseName.CONVERSION: 197 / 533,
    PhaseName.LAUNCH: LAUNCH_SECONDS / 533,
}
# A phase that takes longer than expected is shown as nearly done, and as taking a little longer.
_OVERRUN = 0.05


def launch_seconds(execution_type: ExecutionType, server_count: int) -> float:
    """Return the expected seconds of a job with so many servers, 0 for none."""
    if server_count < 1:
        return 0.0
    points = MEASURED[execution_type]
    if server_count <= points[0][0]:
        return points[0][1]
    if server_count >= points[-1][0]:
        return points[-1][1]
    upper = bisect_left([servers for servers, _ in points], server_count)
    (low, low_seconds), (high, high_seconds) = points[upper - 1], points[upper]
    return low_seconds + (high_seconds - low_seconds) * (server_count - low) / (high - low)


def wave_seconds(execution_type: ExecutionType, server_count: int, *, post_launch: bool) -> float:
    """Return the expected seconds of a wave from its start to its verdict, waits for people excluded."""
    seconds = launch_seconds(execution_type, server_count)
    return seconds + POST_LAUNCH_SECONDS if post_launch and server_count > 0 else seconds


def expected_seconds(execution_type: ExecutionType, waves: Iterable[FrozenWave]) -> float:
    """Return the expected seconds of an execution: the longest way through its selected waves.

    Waves left out take no time, and dependencies on them count as met.

    :raises ValueError: if the waves depend on each other in a circle
    """
    selected = {wave.number: wave for wave in waves if wave.selected}
    graph = {number: [dep for dep in wave.depends_on if dep in selected] for number, wave in selected.items()}
    ends: dict[int, float] = {}
    for number in TopologicalSorter(graph).static_order():
        wave = selected[number]
        begin = max((ends[dep] for dep in graph[number]), default=0.0)
        ends[number] = begin + wave_seconds(
            execution_type, len(wave.servers), post_launch=wave.post_launch_required
        )
    return max(ends.values(), default=0.0)


@dataclass(frozen=True)
class Progress:
    """How far a server or a wave has come.

    :param phase: ``waiting``, a phase's name, ``done`` or ``failed``
    :param fraction: 0.0 to 1.0
    :param remaining_seconds: estimate, 0 when it is over
    """

    phase: str
    fraction: float
    remaining_seconds: float


def server_progress(
    phases: Sequence[Phase],
    launch_status: str | None,
    *,
    now: float,
    expected_launch_seconds: float,
    post_launch: bool = False,
) -> Progress:
    """Return how far a server has come.

    :param phases: from :func:`drs_provider.rules.drs.phases.phases_by_server`
    :param launch_status: DRS's word; None while no job holds the server
    :param now: epoch seconds by DRS's clock; a time before the last phase's start counts as that
    :param expected_launch_seconds: from :func:`launch_seconds` for the server's job
    :param post_launch: whether post-launch actions are waited for
    """
    if launch_status in {LaunchStatus.FAILED, LaunchStatus.TERMINATED}:
        return Progress("failed", 1.0, 0.0)
    plan = _phase_plan(expected_launch_seconds, post_launch)
    total = sum(plan.values())
    launched = launch_status == LaunchStatus.LAUNCHED
    current = _current(plan, {phase.name: phase for phase in phases}, launched)
    if current is None:
        return Progress("done", 1.0, 0.0) if launched else Progress("waiting", 0.0, total)
    before = sum(seconds for name, seconds in plan.items() if _ORDER[name] < _ORDER[current.name])
    within = min(max(0.0, now - current.start), plan[current.name] * (1 - _OVERRUN))
    return Progress(current.name.value, (before + within) / total, total - before - within)


def wave_progress(servers: Iterable[Progress]) -> Progress:
    """Return how far a wave has come: the mean of its servers, the time of its slowest."""
    found = tuple(servers)
    if not found:
        return Progress("done", 1.0, 0.0)
    fraction = sum(progress.fraction for progress in found) / len(found)
    slowest = max(found, key=lambda progress: (progress.remaining_seconds, progress.phase))
    return Progress(slowest.phase, fraction, slowest.remaining_seconds)


_ORDER = {name: position for position, name in enumerate(PhaseName)}


def _phase_plan(expected_launch_seconds: float, post_launch: bool) -> dict[PhaseName, float]:
    plan = {name: max(expected_launch_seconds, 1.0) * share for name, share in _SHARES.items()}
    if post_launch:
        plan[PhaseName.POST_LAUNCH] = POST_LAUNCH_SECONDS
    return plan


def _current(
    plan: Mapping[PhaseName, float], reached: Mapping[PhaseName, Phase], launched: bool
) -> Phase | None:
    """Return the phase that a server is in, or None if it has not begun or is done.

    Between two phases it is still in the first: the wait for the next is part of its share.
    """
    if not launched:
        entered = [phase for name, phase in reached.items() if name in _SHARES]
        return max(entered, key=lambda phase: _ORDER[phase.name], default=None)
    if PhaseName.POST_LAUNCH not in plan:
        return None
    actions = reached.get(PhaseName.POST_LAUNCH)
    if actions is None:
        return Phase(PhaseName.POST_LAUNCH, float("inf"))  # not begun: no time of it has gone
    return actions if actions.end is None else None

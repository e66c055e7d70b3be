"""How long a recovery takes, and how far one has come. Estimates only: nothing is decided by them.

DRS publishes no times. The table holds the few that are known:

- two drills of two servers, in an AWS-published tool's sample data: 8m53s and 8m59s;
- drills of a few servers: 13m28s until the servers' launch states changed and 6m16s of launching, with post-launch
  actions about ten minutes more;
- a recorded execution of 25 servers: 28m46s;
- the fastest and the slowest recorded jobs of two servers: about 5m40s (three jobs) and 23m56s.

DRS works on the servers of a job side by side and larger jobs have not been measured, so the last value
holds for more servers too. Drill and recovery run through the same machinery.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drs_provider.core.states import ExecutionType, LaunchStatus
from drs_provider.rules.drs.phases import Phase, PhaseName
from drs_provider.rules.execution.expectation import CHECKS, GATE, NOTHING, START, Range, total
from drs_provider.rules.execution.frozen import FrozenStep, FrozenWave

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
# Of the expected time: the fastest and the slowest recorded jobs of two servers, against the usual 8m56s.
_FASTEST = 340 / 536
_SLOWEST = 1_436 / 536
STEP_SECONDS = 60.0
"""A guess: nothing tells how long people's checks take, before they have run once."""
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


def launch_phases(execution_type: ExecutionType, server_count: int) -> dict[str, Range]:
    """Return the documented profile of a job's phases: snapshot, conversion, launch."""
    seconds = launch_seconds(execution_type, server_count)
    spread = Range(seconds * _FASTEST, seconds, seconds * _SLOWEST)
    return {name.value: spread.times(share) for name, share in _SHARES.items()}


def profile(execution_type: ExecutionType, wave: FrozenWave) -> dict[str, Range]:
    """Return what is expected of a wave of which no earlier run is known, by phase in their order."""
    phases = {START: steps_range(wave.before)}
    if wave.gate.armed_by is not None:
        phases = {GATE: NOTHING, **phases}  # an answer at once: nobody knows how long people take
    if not wave.servers:
        return phases
    phases |= launch_phases(execution_type, len(wave.servers))
    if wave.post_launch_required:
        most = max(POST_LAUNCH_SECONDS, min(2 * POST_LAUNCH_SECONDS, wave.post_launch_timeout_seconds))
        phases[PhaseName.POST_LAUNCH.value] = Range(POST_LAUNCH_SECONDS / 2, POST_LAUNCH_SECONDS, most)
    if wave.after:
        phases[CHECKS] = steps_range(wave.after)
    return phases


def steps_range(steps: Sequence[FrozenStep]) -> Range:
    """Return what is expected of steps of which no earlier run is known: a minute each, at most their time."""
    stages: list[float] = []
    for step in steps:
        if not step.selected:
            continue
        most = float(step.timeout_seconds * (step.retries + 1))
        if step.together and stages:
            stages[-1] = max(stages[-1], most)
        else:
            stages.append(most)
    return total(Range(0.0, min(STEP_SECONDS, most), most) for most in stages)


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

"""Phases of a server's launch, read from the job log; ``launchStatus`` does not tell them apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from drs_provider.plan.drs_model import LogEvent


class PhaseName(StrEnum):
    """Phases in their order."""

    SNAPSHOT = "snapshot"
    CONVERSION = "conversion"
    LAUNCH = "launch"
    POST_LAUNCH = "post_launch"


@dataclass(frozen=True)
class Phase:
    """A phase with its times in epoch seconds, by DRS's clock.

    :param start: when it first began
    :param end: when it was over, well or badly; None while it goes on
    """

    name: PhaseName
    start: float
    end: float | None = None


_STARTS = {
    "SNAPSHOT_START": PhaseName.SNAPSHOT,
    "CONVERSION_START": PhaseName.CONVERSION,
    "LAUNCH_START": PhaseName.LAUNCH,
}
_ENDS = {
    "SNAPSHOT_END": PhaseName.SNAPSHOT,
    "SNAPSHOT_FAIL": PhaseName.SNAPSHOT,
    "USING_PREVIOUS_SNAPSHOT": PhaseName.SNAPSHOT,
    "USING_PREVIOUS_SNAPSHOT_FAILED": PhaseName.SNAPSHOT,
    "CONVERSION_END": PhaseName.CONVERSION,
    "CONVERSION_FAIL": PhaseName.CONVERSION,
    "LAUNCH_END": PhaseName.LAUNCH,  # sent by the service, absent from its model
    "LAUNCH_FAILED": PhaseName.LAUNCH,
}
PHASE_EVENTS = frozenset(_STARTS) | frozenset(_ENDS)


def server_phases(
    events: Iterable[LogEvent],
    source_server_id: str,
    *,
    post_launch_start: float | None = None,
    post_launch_end: float | None = None,
) -> tuple[Phase, ...]:
    """Return the phases that a server has entered, in their order.

    A phase whose end the log leaves out ends where the next one starts, or with the job. DRS may try a
    phase again: it keeps its first start and takes its last end.

    :param events: log of the one job that holds the server
    :param post_launch_start: when its post-launch actions began; the job log does not tell
    :param post_launch_end: when they were over
    """
    phases: dict[PhaseName, Phase] = {}
    timed = [(event.at, event) for event in events if event.at is not None]
    for at, event in sorted(timed, key=lambda item: item[0]):
        if event.event == "JOB_END":
            _close(phases, at)
        elif event.source_server_id == source_server_id:
            _apply(phases, event.event, at)
    if post_launch_start is not None:
        _close(phases, post_launch_start)
        phases[PhaseName.POST_LAUNCH] = Phase(PhaseName.POST_LAUNCH, post_launch_start, post_launch_end)
    return tuple(phases[name] for name in PhaseName if name in phases)


def _apply(phases: dict[PhaseName, Phase], event: str, at: float) -> None:
    if event in _STARTS:
        name = _STARTS[event]
        _close(phases, at, besides=name)
        phases[name] = Phase(name, phases[name].start if name in phases else at)
    elif event in _ENDS:
        name = _ENDS[event]
        phases[name] = replace(phases.get(name, Phase(name, at)), end=at)


def _close(phases: dict[PhaseName, Phase], at: float, *, besides: PhaseName | None = None) -> None:
    for name, phase in list(phases.items()):
        if phase.end is None and name is not besides:
            phases[name] = replace(phase, end=max(at, phase.start))

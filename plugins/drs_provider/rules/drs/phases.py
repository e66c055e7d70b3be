"""Phases of a server's launch, read from the job log; ``launchStatus`` does not tell them apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from drs_provider.core.texts import cause
from drs_provider.rules.drs.jobs import LogEvent


class PhaseName(StrEnum):
    """Phases in their order."""

    SNAPSHOT = "snapshot"
    CONVERSION = "conversion"
    LAUNCH = "launch"
    POST_LAUNCH = "post-launch"


@dataclass(frozen=True)
class Phase:
    """A phase with its times in epoch seconds, by DRS's clock.

    :param start: when it first began
    :param end: when it was over, well or badly; None while it goes on
    :param error: DRS's words if it failed, and was not tried again
    """

    name: PhaseName
    start: float
    end: float | None = None
    error: str | None = None


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
#: The server's own error says more; longest error of a phase, in characters
MAX_PHASE_ERROR = 120
PHASE_EVENTS = frozenset(_STARTS) | frozenset(_ENDS)


def phases_by_server(events: Iterable[LogEvent]) -> dict[str, tuple[Phase, ...]]:
    """Return the phases that each server has entered, in their order, by source server id.

    A phase whose end the log leaves out ends where the next one starts, or with the job. DRS may try a
    phase again: it keeps its first start and takes its last end.

    :param events: log of one job, in any order
    """
    found: dict[str, dict[PhaseName, Phase]] = {}
    timed = [(event.at, event) for event in events if event.at is not None]
    for at, event in sorted(timed, key=lambda item: item[0]):
        if event.event == "JOB_END":
            for phases in found.values():
                _close(phases, at)
        elif event.event in PHASE_EVENTS and event.source_server_id is not None:
            _apply(found.setdefault(event.source_server_id, {}), event, at)
    return {server_id: _in_order(phases) for server_id, phases in found.items()}


def _in_order(phases: Mapping[PhaseName, Phase]) -> tuple[Phase, ...]:
    return tuple(phases[name] for name in PhaseName if name in phases)


def _apply(phases: dict[PhaseName, Phase], event: LogEvent, at: float) -> None:
    if event.event in _STARTS:
        name = _STARTS[event.event]
        _close(phases, at, besides=name)
        phases[name] = Phase(name, phases[name].start if name in phases else at)
        return
    name = _ENDS[event.event]
    failed = event.event.endswith(("_FAIL", "_FAILED"))
    error = cause(event.raw_error or event.event, MAX_PHASE_ERROR) if failed else None
    phases[name] = replace(phases.get(name, Phase(name, at)), end=at, error=error)


def _close(phases: dict[PhaseName, Phase], at: float, *, besides: PhaseName | None = None) -> None:
    for name, phase in list(phases.items()):
        if phase.end is None and name is not besides:
            phases[name] = replace(phase, end=max(at, phase.start))

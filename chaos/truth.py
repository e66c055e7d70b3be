"""How an attempt should have ended, worked out from jobs and instances alone: nothing of the provider is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaos.facts import Job, Part
from chaos.spec import Behaviour, RunSpec, Wave

MET, NOT_MET, NOT_STARTED = "met", "not met", "not started"


@dataclass(frozen=True)
class Expected:
    """How an attempt should have ended.

    :param waves: MET, NOT_MET or NOT_STARTED by wave number
    :param status: terminal status of the execution
    :param green: whether the run is a success
    """

    waves: dict[int, str]
    status: str
    green: bool


def latest_parts(launches: Sequence[Job], wave: Wave) -> dict[str, tuple[Job, Part]]:
    """Return the latest launch of each server of a wave, by server id.

    :param launches: of the execution, oldest first
    """
    return {part.server_id: (job, part) for job in launches if job.wave == wave.number for part in job.parts}


def recovered(wave: Wave, launches: Sequence[Job]) -> set[str]:
    """Return the servers of a wave whose latest launch gave an instance that EC2 knows."""
    ghosts = {server.id for server in wave.servers if server.behaviour is Behaviour.NO_INSTANCE}
    latest = latest_parts(launches, wave)
    return {
        server_id
        for server_id, (_, part) in latest.items()
        if part.status == "LAUNCHED" and server_id not in ghosts
    }


def wave_outcome(wave: Wave, launches: Sequence[Job]) -> str:
    """Return what came of a wave."""
    if not latest_parts(launches, wave):
        return NOT_STARTED
    there = recovered(wave, launches)
    critical = {server.id for server in wave.servers if server.critical}
    return MET if critical <= there and len(there) >= wave.min_launched else NOT_MET


def expected(spec: RunSpec, launches: Sequence[Job], *, stopped: bool) -> Expected:
    """Return how an attempt should have ended.

    :param launches: of the execution up to this attempt, oldest first
    :param stopped: whether people stopped it
    """
    waves = {wave.number: wave_outcome(wave, launches) for wave in spec.waves}
    met = [wave for wave in spec.waves if waves[wave.number] == MET]
    if stopped:
        return Expected(waves, "CANCELLED", green=False)
    if not met:
        return Expected(waves, "FAILED", green=False)
    every_server = all(len(recovered(wave, launches)) == len(wave.servers) for wave in met)
    complete = len(met) == len(spec.waves)
    return Expected(waves, "COMPLETED" if complete and every_server else "PARTIAL", green=complete)

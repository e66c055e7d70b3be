"""The life cycle of a terminate job: EC2 instances end, and DRS's recovery-instance objects go away."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from drs_simulator.engine.entities import Caller, Job, JobServer, RegionState
from drs_simulator.engine.jobs import end_job
from drs_simulator.engine.rights import TERMINATE_RECOVERY_INSTANCES, lacking

if TYPE_CHECKING:
    from drs_simulator.engine.world import World

_BEFORE_CLEANUP_SECONDS = 1.0


def start_terminate(world: World, state: RegionState, job: Job, caller: Caller) -> None:
    """Begin a terminate job and put its whole future on the agenda."""
    profile = world.scenario.profile
    rng = world.rng("terminate", state.place.account_id, state.place.region, job.number)
    begin = job.created_at + profile.job_start.sample(rng)
    world.agenda.at(begin, partial(_starts, job))
    lack = lacking(TERMINATE_RECOVERY_INSTANCES, caller)
    last = begin
    for part in job.servers:
        server = state.servers.get(part.server_id)
        if server is not None:
            server.busy_with = job.job_id
        world.agenda.at(begin + _BEFORE_CLEANUP_SECONDS, partial(_cleanup_begins, job, part))
        end = begin + _BEFORE_CLEANUP_SECONDS + profile.terminate.sample(rng)
        last = max(last, end)
        if lack is not None:
            error = lack[0].refusal(caller, state.place, part.server_id)
            world.agenda.at(end, partial(_cleanup_fails, job, part, error))
        else:
            world.agenda.at(end, partial(_terminated, world, state, job, part))
    listed = world.scenario.terminate_jobs_list_servers
    world.agenda.at(last + profile.job_end.sample(rng), partial(_ends, state, job, listed))


def _starts(job: Job, at: float) -> None:
    job.note(at, "JOB_START")
    job.status = "STARTED"
    job.touch()


def _cleanup_begins(job: Job, part: JobServer, at: float) -> None:
    job.note(at, "CLEANUP_START", sourceServerID=part.server_id)
    part.launch_status = "IN_PROGRESS"
    job.touch()


def _cleanup_fails(job: Job, part: JobServer, error: str, at: float) -> None:
    job.note(at, "CLEANUP_FAIL", sourceServerID=part.server_id, rawError=error)
    part.launch_status = "FAILED"
    job.touch()


def _terminated(world: World, state: RegionState, job: Job, part: JobServer, at: float) -> None:
    if part.instance_id is not None:
        world.machines.terminate(state.place, part.instance_id)
        state.instances.pop(part.instance_id, None)
        server = state.servers.get(part.server_id)
        if server is not None and server.recovery_instance_id == part.instance_id:
            server.recovery_instance_id = None
    job.note(at, "CLEANUP_END", sourceServerID=part.server_id)
    part.launch_status = "TERMINATED"
    job.touch()


def _ends(state: RegionState, job: Job, listed: bool, at: float) -> None:
    end_job(state, job, at)
    if not listed:
        job.servers = []

"""How jobs begin and end, whatever they do."""

from __future__ import annotations

from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import Job, JobServer, Place, RegionState
from drs_simulator.engine.ids import random_id
from drs_simulator.engine.times import whole_micros


def new_job(
    call: Call, place: Place, kind: str, initiated_by: str, parts: list[JobServer], tags: dict[str, str]
) -> Job:
    """A new PENDING job in an account and Region, visible and tagged when the scenario says so."""
    # No finer than the answers are, or a filter by the answered time would miss the job.
    now = whole_micros(call.now)
    state: RegionState = call.world.region(place)
    state.job_count += 1
    rng = call.world.rng("job", place.account_id, place.region, state.job_count)
    job_id = random_id("drsjob-", rng)
    job_delay, tags_delay = call.world.scenario.delays_of(place.account_id, place.region)
    job = Job(
        job_id=job_id,
        number=state.job_count,
        arn=state.arn("job", job_id),
        kind=kind,
        initiated_by=initiated_by,
        created_at=now,
        servers=parts,
        tags=tags,
        visible_at=now + job_delay,
        tags_visible_at=None if isinstance(tags_delay, str) else now + tags_delay,
    )
    state.jobs[job_id] = job
    return job


def end_job(state: RegionState, job: Job, at: float) -> None:
    """Complete a job, and let other jobs have its servers."""
    job.note(at, "JOB_END")
    job.complete(at)
    for part in job.servers:
        server = state.servers.get(part.server_id)
        if server is not None and server.busy_with == job.job_id:
            server.busy_with = None

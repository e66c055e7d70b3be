"""The life cycle of a launch job: at its start the whole future is sampled and put on the agenda.

A job is STARTED soon after its JOB_START, while its servers stay PENDING through cleanup, snapshot and conversion:
the phase shows in the log only. Conversion ends for all servers of a job together, and their launches follow
together. A job never fails: its servers do.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

from drs_simulator.engine.entities import (
    Caller,
    Job,
    LastLaunch,
    RegionState,
    SourceServer,
)
from drs_simulator.engine.ids import random_id
from drs_simulator.engine.jobs import end_job
from drs_simulator.engine.post_launch import seconds_of_actions
from drs_simulator.engine.rights import START_RECOVERY, Effect, Right, lacking
from drs_simulator.engine.server_launch import (
    CLEANUP,
    CONVERSION,
    HANGS,
    LAUNCH,
    SNAPSHOT,
    ServerLaunch,
    job_is_started,
)
from drs_simulator.engine.snapshots import Snapshot
from drs_simulator.launch_profile import Profile
from drs_simulator.server_spec import happens

if TYPE_CHECKING:
    from drs_simulator.engine.world import World


# Where a launch ends for want of a right; the two without a phase of their own have no event, either.
_FAIL_AT = {
    Effect.CLEANUP_FAILS: CLEANUP.fail,
    Effect.SNAPSHOT_FAILS: SNAPSHOT.fail,
    Effect.CONVERSION_FAILS: CONVERSION.fail,
    Effect.LAUNCH_FAILS: LAUNCH.fail,
}


def start_launch(
    world: World,
    state: RegionState,
    job: Job,
    chosen: dict[str, Snapshot | None],
    caller: Caller,
) -> None:
    """Begin a launch job: mark its servers busy and put its whole future on the agenda."""
    profile = world.scenario.profile
    rng = world.rng("launch", state.place.account_id, state.place.region, job.number)
    begin = job.created_at + profile.job_start.sample(rng)
    world.agenda.at(begin, partial(_job_starts, job))
    world.agenda.at(begin + profile.started.sample(rng), partial(job_is_started, job))
    lack = lacking(START_RECOVERY, caller, world.scenario.denied_effects)
    launches: list[ServerLaunch] = []
    for part in job.servers:
        server = state.servers[part.server_id]
        server.attempts += 1
        server.busy_with = job.job_id
        server.last_result = "PENDING"
        server.last_launch = LastLaunch(job.job_id, job.created_at, job.is_drill)
        launch = ServerLaunch(world, state, job, part, server, chosen.get(part.server_id), rng)
        launch.conversion_server = random_id("i-", rng)
        launch.fail_at, launch.error = _outcome(state, server, lack, caller, rng)
        launches.append(launch)
    if not _plan_launches(launches, begin, profile, rng):
        return
    end = max(launch.final_at for launch in launches) + profile.job_end.sample(rng)
    if world.scenario.post_launch_in_job:
        servers = [state.servers[part.server_id] for part in job.servers]
        end += max(seconds_of_actions(world, state, job, server) for server in servers)
    world.agenda.at(end, partial(end_job, state, job))


def _plan_launches(launches: list[ServerLaunch], begin: float, profile: Profile, rng: random.Random) -> bool:
    """Plan the way of every server; returns whether the job comes to an end.

    Recorded: conversions of a job end within a second of each other and the launches follow 0.4 to 3 s later, however
    early a server's own conversion began. So one that hangs (assumed) holds all of its job.
    """
    starts = [(launch, at) for launch in launches if (at := launch.plan(begin)) is not None]
    if any(launch.fail_at == HANGS for launch, _ in starts):
        for launch, at in starts:
            launch.plan_hung_conversion(at)
        return False
    if starts:
        converted = max(at for _, at in starts) + profile.conversion.sample(rng, len(launches))
        ends = [converted + profile.conversion_apart.sample(rng) for _ in starts]
        launching = max(ends) + profile.launch_wait.sample(rng)
        for (launch, at), end in zip(starts, ends, strict=True):
            if launch.plan_conversion(at, end):
                launch.plan_launch(launching)
    return True


def _outcome(
    state: RegionState,
    server: SourceServer,
    lack: tuple[Right, Effect] | None,
    caller: Caller,
    rng: random.Random,
) -> tuple[str | None, str]:
    fail = server.spec.fail
    if (
        fail is not None
        and (not fail.attempts or server.attempts in fail.attempts)
        and happens(fail.share, rng)
    ):
        return fail.at, fail.text
    if lack is not None:
        right, effect = lack
        if effect is Effect.CLEANUP_FAILS and not server.recovery_instance_id:
            effect = Effect.CONVERSION_FAILS
        if effect is not Effect.LEAVES_INSTANCE or len(server.spec.disks) > 1:
            return _FAIL_AT.get(effect, effect), right.refusal(caller, state.place, server.server_id)
    return None, "The instance could not be launched"


def _job_starts(job: Job, at: float) -> None:
    job.note(at, "JOB_START")

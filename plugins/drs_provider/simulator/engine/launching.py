"""The life cycle of a launch job: at its start the whole future is sampled and put on the agenda.

A job stays PENDING and its servers stay PENDING through cleanup, snapshot and conversion; the phase shows in
the log only. With the first launch the job is STARTED. A job never fails: its servers do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from drs_provider.simulator.engine.agenda import Action
from drs_provider.simulator.engine.entities import (
    Caller,
    Job,
    JobServer,
    LastLaunch,
    RecoveryInstance,
    RegionState,
    SourceServer,
)
from drs_provider.simulator.engine.ids import random_id
from drs_provider.simulator.engine.machines import LaunchOrder, MachineError
from drs_provider.simulator.engine.post_launch import plan_actions, seconds_of_actions
from drs_provider.simulator.engine.rights import START_RECOVERY, Effect, Right, lacking
from drs_provider.simulator.engine.snapshots import BROKEN, Snapshot, consistent_at, latest_snapshot
from drs_provider.simulator.server_spec import happens

if TYPE_CHECKING:
    from drs_provider.simulator.engine.world import World


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a server's launch and its log events."""

    name: str
    start: str
    end: str
    fail: str


CLEANUP = Phase("cleanup", "CLEANUP_START", "CLEANUP_END", "CLEANUP_FAIL")
SNAPSHOT = Phase("snapshot", "SNAPSHOT_START", "SNAPSHOT_END", "SNAPSHOT_FAIL")
CONVERSION = Phase("conversion", "CONVERSION_START", "CONVERSION_END", "CONVERSION_FAIL")
LAUNCH = Phase("launch", "LAUNCH_START", "LAUNCH_END", "LAUNCH_FAILED")

# Where a launch ends for want of a right; the two without a phase of their own have no event, either.
_FAIL_AT = {
    Effect.CLEANUP_FAILS: CLEANUP.fail,
    Effect.SNAPSHOT_FAILS: SNAPSHOT.fail,
    Effect.CONVERSION_FAILS: CONVERSION.fail,
    Effect.LAUNCH_FAILS: LAUNCH.fail,
}


@dataclass(slots=True)
class ServerLaunch:
    """One server's way through a job, decided in advance as far as chance decides it."""

    world: World
    state: RegionState
    job: Job
    part: JobServer
    server: SourceServer
    chosen: Snapshot | None
    rng: random.Random
    fail_at: str | None = None
    error: str = "Simulated failure"
    conversion_server: str = ""
    point_in_time: float = 0.0

    # -- planning -------------------------------------------------------------------------------------

    def plan(self, begin: float) -> float:
        """Put everything on the agenda; returns when the server is final."""
        if self.fail_at == "SERVER_SKIPPED":
            self._at(begin, self._skipped)
            return begin
        at = begin
        if self.server.recovery_instance_id:
            at, failed = self._phase(CLEANUP, at, self._cleaned_up)
            if failed:
                return at
        at, failed = self._plan_snapshot(at + self._lasts("snapshot_wait"))
        if failed:
            return at
        if self.fail_at == Effect.NO_CONVERSION:
            at += self._lasts("conversion_refused")
            self._at(at, self._given_up)
            return at
        at, failed = self._phase(CONVERSION, at + self._lasts("conversion_wait"))
        if failed:
            return at
        return self._plan_launch(at)

    def _plan_snapshot(self, at: float) -> tuple[float, bool]:
        broken = self.server.spec.replication in BROKEN
        if self.chosen is None and not broken:
            if consistent_at(self.server, at) is None:
                self._at(at, partial(self._log, SNAPSHOT.start))
                return self._fails(at, SNAPSHOT.fail, "The initial synchronisation has not finished")
            return self._phase(SNAPSHOT, at, self._snapshot_taken)
        # A dead source gives no new snapshot: DRS falls back to one it has.
        snapshot = self.chosen or latest_snapshot(self.server, at)
        if snapshot is None or self.fail_at == "USING_PREVIOUS_SNAPSHOT_FAILED":
            return self._fails(at, "USING_PREVIOUS_SNAPSHOT_FAILED", "No usable snapshot")
        self.point_in_time = snapshot.taken_at or at
        self._at(at, partial(self._log, "USING_PREVIOUS_SNAPSHOT"))
        return at, False

    def _plan_launch(self, at: float) -> float:
        self._at(at, self._launch_begins)
        lasts = self._lasts("launch")
        end = at + lasts
        if self.fail_at == LAUNCH.fail:
            return self._fails(end, LAUNCH.fail, self.error)[0]
        visible = max(at, end - self._lasts("instance_before_launched"))
        self._at(visible, self._instance_appears)
        if self.fail_at == Effect.LEAVES_INSTANCE:
            return self._fails(max(end, at + self._lasts("launch_refused")), LAUNCH.fail, self.error)[0]
        self._at(end, self._launched)
        return end

    def _phase(self, phase: Phase, at: float, done: Action | None = None) -> tuple[float, bool]:
        self._at(at, partial(self._log, phase.start))
        end = at + self._lasts(phase.name)
        if self.fail_at == phase.fail:
            return self._fails(end, phase.fail, self.error)
        if done is not None:
            self._at(end, done)
        self._at(end, partial(self._log, phase.end))
        return end, False

    def _fails(self, at: float, event: str, error: str) -> tuple[float, bool]:
        self._at(at, partial(self._failed, event, error))
        return at, True

    def _lasts(self, phase: str) -> float:
        spread = getattr(self.world.scenario.profile, phase)
        seconds: float = spread.sample(self.rng, len(self.job.servers))
        return seconds

    def _at(self, moment: float, action: Action) -> None:
        self.world.agenda.at(moment, action)

    # -- what happens ---------------------------------------------------------------------------------

    def _log(self, event: str, at: float) -> None:
        conversion = self.conversion_server if event.startswith("CONVERSION") else None
        self.job.note(at, event, sourceServerID=self.server.server_id, conversionServerID=conversion)

    def _skipped(self, at: float) -> None:
        # Assumed, for no record tells its last status; a scenario can let it stay PENDING.
        if self.world.scenario.skipped_servers_end == "FAILED":
            self._failed("SERVER_SKIPPED", self.error, at)
        else:
            self._log("SERVER_SKIPPED", at)

    def _cleaned_up(self, at: float) -> None:
        del at
        earlier = self.server.recovery_instance_id
        if earlier:
            # Assumed: an instance that is launched into again is not terminated before.
            if earlier != self.server.launch.into_instance_id:
                self.world.machines.terminate(self.state.place, earlier)
            self.state.instances.pop(earlier, None)
            self.server.recovery_instance_id = None

    def _snapshot_taken(self, at: float) -> None:
        self.point_in_time = consistent_at(self.server, at) or at

    def _launch_begins(self, at: float) -> None:
        if self.job.status == "PENDING":
            self.job.status = "STARTED"
        self._log(LAUNCH.start, at)
        self._set_status("IN_PROGRESS")

    def _instance_appears(self, at: float) -> None:
        spec, config = self.server.spec, self.server.launch
        tags = dict(self.server.tags) if config.copy_tags else {}
        order = LaunchOrder(
            place=self.state.place,
            server=spec,
            template_id=config.template_id,
            at=at,
            tags={**tags, **self.job.tags},
            private_ip=spec.private_ip if config.copy_private_ip else None,
            stopped=config.disposition == "STOPPED",
            checks_seconds=self._lasts("status_checks"),
            impaired=happens(spec.impaired, self.rng),
        )
        try:
            if config.into_instance_id:
                self.world.machines.launch_into(order, config.into_instance_id)
                self.part.instance_id = config.into_instance_id
            else:
                self.part.instance_id = self.world.machines.launch(order)
        except MachineError as error:
            self.error = str(error)
        self.part.instance_named = happens(spec.instance_id_in_job, self.rng)
        self.job.touch()

    def _launched(self, at: float) -> None:
        instance_id = self.part.instance_id
        if instance_id is None:
            self._failed(LAUNCH.fail, self.error, at)
            return
        self.job.note(at, LAUNCH.end, sourceServerID=self.server.server_id, targetInstanceID=instance_id)
        if happens(self.server.spec.no_instance, self.rng):
            self.world.machines.forget(self.state.place, instance_id)
        self.state.instances[instance_id] = RecoveryInstance(
            instance_id=instance_id,
            server_id=self.server.server_id,
            arn=self.state.arn("recovery-instance", instance_id),
            job_id=self.job.job_id,
            is_drill=self.job.is_drill,
            point_in_time=self.point_in_time,
            launched_at=at,
            tags=dict(self.job.tags),
        )
        self.server.recovery_instance_id = instance_id
        self._set_status("LAUNCHED")
        self.server.last_result = "SUCCEEDED"
        plan_actions(self.world, self.state, self.job, self.part, self.server, at)

    def _failed(self, event: str, error: str, at: float) -> None:
        self.job.note(at, event, sourceServerID=self.server.server_id, rawError=error)
        self._given_up(at)

    def _given_up(self, at: float) -> None:
        del at
        self.part.instance_id = None
        self._set_status("FAILED")
        self.server.last_result = "FAILED"

    def _set_status(self, status: str) -> None:
        self.part.launch_status = status
        if self.server.last_launch is not None:
            self.server.last_launch.status = status
        self.job.touch()


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
    lack = lacking(START_RECOVERY, caller, world.scenario.denied_effects)
    finals: list[float] = []
    for part in job.servers:
        server = state.servers[part.server_id]
        server.attempts += 1
        server.busy_with = job.job_id
        server.last_result = "PENDING"
        server.last_launch = LastLaunch(job.job_id, job.created_at, job.is_drill)
        launch = ServerLaunch(world, state, job, part, server, chosen.get(part.server_id), rng)
        launch.conversion_server = random_id("i-", rng)
        launch.fail_at, launch.error = _outcome(state, server, lack, caller, rng)
        finals.append(launch.plan(begin))
    end = max(finals) + profile.job_end.sample(rng)
    if world.scenario.post_launch_in_job:
        servers = [state.servers[part.server_id] for part in job.servers]
        end += max(seconds_of_actions(world, state, job, server) for server in servers)
    world.agenda.at(end, partial(_job_ends, state, job))


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


def _job_ends(state: RegionState, job: Job, at: float) -> None:
    job.note(at, "JOB_END")
    job.status = "COMPLETED"
    job.ended_at = at
    for part in job.servers:
        server = state.servers.get(part.server_id)
        if server is not None and server.busy_with == job.job_id:
            server.busy_with = None
    job.touch()

"""One server's way through a launch job."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from drs_simulator.engine.agenda import Action
from drs_simulator.engine.entities import (
    Job,
    JobServer,
    RecoveryInstance,
    RegionState,
    SourceServer,
)
from drs_simulator.engine.machines import LaunchOrder, MachineError
from drs_simulator.engine.post_launch import plan_actions
from drs_simulator.engine.rights import Effect
from drs_simulator.engine.snapshots import BROKEN, Snapshot, consistent_at, latest_snapshot
from drs_simulator.server_spec import happens

if TYPE_CHECKING:
    from drs_simulator.engine.world import World


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

HANGS = "CONVERSION_HANGS"
JOB_TAG = "drs.amazonaws.com-job"


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
    final_at: float = 0.0
    """When nothing of it is left to happen; known once all is planned."""

    # -- planning -------------------------------------------------------------------------------------

    def plan(self, begin: float) -> float | None:
        """Put on the agenda what comes before the conversion; returns when that starts, None if it never does."""
        self.final_at = begin
        if self.fail_at == "SERVER_SKIPPED":
            self._at(begin, self._skipped)
            return None
        at, failed = begin, False
        if self.server.recovery_instance_id:
            at, failed = self._phase(CLEANUP, at, self._cleaned_up)
        if not failed:
            at, failed = self._plan_snapshot(at + self._lasts("snapshot_wait"))
        if not failed and self.fail_at == Effect.NO_CONVERSION:
            at, failed = at + self._lasts("conversion_refused"), True
            self._at(at, self._given_up)
        self.final_at = at
        return None if failed else at + self._lasts("conversion_wait")

    def plan_conversion(self, at: float, end: float) -> bool:
        """Put the conversion on the agenda, which lasts until ``end``; returns whether a launch follows."""
        self._at(at, partial(self._log, CONVERSION.start))
        if self.fail_at == CONVERSION.fail:
            self.final_at, _ = self._fails(end, CONVERSION.fail, self.error)
            return False
        self._at(end, partial(self._log, CONVERSION.end))
        return True

    def plan_hung_conversion(self, at: float) -> None:
        """Put on the agenda a conversion that begins and never ends."""
        self._at(at, partial(self._log, CONVERSION.start))

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

    def plan_launch(self, at: float) -> None:
        """Put the launch on the agenda."""
        self._at(at, self._launch_begins)
        end = self.final_at = at + self._lasts("launch")
        if self.fail_at == LAUNCH.fail:
            self._fails(end, LAUNCH.fail, self.error)
            return
        visible = max(at, end - self._lasts("instance_before_launched"))
        self._at(visible, self._instance_appears)
        if self.fail_at == Effect.LEAVES_INSTANCE:
            self.final_at = max(end, at + self._lasts("launch_refused"))
            self._fails(self.final_at, LAUNCH.fail, self.error)
            return
        self._at(end, self._launched)

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
        conversion = self.conversion_server if event == CONVERSION.end else None
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
        job_is_started(self.job, at)
        self._log(LAUNCH.start, at)
        if self.world.scenario.launches_show_in_progress:
            self._set_status("IN_PROGRESS")

    def _instance_appears(self, at: float) -> None:
        spec, config = self.server.spec, self.server.launch
        tags = dict(self.server.tags) if config.copy_tags else {}
        order = LaunchOrder(
            place=self.state.place,
            server=spec,
            template_id=config.template_id,
            at=at,
            tags={**tags, **self._job_tags(), JOB_TAG: self.job.job_id},
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

    def _job_tags(self) -> dict[str, str]:
        return dict(self.job.tags) if self.world.scenario.job_tags_on_instances else {}

    def _launched(self, at: float) -> None:
        instance_id = self.part.instance_id
        if instance_id is None:
            self._failed(LAUNCH.fail, self.error, at)
            return
        untold = happens(self.server.spec.untold, self.rng)
        named = None if untold else instance_id
        self.job.note(at, LAUNCH.end, sourceServerID=self.server.server_id, targetInstanceID=named)
        if happens(self.server.spec.no_instance, self.rng):
            self.world.machines.forget(self.state.place, instance_id)
        if not untold:
            self._listed(instance_id, at)
        self._set_status("LAUNCHED")
        self.server.last_result = "SUCCEEDED"
        plan_actions(self.world, self.state, self.job, self.part, self.server, at)

    def _listed(self, instance_id: str, at: float) -> None:
        self.state.instances[instance_id] = RecoveryInstance(
            instance_id=instance_id,
            server_id=self.server.server_id,
            arn=self.state.arn("recovery-instance", instance_id),
            job_id=self.job.job_id,
            is_drill=self.job.is_drill,
            point_in_time=self.point_in_time,
            launched_at=at,
            tags=self._job_tags(),
        )
        self.server.recovery_instance_id = instance_id

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


def job_is_started(job: Job, at: float) -> None:
    """Let the job be STARTED, if it is not yet."""
    del at
    if job.status == "PENDING":
        job.status = "STARTED"
        job.touch()

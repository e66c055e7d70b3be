"""Which instances a drill's cleanup may terminate: its own, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, instance_ids


def drill_instances(
    instances: Iterable[RecoveryInstanceView], own_job_ids: Collection[str], *, drills_only: bool = True
) -> tuple[RecoveryInstanceView, ...]:
    """Return the instances that jobs of this execution launched as a drill, and that still exist.

    DRS's ``jobID`` and ``isDrill`` on the instance are the exact test of whose it is (trap 19): a server may have
    an instance of an earlier recovery, or of somebody else's drill.

    :param drills_only: False: those of a recovery as well
    """
    return tuple(
        view
        for view in instances
        if (view.is_drill or not drills_only) and view.job_id in own_job_ids and view.exists
    )


def doubtful_instances(
    instances: Iterable[RecoveryInstanceView], own_job_ids: Collection[str], server_ids: Collection[str]
) -> tuple[RecoveryInstanceView, ...]:
    """Return the instances that exist and may be the drill's, but lack what proves it: they are never terminated.

    :param server_ids: servers that jobs of this execution may have launched
    """
    return tuple(
        view
        for view in instances
        if view.exists and view.missing and _may_be_ours(view, own_job_ids, server_ids)
    )


def _may_be_ours(
    view: RecoveryInstanceView, own_job_ids: Collection[str], server_ids: Collection[str]
) -> bool:
    if view.job_id is not None:
        return view.job_id in own_job_ids
    return view.source_server_id in server_ids if view.source_server_id else bool(server_ids)


@dataclass(frozen=True)
class CleanupStep:
    """What a cleanup does next.

    :param wait_for: unfinished jobs that must end first
    :param unsettled: servers that a job which no list shows yet may hold
    :param terminate: recovery instances to terminate now
    :param remaining: EC2 instances of the drill that are not gone yet
    :param kept: pre-provisioned EC2 instances that DRS still lists as the drill's: only people may end that
    :param doubtful: instances that may be the drill's, but lack what proves it: only people may end them
    :param unlisted: those of the remaining that DRS does not list as the drill's, though no job is at work on them
    """

    wait_for: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    terminate: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    doubtful: tuple[RecoveryInstanceView, ...] = ()
    unlisted: tuple[str, ...] = ()

    @property
    def doubts(self) -> tuple[str, ...]:
        """The doubtful instances, and what DRS does not tell of each."""
        return tuple(f"{view.name} (no {', '.join(view.missing)})" for view in self.doubtful)

    @property
    def done(self) -> bool:
        """Whether nothing of the drill is left."""
        waiting = self.wait_for or self.unsettled
        return not (waiting or self.terminate or self.remaining or self.kept or self.doubtful)


def next_step(
    *,
    instances: Collection[RecoveryInstanceView],
    own_job_ids: Collection[str],
    jobs: Iterable[JobView],
    known_instance_ids: Collection[str],
    existing_instance_ids: Collection[str],
    unsettled: Collection[str] = (),
    pre_provisioned: Collection[str] = (),
    unread: Collection[str] = (),
    launched_servers: Collection[str] = (),
    drills_only: bool = True,
) -> CleanupStep:
    """Return the next step of a drill's cleanup in one account and Region.

    :param instances: recovery instances of the drill's servers
    :param own_job_ids: LAUNCH jobs of this execution
    :param jobs: all jobs since the execution began, of any type
    :param known_instance_ids: EC2 instances that were found to be the drill's in earlier steps
    :param existing_instance_ids: those of the known and found ones that EC2 still has
    :param unsettled: servers for which a StartRecovery was called whose job has not shown yet
    :param pre_provisioned: EC2 instances that existed before the drill, which was launched into them (trap 39)
    :param unread: servers of which it is not known whether they were launched into such an instance
    :param launched_servers: servers that jobs of this execution may have launched
    :param drills_only: False: instances of a recovery are terminated as well
    """
    by_id: Mapping[str, JobView] = {job.job_id: job for job in jobs}
    launching = sorted(key for key in own_job_ids if key in by_id and not by_id[key].completed)
    mine = drill_instances(instances, own_job_ids, drills_only=drills_only)
    # DRS refuses a whole call for one server that is in a job of anybody's.
    running = [job for job in by_id.values() if not job.completed]
    busy = {key for job in running for key in (*job.server_ids, *job.instance_ids)}
    before = set(pre_provisioned)
    terminate = [
        view
        for view in mine
        if view.identified
        and not busy & {view.source_server_id, view.recovery_instance_id}
        and view.source_server_id not in unread
        and not before & {view.instance_id, view.recovery_instance_id}
    ]
    existing = set(existing_instance_ids)
    doubtful = tuple(
        view
        for view in doubtful_instances(instances, own_job_ids, launched_servers)
        if (not view.instance_id or view.instance_id in existing) and view.instance_id not in before
    )
    listed, unproven = instance_ids(mine), instance_ids(doubtful)
    remaining = ((listed | unproven | set(known_instance_ids)) - before) & existing
    # DRS may be ahead of EC2: what it says is gone is on its way.
    ending = busy | instance_ids(view for view in instances if not view.exists)
    return CleanupStep(
        wait_for=tuple(launching),
        unsettled=tuple(sorted(unsettled)),
        # While a job still launches it may add instances, and its servers are busy: DRS would refuse.
        terminate=()
        if launching or unsettled
        else tuple(sorted(view.recovery_instance_id for view in terminate)),
        remaining=tuple(sorted(remaining)),
        # Taken out of DRS by people, it is an instance like any other again.
        kept=tuple(sorted(listed & before & existing)),
        doubtful=doubtful,
        unlisted=tuple(sorted(remaining - listed - unproven - ending)),
    )

"""The next step of a cleanup in one account and Region: what may be terminated is, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.exceptions import DrsError, DrsTerminateIncompleteError
from drs_provider.hooks.aws.errors import AWS_ERRORS, is_conflict, is_quota_exceeded
from drs_provider.hooks.ec2.ec2_rows import instance_exists
from drs_provider.orchestration.cleanup.target import TargetState
from drs_provider.orchestration.launch.instances import left_in_ec2, told_instances
from drs_provider.orchestration.launch.launch_into import launched_into
from drs_provider.rules.cleanup import doubtful_instances, drill_instances, next_step
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.drs.launch_into import may_be_launched_into
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, instance_ids, parse_instances
from drs_provider.runtime.execution import AwsAccess

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OwnLaunches:
    """What a cleanup may touch in one account and Region.

    :param jobs: all jobs that run or ran meanwhile, of whoever
    :param launches: those that are ours
    :param servers: source servers that they hold, or may hold
    :param started: those that they may have launched
    :param unsettled: servers of calls whose job no list shows yet
    """

    jobs: Sequence[JobView]
    launches: Sequence[JobView]
    servers: Sequence[str]
    started: Collection[str]
    unsettled: Collection[str]


class TargetCleanup:
    """Takes steps, and remembers in a task's state what it found.

    :param save: keeps a target's state
    :param before_call: raises if nothing must be terminated any more
    :param told: is told of the jobs that terminate instances
    :param terminates: False: only look
    :param drills_only: False: instances of a recovery are terminated as well
    """

    def __init__(
        self,
        aws: AwsAccess,
        *,
        save: Callable[[TargetState], None],
        before_call: Callable[[], None],
        told: Callable[[TargetState, list[str]], None],
        terminates: bool = True,
        drills_only: bool = True,
    ) -> None:
        self._aws = aws
        self._save = save
        self._before_call = before_call
        self._told = told
        self._terminates = terminates
        self._drills_only = drills_only

    def step(self, state: TargetState, own: OwnLaunches) -> None:
        """Take the next step.

        :raises Exception: what keeps it from being taken, or from being proven
        """
        drs = self._aws.drs(state.target)
        launches = own.launches
        own_ids = {job.job_id for job in launches}
        rows = drs.recovery_instances(source_server_ids=own.servers)
        views = parse_instances(rows)
        mine = instance_ids(drill_instances(views, own_ids, drills_only=self._drills_only))
        self._remember(state, mine)
        before = dict(state.told)
        told, unread_logs = told_instances(drs, launches, views, state.told)
        if before != state.told:
            self._save(state)
        told |= state.recorded_ids
        doubtful = instance_ids(doubtful_instances(views, own_ids, own.started))
        there, unasked = self._there(state, told | doubtful)
        unproven = self._find_unlisted(state, launches, views, unread_logs)
        existing = there.keys() | state.unlisted_ids
        self._remember(state, (told & existing) | state.unlisted_ids)
        self._keep(state, {key for key in (mine | told) & there.keys() if may_be_launched_into(there[key])})
        decide = partial(
            next_step,
            instances=views,
            own_job_ids=own_ids,
            jobs=own.jobs,
            known_instance_ids=state.instance_ids,
            existing_instance_ids=existing,
            launched_servers=own.started,
            unsettled=own.unsettled,
            drills_only=self._drills_only,
        )
        state.step = decide(pre_provisioned=state.pre_provisioned)
        # Without EC2's tags nobody knows which instances existed before.
        may_terminate = self._terminates and unasked is None
        if state.step.terminate and may_terminate:
            self._ask_launch_into(state, views)
            state.step = decide(pre_provisioned=state.pre_provisioned, unread=state.unread)
        if state.step.terminate and may_terminate:
            self._terminate(state)
        if problem := unasked or unproven or next(iter(unread_logs.values()), None):
            raise problem

    def _find_unlisted(
        self,
        state: TargetState,
        launches: Sequence[JobView],
        views: Sequence[RecoveryInstanceView],
        unread_logs: Collection[str],
    ) -> Exception | None:
        """Look for what launches left in EC2, and whose instance nothing tells; return why that could not be asked."""
        named = [job.with_instances(state.told.get(job.job_id, {})) for job in launches]
        try:
            found, tagged = left_in_ec2(
                self._aws.drs(state.target), self._aws.ec2(state.target), named, views
            )
        except (*AWS_ERRORS, DrsError) as error:
            return error
        state.unlisted = [item for item in found if item.instance_id not in state.pre_provisioned]
        for job_id, servers in tagged.items():
            known = state.tagged.get(job_id, {})
            if not servers.items() <= known.items():
                state.tagged[job_id] = {**known, **servers}
                self._save(state)
        state.untold = [
            f"{server} (job {job.job_id})"
            for job in launches
            if job.completed and job.job_id not in unread_logs
            for server in job.untold(state.known(job.job_id))
        ]
        return None

    def _ask_launch_into(self, state: TargetState, views: Sequence[RecoveryInstanceView]) -> None:
        """Look whether an instance that is about to be terminated existed before: the setting may be new."""
        chosen = [view for view in views if view.recovery_instance_id in state.step.terminate]
        asked = launched_into(self._aws.drs(state.target), sorted({view.source_server_id for view in chosen}))
        into = set(asked.instances.values())
        self._keep(
            state,
            {view.instance_id for view in chosen if into & {view.instance_id, view.recovery_instance_id}},
        )
        state.unread = asked.unread
        state.held = frozenset(
            view.instance_id for view in chosen if view.source_server_id in asked.unread
        ) - set(state.pre_provisioned)
        for server, error in asked.unread.items():
            log.warning("Not terminated, launch configuration of %s cannot be read: %s", server, error)

    def _there(
        self, state: TargetState, others: set[str]
    ) -> tuple[Mapping[str, Mapping[str, Any]], Exception | None]:
        """Return the instances EC2 has, and why it could not be asked: then all that are known may exist."""
        try:
            rows = self._aws.ec2(state.target).instances(sorted({*state.instance_ids, *others}))
        except (*AWS_ERRORS, DrsError) as error:
            return {key: {} for key in state.instance_ids}, error
        return {key: row for key, row in rows.items() if instance_exists(row)}, None

    def _terminate(self, state: TargetState) -> None:
        self._before_call()
        drs = self._aws.drs(state.target)
        try:
            # A terminate job takes of the same quotas as a job that launches.
            quotas = drs.quotas()
            most = min(quotas.batch_size, quotas.servers_in_jobs)
            jobs = drs.terminate_recovery_instances(state.step.terminate, most=most)
        except DrsTerminateIncompleteError as error:
            log.warning("Trying again later: %s", error)
            jobs = error.jobs
        except ClientError as error:
            if not (is_conflict(error) or is_quota_exceeded(error)):
                raise
            log.warning("DRS takes no terminate job for these instances now; trying again later: %s", error)
            return
        new = [JobView.from_api(job).job_id for job in jobs]
        state.terminate_jobs += new
        self._save(state)
        self._told(state, new)
        log.info("Terminating %s in jobs %s", state.step.terminate, state.terminate_jobs)

    def _remember(self, state: TargetState, instance_ids: set[str]) -> None:
        if instance_ids - set(state.instance_ids):
            state.instance_ids = sorted(instance_ids | set(state.instance_ids))
            self._save(state)

    def _keep(self, state: TargetState, instance_ids: set[str]) -> None:
        """Remember that they existed before, whatever the launch configuration says later."""
        if new := instance_ids - set(state.pre_provisioned):
            log.warning("Never terminated, because servers were launched into them: %s", sorted(new))
            state.pre_provisioned = sorted(new | set(state.pre_provisioned))
            self._save(state)

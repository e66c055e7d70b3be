"""The steps of a drill's cleanup in every account and Region that the drill launched in."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from drs_provider import keys
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.account import AwsTarget
from drs_provider.core.events import Event
from drs_provider.exceptions import (
    DrsError,
    DrsTerminateIncompleteError,
    EvidenceError,
    TaskStoppedError,
)
from drs_provider.hooks.aws.errors import AWS_ERRORS, is_conflict, is_quota_exceeded
from drs_provider.hooks.ec2.ec2_rows import instance_exists
from drs_provider.orchestration.cleanup.target import TargetState
from drs_provider.orchestration.launch.instances import Told, left_in_ec2, told_instances
from drs_provider.orchestration.launch.launch_into import launched_into
from drs_provider.rules.cleanup import doubtful_instances, drill_instances, next_step
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.drs.launch_into import may_be_launched_into
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, instance_ids, parse_instances
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.ownership import StartIntent
from drs_provider.runtime.execution import FrozenExecution
from drs_provider.runtime.jobs import recent_jobs, start_intents, unsettled, wave_jobs

log = logging.getLogger(__name__)


class DrillCleanup:
    """One look at every target, and the termination of what may be terminated now.

    :param recorded: target name -> job -> server -> EC2 instance that the waves' results name
    :param terminates: False: only look
    """

    def __init__(
        self,
        execution: FrozenExecution,
        state: TaskState,
        *,
        recorded: Mapping[str, Told] | None = None,
        terminates: bool = True,
    ) -> None:
        self._execution = execution
        self._state = state
        self._recorded = recorded or {}
        self._terminates = terminates

    def step(self) -> list[TargetState]:
        """Take the next step in every target, and return where each stands.

        What a wave that does not verify launched is left alone: only a frozen plan says where that is.
        """
        waves: dict[AwsTarget, list[FrozenWave]] = {}
        for wave in self._execution.intact_waves()[0]:
            if wave.selected and wave.servers:
                waves.setdefault(wave.target, []).append(wave)
        return [self._look(target, members) for target, members in waves.items()]

    def _look(self, target: AwsTarget, waves: Sequence[FrozenWave]) -> TargetState:
        state = self._load(target)
        try:
            self._step(state, waves)
        except TaskStoppedError:
            raise
        except (*AWS_ERRORS, DrsError) as error:
            # What is wrong in one account must not leave the instances of another one alive.
            log.warning("Cleanup in account %s, Region %s: %s", target.account_id, target.region, error)
            state.problem = error
        return state

    def _step(self, state: TargetState, waves: Sequence[FrozenWave]) -> None:
        execution = self._execution
        drs = execution.drs(state.target)
        jobs = recent_jobs(execution, state.target)
        intents, state.unproven = self._intents(waves)
        owned = {wave.number: wave_jobs(execution, wave, jobs, intents[wave.number]) for wave in waves}
        launches = [own.job for of_wave in owned.values() for own in of_wave]
        own_ids = {job.job_id for job in launches}
        servers = [server for wave in waves for server in wave.server_ids]
        rows = drs.recovery_instances(source_server_ids=servers)
        views = parse_instances(rows)
        mine = instance_ids(drill_instances(views, own_ids))
        self._remember(state, mine)
        before = dict(state.told)
        told, unread_logs = told_instances(drs, launches, views, state.told)
        if before != state.told:
            self._save(state)
        told |= state.recorded_ids
        started = {server for wave in waves if owned[wave.number] for server in wave.server_ids}
        doubtful = instance_ids(doubtful_instances(views, own_ids, started))
        there, unasked = self._there(state, told | doubtful)
        unproven = self._find_unlisted(state, launches, views, unread_logs)
        existing = there.keys() | state.unlisted_ids
        self._remember(state, (told & existing) | state.unlisted_ids)
        self._keep(state, {key for key in (mine | told) & there.keys() if may_be_launched_into(there[key])})
        decide = partial(
            next_step,
            instances=views,
            own_job_ids=own_ids,
            jobs=jobs,
            known_instance_ids=state.instance_ids,
            existing_instance_ids=existing,
            launched_servers=started,
            unsettled={
                server
                for wave in waves
                for server in unsettled(execution, intents[wave.number], owned[wave.number])
            },
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
        execution = self._execution
        named = [job.with_instances(state.told.get(job.job_id, {})) for job in launches]
        try:
            found, tagged = left_in_ec2(
                execution.drs(state.target), execution.ec2(state.target), named, views
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

    def _intents(self, waves: Sequence[FrozenWave]) -> tuple[dict[int, list[StartIntent]], list[str]]:
        """Return the start intents of waves, and which do not verify: that wave's jobs are known by their tags then."""
        intents: dict[int, list[StartIntent]] = {}
        problems = []
        for wave in waves:
            try:
                intents[wave.number] = start_intents(self._execution, wave)
            except EvidenceError as error:
                intents[wave.number] = []
                problems.append(
                    f"wave {wave.number} ({wave.name}): {error} Jobs of it that bear no tags were not looked for"
                )
        return intents, problems

    def _ask_launch_into(self, state: TargetState, views: Sequence[RecoveryInstanceView]) -> None:
        """Look whether an instance that is about to be terminated existed before: the setting may be new."""
        chosen = [view for view in views if view.recovery_instance_id in state.step.terminate]
        asked = launched_into(
            self._execution.drs(state.target), sorted({view.source_server_id for view in chosen})
        )
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
            rows = self._execution.ec2(state.target).instances(sorted({*state.instance_ids, *others}))
        except (*AWS_ERRORS, DrsError) as error:
            return {key: {} for key in state.instance_ids}, error
        return {key: row for key, row in rows.items() if instance_exists(row)}, None

    def _terminate(self, state: TargetState) -> None:
        self._execution.view.require_running()
        drs = self._execution.drs(state.target)
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
            log.warning(
                "DRS takes no terminate job for the drill's instances now; trying again later: %s", error
            )
            return
        new = [JobView.from_api(job).job_id for job in jobs]
        state.terminate_jobs += new
        self._save(state)
        self._execution.emit(
            Event.INSTANCES_TERMINATING,
            accountId=state.target.account_id,
            region=state.target.region,
            instances=sorted(state.step.terminate),
            jobs=new,
        )
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

    def _key(self, target: AwsTarget) -> str:
        return f"{keys.CLEANUP_TARGETS}_{target.name}"

    def _load(self, target: AwsTarget) -> TargetState:
        stored = self._state.get(self._key(target)) or {}
        return TargetState(
            target,
            stored.get("instance_ids", []),
            stored.get("terminate_jobs", []),
            stored.get("told", {}),
            stored.get("tagged", {}),
            stored.get("pre_provisioned", []),
            recorded=self._recorded.get(target.name, {}),
        )

    def _save(self, state: TargetState) -> None:
        stored = {
            "instance_ids": state.instance_ids,
            "terminate_jobs": state.terminate_jobs,
            "told": state.told,
            "tagged": state.tagged,
            "pre_provisioned": state.pre_provisioned,
        }
        self._state.set(self._key(state.target), stored)

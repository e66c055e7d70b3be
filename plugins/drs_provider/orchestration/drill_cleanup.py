"""The steps of a drill's cleanup in every account and Region that the drill launched in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from drs_provider import keys
from drs_provider.hooks.ec2_rows import instance_exists
from drs_provider.hooks.errors import is_conflict
from drs_provider.plan.account import AwsTarget
from drs_provider.plan.cleanup import CleanupStep, drill_instances, next_step
from drs_provider.plan.drs_model import JobView, instances_by_server, parse_jobs
from drs_provider.plan.frozen import FrozenWave
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.jobs import LONGEST_JOB_SECONDS, own_job_ids
from drs_provider.runtime.state_store import TaskState

log = logging.getLogger(__name__)


@dataclass
class TargetState:
    """What is known of the drill's instances in one target.

    :param instance_ids: EC2 instances that were found to be the drill's, in this step or before
    :param terminate_jobs: DRS jobs that terminate them
    """

    target: AwsTarget
    instance_ids: list[str] = field(default_factory=list)
    terminate_jobs: list[str] = field(default_factory=list)
    step: CleanupStep = field(default_factory=CleanupStep)


class DrillCleanup:
    """One look at every target, and the termination of what may be terminated now."""

    def __init__(self, execution: Execution, state: TaskState) -> None:
        self._execution = execution
        self._state = state

    def step(self) -> list[TargetState]:
        """Take the next step in every target, and return where each stands."""
        waves: dict[AwsTarget, list[FrozenWave]] = {}
        for wave in self._execution.waves():
            if wave.selected and wave.servers:
                waves.setdefault(wave.target, []).append(wave)
        return [self._step(target, members) for target, members in waves.items()]

    def _step(self, target: AwsTarget, waves: Sequence[FrozenWave]) -> TargetState:
        execution = self._execution
        drs = execution.drs(target)
        state = self._load(target)
        jobs = parse_jobs(drs.jobs_since(execution.plan.started_at - LONGEST_JOB_SECONDS))
        own = {job_id for wave in waves for job_id in own_job_ids(execution, wave, jobs)}
        servers = [server for wave in waves for server in wave.server_ids]
        views = instances_by_server(drs.recovery_instances(source_server_ids=servers)).values()
        found = {view.instance_id for view in drill_instances(views, own)}
        if found - set(state.instance_ids):
            state.instance_ids = sorted(found | set(state.instance_ids))
            self._save(state)
        rows = execution.ec2(target).instances(state.instance_ids)
        state.step = next_step(
            instances=views,
            own_job_ids=own,
            jobs=jobs,
            known_instance_ids=state.instance_ids,
            existing_instance_ids={key for key, row in rows.items() if instance_exists(row)},
        )
        if state.step.terminate:
            self._terminate(state)
        return state

    def _terminate(self, state: TargetState) -> None:
        try:
            jobs = self._execution.drs(state.target).terminate_recovery_instances(state.step.terminate)
        except ClientError as error:
            if not is_conflict(error):
                raise
            log.warning("The drill's instances are busy in another job; trying again later: %s", error)
            return
        state.terminate_jobs += [JobView.from_api(job).job_id for job in jobs]
        self._save(state)
        log.info("Terminating %s in jobs %s", state.step.terminate, state.terminate_jobs)

    def _key(self, target: AwsTarget) -> str:
        return f"{keys.CLEANUP_TARGETS}_{target.name}"

    def _load(self, target: AwsTarget) -> TargetState:
        stored = self._state.get(self._key(target)) or {}
        return TargetState(target, stored.get("instance_ids", []), stored.get("terminate_jobs", []))

    def _save(self, state: TargetState) -> None:
        stored = {"instance_ids": state.instance_ids, "terminate_jobs": state.terminate_jobs}
        self._state.set(self._key(state.target), stored)

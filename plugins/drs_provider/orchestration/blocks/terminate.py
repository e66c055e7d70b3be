"""A block's terminations: the instances of given jobs, by the steps of a drill's cleanup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drs_provider import keys
from drs_provider.airflow_api import dag_register
from drs_provider.core.account import AwsTarget
from drs_provider.core.events import Event
from drs_provider.core.identity import TAG_EXECUTION_ID, TAG_PLAN_NAME
from drs_provider.core.states import ExecutionType
from drs_provider.core.texts import named
from drs_provider.exceptions import DrsError, ExecutionRefusedError, TaskStoppedError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.orchestration.blocks.watch import shown_jobs
from drs_provider.orchestration.cleanup.target import TargetState
from drs_provider.orchestration.cleanup.target_step import OwnLaunches, TargetCleanup
from drs_provider.orchestration.concurrency.claims import running_claims
from drs_provider.rules.blocks import WAVE_NUMBER, Launches, intents_of, is_drill_of, recoveries
from drs_provider.rules.drs.jobs import JobView, parse_jobs
from drs_provider.rules.wave.ownership import StartIntent, own_jobs
from drs_provider.runtime.block import Block
from drs_provider.runtime.jobs import jobs_around, still_unsettled
from drs_provider.runtime.timeline import emit


class BlockTermination:
    """The termination of what given jobs launched.

    :param drill_only: instances of a recovery are none of its business
    """

    def __init__(self, block: Block, target: AwsTarget, launches: Launches, *, drill_only: bool) -> None:
        self._block = block
        self._target = target
        self._launches = launches
        self._drill_only = drill_only

    def step(self) -> TargetState:
        """Take the next step, and return where it stands.

        :raises ExecutionRefusedError: if a job is no drill's, and only drills may be terminated
        """
        state = self._load()
        try:
            TargetCleanup(
                self._block.aws,
                save=self._save,
                before_call=self._block.view.require_running,
                told=self._tell_terminating,
                drills_only=self._drill_only,
            ).step(state, self._own())
        except (TaskStoppedError, ExecutionRefusedError):
            raise
        except (*AWS_ERRORS, DrsError) as error:
            state.problem = error
        return state

    def _own(self) -> OwnLaunches:
        block, given = self._block, self._launches
        shown = shown_jobs(block, self._target, given)
        self._require_drills(recoveries(is_drill_of(given, shown)))
        drs = block.aws.drs(self._target)
        since = min((time for time in (given.since, *_created(shown)) if time), default=block.now())
        jobs = {job.job_id: job for job in (*jobs_around(drs, since), *shown.values())}
        # DescribeJobs by time may lack what it shows by id.
        untold = [job_id for job_id in given.all_job_ids if job_id not in jobs]
        jobs |= {job.job_id: job for job in parse_jobs(drs.jobs(untold))}
        launches: dict[str, JobView] = {job_id: shown[job_id] for job_id in given.job_ids}
        self._require_not_held(launches.values())
        servers = {server for job in launches.values() for server in job.server_ids}
        unsettled: set[str] = set()
        for told in given.told:
            intents: list[StartIntent] = intents_of(told["intents"])
            owned = own_jobs(
                jobs.values(),
                execution_id=told["executionId"],
                wave_number=WAVE_NUMBER,
                intents=intents,
            )
            launches |= {own.job.job_id: own.job for own in owned}
            unsettled |= still_unsettled(intents, owned, now=block.now())
            servers |= {server for own in owned for server in own.job.server_ids}
            servers |= {server for intent in intents for server in intent.servers}
        self._require_drills(
            job.job_id for job in launches.values() if job.initiated_by == ExecutionType.RECOVERY.initiated_by
        )
        return OwnLaunches(
            jobs=[*jobs.values()],
            launches=[*launches.values()],
            servers=sorted(servers),
            started=servers,
            unsettled=unsettled,
        )

    def _require_drills(self, recoveries: Iterable[str]) -> None:
        if self._drill_only and (wrong := sorted(recoveries)):
            raise ExecutionRefusedError(
                f"task {self._block.name} terminates nothing: {named(wrong)} is a RECOVERY; say drill_only=False if "
                "its instances are to go"
            )

    def _require_not_held(self, jobs: Iterable[JobView]) -> None:
        """Refuse jobs of an execution of a plan that has not ended: its people test on them, and its cleanup ends them.

        :raises RunUnknownError: if Airflow does not tell which executions run
        """
        of_plans = {job.tags.get(TAG_EXECUTION_ID): job.job_id for job in jobs if TAG_PLAN_NAME in job.tags}
        claims = running_claims(self._block.view, dag_register.registered()) if of_plans else ()
        for claim, _ in claims:
            if claim.execution_id in of_plans and self._block.view.another_goes_on(
                claim.dag_id, claim.run_id
            ):
                raise ExecutionRefusedError(
                    f"task {self._block.name} terminates nothing: {of_plans[claim.execution_id]} is a job of "
                    f"{claim.name}, which has not ended; end that execution, its cleanup terminates its drill"
                )

    def _tell_terminating(self, state: TargetState, jobs: list[str]) -> None:
        emit(
            self._block.execution_id,
            Event.INSTANCES_TERMINATING,
            accountId=state.target.account_id,
            region=state.target.region,
            instances=sorted(state.step.terminate),
            jobs=jobs,
        )

    def _load(self) -> TargetState:
        return TargetState.of(self._target, self._block.state.get(keys.CLEANUP_TARGETS) or {})

    def _save(self, state: TargetState) -> None:
        self._block.state.set(keys.CLEANUP_TARGETS, state.stored())


def _created(jobs: dict[str, JobView]) -> list[float]:
    return [job.created_at for job in jobs.values() if job.created_at]


def result_of(state: TargetState) -> dict[str, Any]:
    """Return what was done, as plain data."""
    before = set(state.pre_provisioned)
    remaining = set(state.step.remaining)
    return {
        "terminated": [item for item in state.instance_ids if item not in remaining | before],
        "remaining": sorted(remaining),
        "preProvisioned": sorted(before),
        "jobs": sorted(state.terminate_jobs),
    }

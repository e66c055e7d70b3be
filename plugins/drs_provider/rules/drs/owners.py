"""Whose a job is, for messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from drs_provider.core.identity import (
    TAG_EXECUTION_ID,
    TAG_EXECUTION_TYPE,
    TAG_PLAN_NAME,
    is_runbook,
    run_of_tags,
    task_of_tags,
)
from drs_provider.core.texts import named
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView

#: Whether another run of this Airflow, by DAG and run id, has not ended
StillRuns = Callable[[str, str], bool]

MAX_JOBS_NAMED = 3
MAX_HOLDERS_NAMED = 5


def job_owner(job: JobView) -> str:
    """Tell whose job it is: the execution that its tags name, or what DRS says of it."""
    plan = job.tags.get(TAG_PLAN_NAME)
    execution = job.tags.get(TAG_EXECUTION_ID)
    if plan and execution and is_runbook(execution):
        return f"the runbook of {plan} ({job.tags.get(TAG_EXECUTION_TYPE) or 'execution'} {execution}, without Airflow)"
    if plan and execution:
        return f"{job.tags.get(TAG_EXECUTION_TYPE) or 'execution'} of {plan} (execution {execution})"
    if task := task_of_tags(job.tags):
        return f"{job.tags.get(TAG_EXECUTION_TYPE) or 'launch'} of task {task} (execution {execution})"
    return f"somebody else ({job.initiated_by or job.type or 'unknown'})"


def block_holds(
    instances: Iterable[RecoveryInstanceView], jobs: Mapping[str, JobView], still_runs: StillRuns
) -> dict[str, str]:
    """Return server -> whose drill instance it has, where a building block launched it in a run that has not ended.

    :param jobs: those that launched the instances, as far as DRS knows them
    """
    held: dict[str, str] = {}
    for view in instances:
        job = jobs.get(view.job_id or "")
        if job is None or not (view.exists and view.replaceable):
            continue
        run = run_of_tags(job.tags)
        if run is not None and still_runs(*run):
            held[view.source_server_id] = f"task {task_of_tags(job.tags)}, run {run[1]} of DAG {run[0]}"
    return held


def holders_text(jobs: Iterable[JobView]) -> str:
    """Tell which unfinished jobs of whom fill the quotas, the largest holder first."""
    by_owner: dict[str, list[JobView]] = {}
    for job in jobs:
        if not job.completed:
            by_owner.setdefault(job_owner(job), []).append(job)
    ordered = sorted(by_owner.items(), key=lambda item: (-len(item[1]), item[0]))
    parts = [_holder(owner, held) for owner, held in ordered[:MAX_HOLDERS_NAMED]]
    more = sum(len(held) for _, held in ordered[MAX_HOLDERS_NAMED:])
    return ", ".join([*parts, f"{more} jobs of others"] if more else parts)


def _holder(owner: str, jobs: Sequence[JobView]) -> str:
    ids = sorted(job.job_id for job in jobs)
    servers = sum(job.server_count for job in jobs)
    return f"{owner}: {len(ids)} jobs with {servers} servers ({named(ids, MAX_JOBS_NAMED)})"

"""Which DRS jobs are this execution's, from what its tasks left behind."""

from __future__ import annotations

from collections.abc import Iterable

from drs_provider import keys
from drs_provider.plan.drs_model import JobView
from drs_provider.plan.evidence import START_INTENT
from drs_provider.plan.frozen import FrozenWave
from drs_provider.plan.ownership import OwnedJob, StartIntent, own_jobs
from drs_provider.runtime.execution import Execution

#: No DRS job runs longer: what is unfinished now was created within this time.
LONGEST_JOB_SECONDS = 86_400


def start_task_id(wave: FrozenWave) -> str:
    """Return the task id of the wave's `start_recovery`."""
    return keys.wave_task_id(wave.number, wave.name, keys.START_RECOVERY)


def published_intents(execution: Execution, wave: FrozenWave) -> list[StartIntent]:
    """Return the start intents of a wave, as `start_recovery` published them.

    :raises EvidenceError: if they do not verify
    """
    sealed = execution.view.pull(start_task_id(wave), keys.START_INTENTS)
    if sealed is None:
        return []
    payload = execution.unseal(sealed, START_INTENT, wave.number)
    return [StartIntent.from_dict(item) for item in payload["intents"]]


def wave_jobs(execution: Execution, wave: FrozenWave, jobs: Iterable[JobView]) -> tuple[OwnedJob, ...]:
    """Return those of the jobs that belong to a wave of this execution, by tags or by intent."""
    return own_jobs(
        jobs,
        execution_id=execution.plan.execution_id,
        wave_number=wave.number,
        intents=published_intents(execution, wave),
    )


def own_job_ids(execution: Execution, wave: FrozenWave, jobs: Iterable[JobView]) -> set[str]:
    """Return the ids of a wave's LAUNCH jobs."""
    return {own.job.job_id for own in wave_jobs(execution, wave, jobs)}

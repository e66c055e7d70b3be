"""Which DRS jobs are this execution's, from what its tasks left behind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from drs_provider import keys, settings
from drs_provider.core.account import AwsTarget
from drs_provider.rules.drs.jobs import JobView, parse_jobs
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.ownership import OwnedJob, StartIntent, own_jobs, unsettled_servers
from drs_provider.runtime.channels.declared import START_INTENTS
from drs_provider.runtime.execution import FrozenExecution

if TYPE_CHECKING:
    from drs_provider.hooks.drs.drs_api import DrsApi

#: No DRS job runs longer: what is unfinished now was created within this time.
LONGEST_JOB_SECONDS = 86_400


def start_task_id(wave: FrozenWave) -> str:
    """Return the task id of the wave's `start_recovery`."""
    return keys.wave_task_id(wave.number, wave.name, keys.START_RECOVERY)


def start_intents(execution: FrozenExecution, wave: FrozenWave) -> list[StartIntent]:
    """Return what the starts of a wave asked for, in whatever attempt.

    Airflow deletes a task's XComs when it begins anew: until it publishes them again, its store's copy counts. Asked
    for anew each time: a start that runs beside the reader may have asked for more.

    :raises EvidenceError: if they do not verify
    """
    return START_INTENTS.read(execution, wave=wave.number, task_id=start_task_id(wave)).value or []


def recent_jobs(execution: FrozenExecution, target: AwsTarget) -> tuple[JobView, ...]:
    """Return the jobs in a target since the execution's start, and those of others that may have run beside it.

    :raises ClientError: or another error of botocore, if DRS does not answer
    """
    return jobs_around(execution.drs(target), execution.plan.started_at)


def jobs_around(drs: DrsApi, begin: float) -> tuple[JobView, ...]:
    """Return the jobs since a moment (epoch seconds), and those that may have run then.

    :raises ClientError: or another error of botocore, if DRS does not answer
    """
    return parse_jobs(drs.jobs_since(begin - LONGEST_JOB_SECONDS))


def wave_jobs(
    execution: FrozenExecution, wave: FrozenWave, jobs: Iterable[JobView], intents: Iterable[StartIntent]
) -> tuple[OwnedJob, ...]:
    """Return those of the jobs that belong to a wave of this execution, by tags or by intent.

    :param intents: from :func:`start_intents`
    """
    return own_jobs(jobs, execution_id=execution.plan.execution_id, wave_number=wave.number, intents=intents)


def unsettled(
    execution: FrozenExecution, intents: Iterable[StartIntent], owned: Iterable[OwnedJob]
) -> set[str]:
    """Return the servers that a job which DRS does not show yet may hold: StartRecovery was called for them.

    :param owned: from :func:`wave_jobs`
    """
    return still_unsettled(intents, owned, now=execution.now())


def still_unsettled(intents: Iterable[StartIntent], owned: Iterable[OwnedJob], *, now: float) -> set[str]:
    """Return what :func:`unsettled` returns.

    :param now: epoch seconds
    """
    grace = settings.get_seconds("job_visibility_grace_seconds")
    until = unsettled_servers(intents, owned, after_seconds=grace)
    return {server for server, time in until.items() if now < time}

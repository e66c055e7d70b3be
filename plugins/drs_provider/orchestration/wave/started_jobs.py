"""What the start of a wave that told no result began: jobs, and calls of which nobody knows the answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drs_provider.core.task_states import TASK_NOT_BEGUN
from drs_provider.core.texts import cause, named
from drs_provider.core.times import format_time
from drs_provider.exceptions import DrsError, EvidenceError
from drs_provider.hooks.aws.errors import AWS_ERRORS
from drs_provider.rules.drs.jobs import JobView
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.ownership import OwnedJob, StartIntent
from drs_provider.rules.wave.watch import JobsToFollow, JobToFollow
from drs_provider.runtime.channels.declared import RECOVERY_JOBS
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.jobs import recent_jobs, start_intents, start_task_id, wave_jobs
from drs_provider.runtime.watch import jobs_to_follow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """What a wave's start began.

    :param started: the jobs, as `start_recovery` tells them, or None
    :param doubts: what else may run, in words
    """

    started: JobsToFollow | None = None
    doubts: tuple[str, ...] = ()

    @property
    def jobs(self) -> list[JobToFollow]:
        """The jobs."""
        return self.started["jobs"] if self.started else []


def begun(execution: Execution, wave: FrozenWave, states: Mapping[str, str | None]) -> Begun:
    """Return what a wave's start told, and what it began without telling, before it failed or was stopped.

    :param states: Airflow's state of every task of the run
    """
    attempt = execution.attempt
    doubts = []
    try:
        intents = start_intents(execution, wave)
    except EvidenceError as error:
        doubts.append(f"{error} Jobs of the wave that bear no tags were not looked for")
        intents = []
    # Marking a run as failed skips a task that waits for its retry, whatever its earlier tries have done.
    asked = bool(doubts) or any(intent.attempt == attempt for intent in intents)
    if not asked and states.get(start_task_id(wave)) in TASK_NOT_BEGUN:
        return Begun()
    doubt = f"The jobs that wave {wave.number} told do not verify; looking for them in DRS"
    told = RECOVERY_JOBS.believed(execution, doubt, wave=wave.number, task_id=start_task_id(wave))
    jobs, unread = _jobs(execution, wave)
    owned = wave_jobs(execution, wave, jobs, intents)
    known = {job["jobId"] for job in told["jobs"]} if told else set()
    more = [own for own in owned if own.job.job_id not in known and _counts(own, attempt, told=bool(told))]
    started = told
    if more:
        found = jobs_to_follow(wave, more, attempt=attempt, started_at=execution.now())
        started = {**told, "jobs": [*told["jobs"], *found["jobs"]]} if told else found
    doubts += _unanswered(intents, owned, told, attempt=attempt, unread=unread)
    return Begun(started, tuple(doubts))


def _jobs(execution: Execution, wave: FrozenWave) -> tuple[tuple[JobView, ...], Exception | None]:
    try:
        return recent_jobs(execution, wave.target), None
    except (*AWS_ERRORS, DrsError) as error:
        log.warning("The jobs of wave %s cannot be read: %s", wave.number, error)
        return (), error


def _counts(own: OwnedJob, attempt: int, *, told: bool) -> bool:
    """Whether a job is this attempt's, or runs; a start that told its jobs left earlier ones out knowingly."""
    if own.attempt == attempt:
        return True
    return not own.job.completed and (own.visible or not told)


def _unanswered(
    intents: Iterable[StartIntent],
    owned: Iterable[OwnedJob],
    told: JobsToFollow | None,
    *,
    attempt: int,
    unread: Exception | None,
) -> list[str]:
    held = {server for own in owned if own.attempt == attempt for server in own.job.server_ids}
    held.update(server for job in (told["jobs"] if told else ()) for server in job["servers"])
    seen = f"DRS cannot be asked: {cause(str(unread))}" if unread else "DRS shows no job of it"
    return [
        f"a job may have been started: StartRecovery was sent at {format_time(intent.created_at)} for servers "
        f"{named(intent.servers)}, no answer is known, and {seen}"
        for intent in intents
        if intent.attempt == attempt and intent.job_id is None and set(intent.servers) - held
    ]

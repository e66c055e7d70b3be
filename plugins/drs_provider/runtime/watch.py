"""The watch over a wave's jobs, opened from what `start_recovery` and `wait_for_recovery` left behind."""

from __future__ import annotations

from collections.abc import Iterable

from drs_provider import keys, settings
from drs_provider.exceptions import EvidenceError
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.record.schema import WaveResult
from drs_provider.rules.wave.ownership import OwnedJob
from drs_provider.rules.wave.server_verdict import WaveRules
from drs_provider.rules.wave.watch import FollowedJob, JobsToFollow, WaveWatch
from drs_provider.runtime.channels.declared import RECOVERY_JOBS
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.jobs import start_task_id


def wave_rules(wave: FrozenWave) -> WaveRules:
    """Return a wave's rules with the configured grace periods."""
    return WaveRules.from_wave(
        wave,
        pending_grace_seconds=settings.get_seconds("pending_grace_seconds"),
        not_found_grace_seconds=settings.get_seconds("job_visibility_grace_seconds"),
    )


def jobs_to_follow(
    wave: FrozenWave, jobs: Iterable[OwnedJob], *, attempt: int, started_at: float
) -> JobsToFollow:
    """Return what `start_recovery` tells of the jobs that it started or adopted.

    :param started_at: epoch seconds from which the wave's timeout counts
    """
    followed = [
        FollowedJob(own.job.job_id, own.attempt, tuple(sorted(own.job.server_ids))).to_dict() for own in jobs
    ]
    deadline = started_at + wave.timeout_seconds
    return {"attempt": attempt, "jobs": followed, "startedAt": started_at, "deadline": deadline}


def told_jobs(execution: Execution, wave: FrozenWave) -> JobsToFollow | None:
    """Return which jobs of a wave to follow, or None if `start_recovery` told none.

    :raises EvidenceError: if they were changed since
    """
    return RECOVERY_JOBS.read(execution, wave=wave.number, task_id=start_task_id(wave)).value


def told_before_its_jobs(execution: Execution, wave: FrozenWave, result: WaveResult) -> bool:
    """Whether the wave was started again since it told its result: `enrich` was marked as success, and did not run."""
    started = told_jobs(execution, wave)
    return started is not None and started["attempt"] > result["attempt"]


def required_jobs(execution: Execution, wave: FrozenWave) -> JobsToFollow:
    """Return what :func:`told_jobs` returns.

    :raises EvidenceError: if `start_recovery` left no jobs: it did not run, whatever its colour says; or if they were
        changed
    """
    if (started := told_jobs(execution, wave)) is None:
        raise EvidenceError(
            f"wave {wave.number} ({wave.name}): start_recovery told no jobs, so it did not run; clear the wave's group"
        )
    return started


def make_watch(wave: FrozenWave, started: JobsToFollow) -> WaveWatch:
    """Return the watch over the jobs that `start_recovery` told."""
    jobs = tuple(FollowedJob.from_dict(job) for job in started["jobs"])
    return WaveWatch(wave=wave, jobs=jobs, rules=wave_rules(wave), deadline=started["deadline"])


def open_watch(execution: Execution, wave: FrozenWave, started: JobsToFollow | None = None) -> WaveWatch:
    """Return the watch over a wave, with the memory of `wait_for_recovery`.

    :param started: the jobs to watch; default: those that `start_recovery` told
    :raises EvidenceError: as :func:`required_jobs`
    """
    watch = make_watch(wave, started or required_jobs(execution, wave))
    waiting = keys.wave_task_id(wave.number, wave.name, keys.WAIT_FOR_RECOVERY)
    memory = execution.view.pull(waiting, keys.WATCH_MEMORY)
    if memory:
        watch.remember(memory)
    return watch

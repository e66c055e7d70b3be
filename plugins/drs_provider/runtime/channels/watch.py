"""The watch over a wave's jobs, opened from what `start_recovery` and `wait_for_recovery` left behind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drs_provider import keys, settings
from drs_provider.core.evidence import RECOVERY_JOBS
from drs_provider.exceptions import EvidenceError
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.ownership import OwnedJob
from drs_provider.rules.wave.verdict import WaveRules
from drs_provider.rules.wave.watch import FollowedJob, WaveWatch
from drs_provider.runtime.channels.signed import signed, verified
from drs_provider.runtime.execution import Execution


def wave_rules(wave: FrozenWave) -> WaveRules:
    """Return a wave's rules with the configured grace periods."""
    return WaveRules.from_wave(
        wave,
        pending_grace_seconds=settings.get_seconds("pending_grace_seconds"),
        not_found_grace_seconds=settings.get_seconds("job_visibility_grace_seconds"),
    )


def jobs_to_follow(
    wave: FrozenWave, jobs: Iterable[OwnedJob], *, attempt: int, started_at: float
) -> dict[str, Any]:
    """Return what `start_recovery` tells of the jobs that it started or adopted.

    :param started_at: epoch seconds from which the wave's timeout counts
    """
    followed = [
        FollowedJob(own.job.job_id, own.attempt, tuple(sorted(own.job.server_ids))).to_dict() for own in jobs
    ]
    deadline = started_at + wave.timeout_seconds
    return {"attempt": attempt, "jobs": followed, "startedAt": started_at, "deadline": deadline}


def tell_jobs(execution: Execution, wave: FrozenWave, jobs: Mapping[str, Any]) -> None:
    """Let later tasks know which jobs to follow; the verdict rests on them, so they are signed."""
    execution.view.push(keys.RECOVERY_JOBS, signed(execution, jobs, RECOVERY_JOBS, wave.number))


def told_jobs(execution: Execution, wave: FrozenWave) -> dict[str, Any] | None:
    """Return what `start_recovery` told, or None if it told no jobs.

    :raises EvidenceError: if it was changed since
    """
    stored = execution.view.pull(_task_id(wave, keys.START_RECOVERY), keys.RECOVERY_JOBS)
    return None if stored is None else verified(execution, stored, RECOVERY_JOBS, wave.number)


def make_watch(wave: FrozenWave, started: Mapping[str, Any]) -> WaveWatch:
    """Return the watch over the jobs that `start_recovery` told."""
    jobs = tuple(FollowedJob.from_dict(job) for job in started["jobs"])
    return WaveWatch(wave=wave, jobs=jobs, rules=wave_rules(wave), deadline=started["deadline"])


def open_watch(execution: Execution, wave: FrozenWave, started: Mapping[str, Any] | None = None) -> WaveWatch:
    """Return the watch over a wave, with the memory of `wait_for_recovery`.

    :param started: the jobs to watch; default: those that `start_recovery` told
    :raises EvidenceError: if `start_recovery` left no jobs: it did not run, whatever its colour says; or if they were
        changed
    """
    started = started or told_jobs(execution, wave)
    if started is None:
        raise EvidenceError(
            f"wave {wave.number} ({wave.name}): start_recovery told no jobs, so it did not run; clear the wave's group"
        )
    watch = make_watch(wave, started)
    memory = execution.view.pull(_task_id(wave, keys.WAIT_FOR_RECOVERY), keys.WATCH_MEMORY)
    if memory:
        watch.remember(memory)
    return watch


def _task_id(wave: FrozenWave, task: str) -> str:
    return keys.wave_task_id(wave.number, wave.name, task)

"""Following a wave's jobs until it is decided: what the deferred and the synchronous path both ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from drs_provider.rules.drs.jobs import JobView, LogEvent
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView
from drs_provider.rules.execution.frozen import FrozenWave
from drs_provider.rules.wave.ownership import OwnedJob
from drs_provider.rules.wave.server_verdict import WaveRules
from drs_provider.rules.wave.verdict import WaveVerdict, judge_wave


class JobToFollow(TypedDict):
    """A :class:`FollowedJob` as plain data."""

    jobId: str
    attempt: int
    servers: list[str]


class JobsToFollow(TypedDict):
    """What `start_recovery` tells of the jobs that it started or adopted; times are epoch seconds.

    Its ``startedAt`` is the time from which the wave's timeout counts.
    """

    attempt: int
    jobs: list[JobToFollow]
    startedAt: float
    deadline: float


@dataclass(frozen=True)
class FollowedJob:
    """A job that a wave started or adopted.

    :param attempt: the attempt that it was started in
    :param servers: source servers that it holds
    """

    job_id: str
    attempt: int
    servers: tuple[str, ...]

    def to_dict(self) -> JobToFollow:
        """Return plain data."""
        return {"jobId": self.job_id, "attempt": self.attempt, "servers": list(self.servers)}

    @classmethod
    def from_dict(cls, data: JobToFollow) -> FollowedJob:
        """Read :meth:`to_dict`'s data."""
        return cls(data["jobId"], data["attempt"], tuple(data["servers"]))


@dataclass
class WaveWatch:
    """Judges a wave from one look at its jobs after another, and remembers what grace periods count from.

    :param deadline: epoch seconds after which what is not recovered has failed
    :param completed_at: job id -> when it was first seen COMPLETED, by our clock
    :param missing_since: job id -> when it was first not found, by our clock
    """

    wave: FrozenWave
    jobs: tuple[FollowedJob, ...]
    rules: WaveRules
    deadline: float
    completed_at: dict[str, float] = field(default_factory=dict)
    missing_since: dict[str, float] = field(default_factory=dict)

    @property
    def job_ids(self) -> tuple[str, ...]:
        """Ids of the jobs to ask for."""
        return tuple(job.job_id for job in self.jobs)

    def memory(self) -> dict[str, Any]:
        """Return what the next process must know, as plain data."""
        return {"completed_at": self.completed_at, "missing_since": self.missing_since}

    def remember(self, memory: object) -> None:
        """Take over :meth:`memory` of another process; what is not of that form is forgotten, and seen anew."""
        known = memory if isinstance(memory, Mapping) else {}
        self.completed_at = _times(known.get("completed_at"))
        self.missing_since = _times(known.get("missing_since"))

    def judge(
        self,
        shown: Iterable[JobView],
        *,
        now: float,
        log_events: Sequence[LogEvent] = (),
        instances: Mapping[str, RecoveryInstanceView] | None = None,
        ec2_existing: Collection[str] | None = None,
        ec2_ended: Mapping[str, str] | None = None,
    ) -> WaveVerdict:
        """Return the verdict after one more look.

        :param shown: the jobs that DescribeJobs returned for :attr:`job_ids`
        """
        by_id = {job.job_id: job for job in shown}
        for followed in self.jobs:
            self._notice(followed.job_id, by_id.get(followed.job_id), now)
        return judge_wave(
            servers=self.wave.servers,
            jobs=[
                OwnedJob(by_id[job.job_id], job.attempt, "tags") for job in self.jobs if job.job_id in by_id
            ],
            rules=self.rules,
            now=now,
            log_events=log_events,
            instances=instances,
            ec2_existing=ec2_existing,
            ec2_ended=ec2_ended,
            first_seen_completed_at=self.completed_at,
            expected_jobs={job.job_id: job.servers for job in self.jobs},
            missing_since=self.missing_since,
            deadline_passed=now >= self.deadline,
        )

    def _notice(self, job_id: str, job: JobView | None, now: float) -> None:
        if job is None:
            self.missing_since.setdefault(job_id, now)
            return
        self.missing_since.pop(job_id, None)
        if job.completed:
            self.completed_at.setdefault(job_id, now)


def _times(value: object) -> dict[str, float]:
    times = value.items() if isinstance(value, Mapping) else ()
    return {str(job_id): float(at) for job_id, at in times if isinstance(at, int | float)}

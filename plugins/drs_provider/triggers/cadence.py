"""When to look at jobs again: pure rules, in seconds."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any


@dataclass(frozen=True)
class PollSettings:
    """How a poller paces itself.

    :param interval_seconds: between two polls while servers are being launched
    :param waiting_factor: how many times longer it waits while no launch has begun
    :param min_gap_seconds: least time between two polls when new waiters ask for an early one
    :param max_backoff_seconds: longest wait after an error, unless AWS asks for a longer one
    :param error_budget_seconds: how long polls may fail one after the other before the waiters are told
    :param renew_seconds: age at which client and session are replaced; less than a role session's hour
    :param jitter: share by which a wait is varied at random, so that pollers do not march in step
    :raises ValueError: if a value makes no sense
    """

    interval_seconds: float = 20.0
    waiting_factor: float = 3.0
    min_gap_seconds: float = 1.0
    max_backoff_seconds: float = 60.0
    error_budget_seconds: float = 900.0
    renew_seconds: float = 1800.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if min(self.interval_seconds, self.max_backoff_seconds, self.renew_seconds) <= 0:
            raise ValueError("interval, backoff and renewal must be positive")
        if min(self.min_gap_seconds, self.error_budget_seconds) < 0:
            raise ValueError("gap and error budget must not be negative")
        if self.waiting_factor < 1:
            raise ValueError("waiting_factor must be at least 1")
        if not 0 <= self.jitter < 1:
            raise ValueError("jitter must be at least 0 and less than 1")


def steady_delay(settings: PollSettings, jobs: Collection[Mapping[str, Any]], *, launching: bool) -> float:
    """Return how long to wait after a poll that succeeded.

    Slow while nothing launches: every server of every job that was found is PENDING, and no log tells of a launch.
    The jobs' own status says nothing: DRS shows STARTED within a minute, long before the first launch. A job that was
    not found is looked for at the fast pace, because its grace period is running.

    :param jobs: the DescribeJobs rows; none if no job was found
    :param launching: whether a job's log tells that a launch has begun
    """
    waiting = jobs and not launching and all(_waits(job) for job in jobs)
    return settings.interval_seconds * (settings.waiting_factor if waiting else 1)


def _waits(job: Mapping[str, Any]) -> bool:
    servers = job.get("participatingServers") or ()
    return job.get("status") != "COMPLETED" and all(
        server.get("launchStatus", "PENDING") == "PENDING" for server in servers
    )


def backoff_delay(settings: PollSettings, failures: int, *, asked: float | None, random: Random) -> float:
    """Return how long to wait after the n-th failure in a row (1 for the first).

    :param asked: seconds that AWS asked to wait, or None
    """
    longest = max(settings.max_backoff_seconds, settings.interval_seconds)
    ceiling = min(longest, settings.interval_seconds * 2 ** min(failures - 1, 30))
    return max(random.uniform(ceiling / 2, ceiling), asked or 0.0)


def jittered(settings: PollSettings, seconds: float, random: Random) -> float:
    """Return seconds varied by the settings' jitter."""
    return seconds * random.uniform(1 - settings.jitter, 1 + settings.jitter)

"""When to look at jobs again: pure rules, in seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any

from drs_provider.rules.wave.estimates import LAUNCH_SECONDS


@dataclass(frozen=True)
class PollSettings:
    """How a poller paces itself.

    :param interval_seconds: between two polls while servers are being launched
    :param close_seconds: between two polls while a job is due to end; never longer than the interval
    :param waiting_factor: how many times longer it waits while no launch has begun
    :param min_gap_seconds: least time between two polls when new waiters ask for an early one, and while a job is about
        to end
    :param max_backoff_seconds: longest wait after an error, unless AWS asks for a longer one
    :param error_budget_seconds: how long polls may fail one after the other before the waiters are told
    :param renew_seconds: age at which client and session are replaced; less than a role session's hour
    :param jitter: share by which a wait is varied at random, so that pollers do not march in step
    :raises ValueError: if a value makes no sense
    """

    interval_seconds: float = 20.0
    close_seconds: float = 2.0
    waiting_factor: float = 3.0
    min_gap_seconds: float = 1.0
    max_backoff_seconds: float = 60.0
    error_budget_seconds: float = 900.0
    renew_seconds: float = 1800.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if min(self.interval_seconds, self.close_seconds, self.max_backoff_seconds, self.renew_seconds) <= 0:
            raise ValueError("interval, backoff and renewal must be positive")
        if min(self.min_gap_seconds, self.error_budget_seconds) < 0:
            raise ValueError("gap and error budget must not be negative")
        if self.waiting_factor < 1:
            raise ValueError("waiting_factor must be at least 1")
        if not 0 <= self.jitter < 1:
            raise ValueError("jitter must be at least 0 and less than 1")


class Launches:
    """How long launches took lately, in seconds; as in the recorded drills as long as none was seen."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=50)

    def took(self, seconds: Iterable[float]) -> None:
        """Take note of launches that are over."""
        self._seen.extend(seconds)

    @property
    def expected(self) -> float:
        """How long the next one is expected to take."""
        return median(self._seen) if self._seen else LAUNCH_SECONDS


#: After its last server has ended, a job ended 2 to 3 s later in the recorded drills.
_JOB_ENDS_WITHIN_SECONDS = 6.0


@dataclass(frozen=True)
class Outlook:
    """When the launches of a waiter's jobs are due to end; times are epoch seconds by our clock.

    Of the recorded ones most took within 10 % of the same time, a few a third longer; servers of one job ended up to
    64 s apart, and the job 2 to 3 s after the last of them.

    :param began: when the last of the launches began
    :param seconds: how long one is expected to take
    :param ended: when one was last seen to have ended; None if none was
    """

    began: float
    seconds: float
    ended: float | None = None

    def delay(self, now: float, *, usual: float, close: float) -> float:
        """Return how long to wait for the next look: closely around the expected end, and while others have ended."""
        expected = self.began + 0.85 * self.seconds
        if expected <= now < self.began + 1.5 * self.seconds:
            return close
        if self.ended is not None and now < self.ended + 0.25 * self.seconds:
            return close
        return usual if now >= expected else min(usual, max(close, expected - now))


def steady_delay(
    settings: PollSettings, jobs: Collection[Mapping[str, Any]], outlook: Outlook | None, *, now: float
) -> float:
    """Return how long one waiter can wait after a poll that succeeded.

    Slow while nothing launches: every server of every job that was found is PENDING, and no log tells of a launch.
    The jobs' own status says nothing: DRS shows STARTED within a minute, long before the first launch. Close when the
    launches are due to end, because the next wave waits for that; closest once they all have, since the job's own end
    is seconds away then. A job that was not found is looked for at the usual pace, because its grace period is running.

    :param jobs: the waiter's DescribeJobs rows; none if no job was found
    :param outlook: what is known of the launches; None before the first has begun
    :param now: epoch seconds by our clock
    """
    usual = settings.interval_seconds
    if outlook is None:
        return usual * settings.waiting_factor if jobs and all(_waits(job) for job in jobs) else usual
    if all(job.get("status") == "COMPLETED" for job in jobs):
        return usual
    if outlook.ended is not None and now < outlook.ended + _JOB_ENDS_WITHIN_SECONDS and not _launching(jobs):
        return min(usual, settings.min_gap_seconds)
    return outlook.delay(now, usual=usual, close=min(usual, settings.close_seconds))


def _launching(jobs: Iterable[Mapping[str, Any]]) -> bool:
    states = [server.get("launchStatus") for job in jobs for server in job.get("participatingServers") or ()]
    return not states or any(state in (None, "PENDING", "IN_PROGRESS") for state in states)


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

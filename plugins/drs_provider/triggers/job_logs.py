"""The logs of a wave's jobs, read where they may tell more than DescribeJobs, and what they say of the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drs_provider.core.states import LaunchStatus
from drs_provider.rules.drs.jobs import JobView, LogEvent, parse_log
from drs_provider.rules.drs.phases import Phase, PhaseName, phases_by_server
from drs_provider.triggers.cadence import Outlook
from drs_provider.triggers.subscription import Subscription

_NOT_ENDED = (LaunchStatus.PENDING, LaunchStatus.IN_PROGRESS)

States = tuple[str, ...]
"""Launch states of a job's servers."""


class JobLogs:
    """The logs of the jobs that one waiter waits for.

    Phases show only there until the launches begin: until then they are read at every poll. After that the servers'
    states tell how far they are, and a log is read when one has changed, and once more when its job has ended.

    :param interval_seconds: least time between two reads once the launches have begun, but for the last
    """

    def __init__(self, interval_seconds: float) -> None:
        self._interval = interval_seconds
        self._logs: dict[str, tuple[LogEvent, ...]] = {}
        self._read: dict[str, tuple[float, States]] = {}
        self._closed: set[str] = set()
        self._ended = 0
        self._ended_at: float | None = None
        self._behind = 0.0

    async def read(
        self, jobs: Iterable[JobView], subscription: Subscription, at: float
    ) -> Mapping[str, tuple[LogEvent, ...]]:
        """Return the log lines that are known of each job.

        :param at: epoch seconds of the poll
        """
        for job in jobs:
            if not self._may_tell(job, at):
                continue
            items = await subscription.job_log(job.job_id)
            if items is None:
                continue
            # A log that is not there any more takes nothing back.
            self._logs[job.job_id] = parse_log(items, job.job_id) or self._logs.get(job.job_id, ())
            self._read[job.job_id] = (at, _states(job))
            if job.completed:
                self._closed.add(job.job_id)
                over = self._launches(job.job_id)
                subscription.launches.took(one.end - one.start for one in over if one.end is not None)
        return self._logs

    def _may_tell(self, job: JobView, at: float) -> bool:
        if job.job_id in self._closed:
            return False
        if job.completed or not self._launches(job.job_id):
            return True
        read_at, states = self._read[job.job_id]
        return states != _states(job) and at - read_at >= self._interval

    def _launches(self, job_id: str) -> list[Phase]:
        servers = phases_by_server(self._logs.get(job_id, ()))
        return [phase for phases in servers.values() for phase in phases if phase.name is PhaseName.LAUNCH]

    def outlook(self, jobs: Iterable[JobView], at: float, *, now: float, expected: float) -> Outlook | None:
        """Return when the launches are due to end; None before the first has begun.

        :param at: epoch seconds of the poll, by our clock
        :param now: the same by DRS's clock, as near as its logs tell
        :param expected: seconds that a launch is expected to take
        """
        self._behind = max(self._behind, now - at)
        ended = sum(state not in _NOT_ENDED for job in jobs for state in _states(job))
        if ended > self._ended:
            self._ended, self._ended_at = ended, at
        begun = [launch.start for job_id in self._logs for launch in self._launches(job_id)]
        return Outlook(max(begun) - self._behind, expected, self._ended_at) if begun else None


def _states(job: JobView) -> States:
    return tuple(server.launch_status for server in job.servers)

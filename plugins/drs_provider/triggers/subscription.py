"""What a poller gives to those who wait for jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from drs_provider.triggers.cadence import Launches, Outlook

T = TypeVar("T")
Row = dict[str, Any]


class PollApi(Protocol):
    """What a poller needs of :class:`~drs_provider.hooks.drs.async_drs_api.AsyncDrsApi`."""

    async def jobs(self, job_ids: Iterable[str]) -> list[Row]:
        """Return the given jobs that exist."""

    async def job_log(self, job_id: str) -> list[Row]:
        """Return the events of a job's log."""

    async def recovery_instances(
        self, source_server_ids: Iterable[str] | None = None, instance_ids: Iterable[str] | None = None
    ) -> list[Row]:
        """Return recovery instances."""


class Poller(Protocol):
    """What a waiter needs of its poller."""

    launches: Launches

    @property
    def waits(self) -> int:
        """How many wait."""

    def reconsider(self) -> None:
        """Compute the wait for the next poll anew."""

    async def aside(self, what: str, call: Callable[[PollApi], Awaitable[T]]) -> T | None:
        """Return the call's result, or None if it cannot be had now."""


ApiFactory = Callable[[], AbstractAsyncContextManager[PollApi]]


@dataclass(frozen=True)
class PollSnapshot:
    """What one poll saw of the jobs that one waiter waits for.

    :param at: epoch seconds of the poll
    :param jobs: job id → DescribeJobs row
    :param missing: ids of jobs that DRS did not return; whether that is a failure is the waiter's to decide
    :param errors_since_last: failed polls since the snapshot that the waiter saw before
    """

    at: float
    jobs: Mapping[str, Row]
    missing: frozenset[str]
    errors_since_last: int


class Subscription:
    """A waiter's view of a poller: an asynchronous iterator of snapshots.

    Only the newest snapshot is kept, so a slow waiter skips some, delays nobody and costs no memory.
    """

    def __init__(self, poller: Poller, job_ids: frozenset[str]) -> None:
        self.job_ids = job_ids
        self.outlook: Outlook | None = None
        self.rows: list[Row] | None = None
        self.last_error: str | None = None
        self._poller = poller
        self._newest: PollSnapshot | None = None
        self._error: BaseException | None = None
        self._errors = 0
        self._news = asyncio.Event()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> PollSnapshot:
        """Return the next snapshot.

        :raises DrsPollError: if polls have failed for longer than the error budget
        :raises DrsFailError: if people must act before jobs can be read
        """
        while self._newest is None:
            if self._error is not None:
                raise self._error
            self._news.clear()
            await self._news.wait()
        snapshot, self._newest = self._newest, None
        self._errors = 0
        return snapshot

    async def next(self, timeout_seconds: float) -> PollSnapshot | None:
        """Return the next snapshot, or None if none came in time; raises what iterating raises.

        Meanwhile :attr:`last_error` tells why, if polls are failing.
        """
        try:
            async with asyncio.timeout(max(timeout_seconds, 0.0)):
                return await self.__anext__()
        except TimeoutError:
            return None

    async def job_log(self, job_id: str) -> list[Row] | None:
        """Return the events of a job's log, or None if it cannot be read now (logged)."""
        return await self._poller.aside(f"log of {job_id}", lambda api: api.job_log(job_id))

    async def recovery_instances(self, source_server_ids: Iterable[str]) -> list[Row] | None:
        """Return the recovery instances of servers, or None if they cannot be read now (logged)."""
        ids = list(source_server_ids)
        return await self._poller.aside("recovery instances", lambda api: api.recovery_instances(ids))

    def expect(self, outlook: Outlook | None) -> None:
        """Say when the launches are due to end, as the jobs' logs show it: the poller looks closely then."""
        if outlook != self.outlook:
            self.outlook = outlook
            self._poller.reconsider()

    @property
    def neighbours(self) -> int:
        """How many wait for jobs of the same target, this one included."""
        return self._poller.waits

    @property
    def launches(self) -> Launches:
        """How long launches took in this account and Region."""
        return self._poller.launches

    def deliver(self, at: float, jobs: Mapping[str, Row]) -> None:
        """Take the result of a poll that asked for this waiter's jobs."""
        found = {job_id: jobs[job_id] for job_id in self.job_ids if job_id in jobs}
        self.rows = list(found.values())
        self._newest = PollSnapshot(at, found, self.job_ids - found.keys(), self._errors)
        self.last_error = None
        self._news.set()

    def count_error(self, error: BaseException) -> None:
        """Take note of a failed poll."""
        self._errors += 1
        self.last_error = str(error)

    def fail(self, error: BaseException) -> None:
        """Take note that the poller has ended with an error."""
        self._error = error
        self._news.set()

"""One poll of DescribeJobs for everybody in this triggerer who waits for jobs of the same target.

A thousand waiting waves would make a thousand calls a round; DRS answers for up to a thousand jobs in one.
Pollers live in this module, which the triggerer imports once, and belong to the event loop that runs them.
They start with the first waiter and end with the last. No credentials are held by waiters or serialized: a
poller opens its own session from the target, and opens a fresh one before a role session can end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from botocore.exceptions import ClientError

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsError, DrsFailError, DrsPollError
from drs_provider.hooks.aws.errors import AWS_ERRORS, is_throttle, is_transient, retry_after_seconds
from drs_provider.hooks.drs.async_drs_api import async_drs_api
from drs_provider.triggers.cadence import Launches, PollSettings, backoff_delay, jittered, steady_delay
from drs_provider.triggers.subscription import ApiFactory, PollApi, PollSnapshot, Subscription

__all__ = ["JobPoller", "PollSettings", "PollSnapshot", "Subscription", "watch_jobs"]

log = logging.getLogger(__name__)

POLL_SESSION_NAME = "drs-poll"
#: A waiter computes for about a millisecond; all of a thousand in one turn would hold the triggerer's event loop up.
_WAITERS_AT_ONCE = 50

T = TypeVar("T")


class _GiveUpError(Exception):
    """Ends the polling; carries what the waiters are told."""

    def __init__(self, error: DrsError) -> None:
        super().__init__(str(error))
        self.error = error


# What a poll may fail with; anything else is a mistake of ours and reaches the waiters at once.
_POLL_ERRORS = (*AWS_ERRORS, DrsError, OSError, TimeoutError)


class JobPoller:
    """Polls the jobs of all its waiters in one task.

    :param open_api: gives an API over a fresh session each time it is called
    :param name: for the log
    :param launches: what earlier pollers of the same account and Region saw
    """

    def __init__(
        self, open_api: ApiFactory, settings: PollSettings, name: str, launches: Launches | None = None
    ) -> None:
        self.launches = launches or Launches()
        self._open_api = open_api
        self._settings = settings
        self._name = name
        self._random = Random()
        self._waiters: set[Subscription] = set()
        self._wake = asyncio.Event()
        self._api: PollApi | None = None
        self._asides: set[asyncio.Task[Any]] = set()
        self._ever_succeeded = False
        self._failures = 0
        self._failing_since = 0.0
        self._last_poll = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def is_usable(self) -> bool:
        """False once the poller has ended."""
        return self._task is None or not self._task.done()

    @property
    def waits(self) -> int:
        """How many wait."""
        return len(self._waiters)

    def is_only_for(self, subscription: Subscription) -> bool:
        """True if nobody else waits."""
        return self._waiters <= {subscription}

    def subscribe(self, job_ids: Iterable[str]) -> Subscription:
        """Add a waiter; the first one starts the polling.

        :raises ValueError: for no job ids, which DRS would take for all jobs
        """
        subscription = Subscription(self, frozenset(job_ids))
        if not subscription.job_ids:
            raise ValueError("a waiter needs at least one job id")
        self._waiters.add(subscription)
        self.reconsider()
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"poll {self._name}")
            self._task.add_done_callback(self._ended)
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Remove a waiter; with the last one the polling ends, and its client is closed."""
        self._waiters.discard(subscription)
        if not self._waiters and self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def aside(self, what: str, call: Callable[[PollApi], Awaitable[T]]) -> T | None:
        """Make another call with the poller's client, or return None if it fails or there is no client now."""
        if self._api is None:
            return None
        task: asyncio.Task[T] = asyncio.ensure_future(call(self._api))
        self._asides.add(task)
        try:
            return await task
        except _POLL_ERRORS as error:
            log.warning("%s: cannot read %s now: %s", self._name, what, error)
            return None
        finally:
            self._asides.discard(task)

    async def _run(self) -> None:
        while True:
            await self._use_one_session()

    async def _use_one_session(self) -> None:
        """Poll with one client until it is to be replaced, because of its age or because of an error."""
        try:
            async with self._open_api() as api:
                self._api = api
                try:
                    await self._poll_until(api, time.monotonic() + self._settings.renew_seconds)
                finally:
                    self._api = None
                    if self._asides:
                        await asyncio.wait(set(self._asides))
        except _POLL_ERRORS as error:
            await asyncio.sleep(self._delay_after(error))

    async def _poll_until(self, api: PollApi, renew_at: float) -> None:
        while time.monotonic() < renew_at:
            try:
                await self._poll(api)
            except ClientError as error:
                if not is_throttle(error):
                    raise
                await asyncio.sleep(self._delay_after(error))  # nothing is wrong with this client
            else:
                await self._pause()

    async def _poll(self, api: PollApi) -> None:
        self._wake.clear()
        waiters = list(self._waiters)
        wanted = sorted(frozenset().union(*(waiter.job_ids for waiter in waiters)))
        at = time.time()  # of the question: graces count no time for which nobody asked
        jobs = await api.jobs(wanted) if wanted else []
        self._last_poll = time.monotonic()
        if self._failures:
            log.info("%s: jobs can be read again, after %d failed polls", self._name, self._failures)
        self._ever_succeeded, self._failures = True, 0
        by_id = {job["jobID"]: job for job in jobs if job.get("jobID")}
        for number, waiter in enumerate(waiters, 1):
            waiter.deliver(at, by_id)
            if number % _WAITERS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def reconsider(self) -> None:
        """Compute the wait that is going on anew: a waiter has come, or knows more."""
        self._wake.set()

    async def _pause(self) -> None:
        """Wait for the next poll."""
        share = jittered(self._settings, 1.0, self._random)
        while (left := self._last_poll + share * self._delay() - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._wake.wait()
            except TimeoutError:
                return
            self._wake.clear()

    def _delay(self) -> float:
        """Return the shortest wait of all waiters; a new one waits for the least gap only."""
        usual, now = self._settings.interval_seconds, time.time()
        new = min(self._settings.min_gap_seconds, usual)
        delays = [
            new if waiter.rows is None else steady_delay(self._settings, waiter.rows, waiter.outlook, now=now)
            for waiter in self._waiters
        ]
        return min(delays, default=usual)

    def _delay_after(self, error: Exception) -> float:
        """Count a failed poll and return how long to wait; raise when the waiters must be told.

        Before the first success an error that needs people is final at once. After it, it must outlast the
        budget as well: rights and connections are edited while recoveries run.
        """
        now = time.monotonic()
        if not self._failures:
            self._failing_since = now
        self._failures += 1
        for waiter in self._waiters:
            waiter.count_error(error)
        failing_seconds = now - self._failing_since
        hopeless = not is_transient(error) and not self._ever_succeeded
        if hopeless or failing_seconds >= self._settings.error_budget_seconds:
            raise _GiveUpError(self._final(error, failing_seconds))
        log.warning("%s: poll failed (%d in a row): %s", self._name, self._failures, error)
        asked = retry_after_seconds(error)
        return backoff_delay(self._settings, self._failures, asked=asked, random=self._random)

    def _final(self, error: Exception, failing_seconds: float) -> DrsError:
        """Return what the waiters are told."""
        if isinstance(error, DrsFailError):
            return error
        final = DrsPollError(
            f"{self._name}: jobs could not be read for {failing_seconds:.0f} s ({self._failures} polls failed); "
            f"the last error was: {error}"
        )
        final.__cause__ = error
        return final

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, _GiveUpError):
            error = error.error
        for waiter in self._waiters:
            waiter.fail(error or DrsPollError(f"{self._name}: the poller has ended"))


PollerKey = tuple[tuple[str, str, str], str | None, str | None, str, PollSettings]

#: Kept when a poller ends: the next wave's is a new one.
_launches: dict[tuple[str, str, str], Launches] = defaultdict(Launches)
_pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[PollerKey, JobPoller]] = WeakKeyDictionary()


@asynccontextmanager
async def watch_jobs(
    target: AwsTarget,
    job_ids: Iterable[str],
    *,
    session_name: str = POLL_SESSION_NAME,
    settings: PollSettings | None = None,
) -> AsyncIterator[Subscription]:
    """Watch jobs of a target, together with everybody else in this event loop who watches the same target.

    ::

        async with watch_jobs(target, job_ids) as watch:
            async for snapshot in watch:
                ...

    :param session_name: role session name of the poller; waiters with different names share nothing, so it
        is the same for all executions by default
    :param settings: pace and error budget; waiters with different settings share nothing
    :raises ValueError: for no job ids
    """
    pollers = _pollers.setdefault(asyncio.get_running_loop(), {})
    pace = settings or PollSettings()
    # Not the target's name: plans name the same target differently. But the role: its rights may differ.
    key = (target.key, target.role, target.external_id, session_name, pace)
    poller = pollers.get(key)
    if poller is None or not poller.is_usable:
        name = f"account {target.account_id}, Region {target.region}"
        poller = JobPoller(
            lambda: async_drs_api(target, session_name=session_name), pace, name, _launches[target.key]
        )
    subscription = poller.subscribe(job_ids)
    pollers[key] = poller
    try:
        yield subscription
    finally:
        # Out of the register first: whoever comes while this one is closing gets a poller of its own.
        if pollers.get(key) is poller and poller.is_only_for(subscription):
            del pollers[key]
        await poller.unsubscribe(subscription)

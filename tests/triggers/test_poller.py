from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsAccessDeniedError, DrsIdentityError, DrsPollError
from drs_provider.triggers import poller as poller_module
from drs_provider.triggers.cadence import PollSettings
from drs_provider.triggers.poller import JobPoller, watch_jobs

QUICK = PollSettings(
    interval_seconds=0.005,
    waiting_factor=1,
    min_gap_seconds=0,
    max_backoff_seconds=0.005,
    error_budget_seconds=60,
    renew_seconds=60,
)
SLOW = PollSettings(interval_seconds=3600, min_gap_seconds=0)
TARGET = AwsTarget("main", "aws_dr", "111122223333", "eu-west-1", own_account=True)


def throttled(retry_after=None):
    headers = {"retry-after": retry_after} if retry_after else {}
    response = {
        "Error": {"Code": "ThrottlingException", "Message": "slow down"},
        "ResponseMetadata": {"HTTPStatusCode": 429, "HTTPHeaders": headers},
    }
    return ClientError(response, "DescribeJobs")


def expired():
    response = {"Error": {"Code": "ExpiredTokenException"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
    return ClientError(response, "DescribeJobs")


def invalid():
    response = {"Error": {"Code": "ValidationException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    return ClientError(response, "DescribeJobs")


OUTAGE = EndpointConnectionError(endpoint_url="https://drs.eu-west-1.amazonaws.com")


class FakeDrs:
    """Jobs that the test sets, and the errors that it queued."""

    def __init__(self):
        self.jobs_by_id = {}
        self.asked = []
        self.errors = []
        self.opening_errors = []
        self.opened = 0
        self.open_now = 0
        self.polled = asyncio.Event()
        self.hold = None

    def put(self, *job_ids, status="STARTED"):
        self.jobs_by_id.update({job_id: {"jobID": job_id, "status": status} for job_id in job_ids})

    @asynccontextmanager
    async def open(self):
        self.opened += 1
        if self.opening_errors:
            raise self.opening_errors.pop(0)
        self.open_now += 1
        try:
            yield self
        finally:
            self.open_now -= 1

    async def jobs(self, job_ids):
        self.asked.append(list(job_ids))
        self.polled.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.errors:
            raise self.errors.pop(0)
        return [self.jobs_by_id[job_id] for job_id in job_ids if job_id in self.jobs_by_id]

    async def job_log(self, job_id):
        if job_id == "denied":
            raise DrsAccessDeniedError("no right to read logs")
        return [{"event": "JOB_START", "jobID": job_id}]

    async def recovery_instances(self, source_server_ids=None, instance_ids=None):
        return [{"sourceServerID": server_id} for server_id in source_server_ids]


@pytest.fixture
def drs():
    return FakeDrs()


@pytest.fixture
def opened(monkeypatch, drs):
    """The fake in the place of AWS for watch_jobs; a list of what was asked to be opened."""
    asked = []

    def open_api(target, *, session_name):
        asked.append((target, session_name))
        return drs.open()

    monkeypatch.setattr(poller_module, "async_drs_api", open_api)
    return asked


def pollers():
    return poller_module._pollers.get(asyncio.get_running_loop(), {})


async def read_all(watch):
    async for _ in watch:
        pass


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, 20)


async def test_snapshot_shows_the_waiters_own_jobs_and_the_missing(drs, opened):
    drs.put("job-a", "job-x")
    async with watch_jobs(TARGET, ["job-a", "job-b"], settings=QUICK) as watch:
        snapshot = await soon(anext(watch))
    assert dict(snapshot.jobs) == {"job-a": {"jobID": "job-a", "status": "STARTED"}}
    assert snapshot.missing == {"job-b"}
    assert snapshot.errors_since_last == 0
    assert snapshot.at > 1_700_000_000


async def test_an_answer_is_as_old_as_its_question(drs, opened):
    """Else a job that was missing when DRS was asked would count as missing for as long as the answer took."""
    drs.hold = asyncio.Event()
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        await soon(drs.polled.wait())
        answered = time.time()
        drs.hold.set()
        snapshot = await soon(anext(watch))
    assert snapshot.at <= answered


async def test_iteration_follows_the_jobs(drs, opened):
    drs.put("job-a", status="PENDING")
    seen = []
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        async for snapshot in watch:
            status = snapshot.jobs["job-a"]["status"]
            seen.append(status)
            drs.put("job-a", status={"PENDING": "STARTED"}.get(status, "COMPLETED"))
            if status == "COMPLETED":
                break
    assert seen == ["PENDING", "STARTED", "COMPLETED"]


async def test_one_call_covers_all_waiters(drs, opened):
    drs.put("job-a", "job-b", "job-c")
    drs.hold = asyncio.Event()
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as first:
        await soon(drs.polled.wait())
        async with watch_jobs(TARGET, ["job-c", "job-b"], settings=QUICK) as second:
            drs.hold.set()
            await soon(anext(first))
            await soon(anext(second))
            await soon(anext(first))
    assert drs.opened == 1
    assert drs.asked[0] == ["job-a"]
    assert drs.asked[1] == ["job-a", "job-b", "job-c"]


async def test_waiter_that_comes_during_a_poll_gets_no_snapshot_of_it(drs, opened):
    drs.put("job-a", "job-b")
    drs.hold = asyncio.Event()
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as first:
        await soon(drs.polled.wait())
        async with watch_jobs(TARGET, ["job-b"], settings=QUICK) as second:
            drs.hold.set()
            await soon(anext(first))
            assert (await soon(anext(second))).missing == frozenset()
            assert first.neighbours == second.neighbours == 2


async def test_new_waiter_does_not_wait_for_the_next_round(drs, opened):
    drs.put("job-a", "job-b")
    async with watch_jobs(TARGET, ["job-a"], settings=SLOW) as first:
        await soon(anext(first))
        async with watch_jobs(TARGET, ["job-b"], settings=SLOW) as second:
            assert set((await soon(anext(second))).jobs) == {"job-b"}


async def test_trap_42_no_jobs_is_an_error_and_starts_nothing(drs, opened):
    with pytest.raises(ValueError, match="at least one job id"):
        async with watch_jobs(TARGET, [], settings=QUICK):
            pass
    assert opened == []
    assert pollers() == {}


async def test_last_waiter_ends_the_polling_and_closes_the_client(drs, opened):
    drs.put("job-a", "job-b")
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as first:
        async with watch_jobs(TARGET, ["job-b"], settings=QUICK) as second:
            await soon(anext(second))
        await soon(anext(first))
        assert drs.open_now == 1
    assert drs.open_now == 0
    assert pollers() == {}
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("poll ")] == []


async def test_jobs_of_a_waiter_that_left_are_no_longer_asked_for(drs, opened):
    drs.put("job-a", "job-b")
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as first:
        async with watch_jobs(TARGET, ["job-b"], settings=QUICK) as second:
            await soon(anext(second))
        before = len(drs.asked)
        for _ in range(3):
            await soon(anext(first))
    assert drs.asked[before + 1] == ["job-a"]


async def test_cancelled_waiter_leaves_the_others_alone(drs, opened):
    drs.put("job-a", "job-b")

    async def wait_for_ever():
        async with watch_jobs(TARGET, ["job-b"], settings=QUICK) as watch:
            await read_all(watch)

    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        other = asyncio.create_task(wait_for_ever())
        await soon(anext(watch))
        await soon(anext(watch))
        other.cancel()
        with pytest.raises(asyncio.CancelledError):
            await other
        assert (await soon(anext(watch))).missing == frozenset()


async def test_error_in_one_consumer_leaves_the_others_alone(drs, opened):
    drs.put("job-a", "job-b")

    async def broken():
        async with watch_jobs(TARGET, ["job-b"], settings=QUICK) as watch:
            async for _ in watch:
                raise KeyError("a mistake of the consumer")

    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        with pytest.raises(KeyError, match="a mistake of the consumer"):
            await soon(broken())
        assert (await soon(anext(watch))).missing == frozenset()


async def test_slow_consumer_gets_the_newest_snapshot(drs, opened):
    drs.put("job-a", "job-b", status="PENDING")
    async with (
        watch_jobs(TARGET, ["job-a"], settings=QUICK) as slow,
        watch_jobs(TARGET, ["job-b"], settings=QUICK) as quick,
    ):
        await soon(anext(quick))
        drs.put("job-a", status="COMPLETED")
        for _ in range(4):
            await soon(anext(quick))
        assert (await soon(anext(slow))).jobs["job-a"]["status"] == "COMPLETED"


async def test_trap_09_transient_errors_are_retried_and_counted(drs, opened):
    drs.put("job-a")
    drs.errors = [throttled(), OUTAGE, expired(), throttled("0.001")]
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        assert (await soon(anext(watch))).errors_since_last == 4
        assert (await soon(anext(watch))).errors_since_last == 0


async def test_errors_between_are_not_lost_on_a_slow_consumer(drs, opened):
    drs.put("job-a", "job-b")
    async with (
        watch_jobs(TARGET, ["job-a"], settings=QUICK) as slow,
        watch_jobs(TARGET, ["job-b"], settings=QUICK) as quick,
    ):
        await soon(anext(quick))
        drs.errors = [throttled()]
        while (await soon(anext(quick))).errors_since_last == 0:
            pass
        drs.errors = [throttled()]
        while (await soon(anext(quick))).errors_since_last == 0:
            pass
        assert (await soon(anext(slow))).errors_since_last == 2


async def test_throttled_client_is_kept_others_are_replaced(drs, opened):
    drs.put("job-a")
    drs.errors = [throttled(), throttled()]
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        await soon(anext(watch))
        assert drs.opened == 1
        drs.errors = [expired()]
        while (await soon(anext(watch))).errors_since_last == 0:
            pass
        assert drs.opened == 2
    assert drs.open_now == 0


async def test_trap_28_client_is_renewed_before_its_session_ends(drs, opened):
    drs.put("job-a")
    short = PollSettings(interval_seconds=0.005, waiting_factor=1, renew_seconds=0.001)
    async with watch_jobs(TARGET, ["job-a"], settings=short) as watch:
        for _ in range(3):
            await soon(anext(watch))
        assert drs.opened >= 3
        assert drs.open_now <= 1


async def test_errors_beyond_the_budget_reach_every_waiter(drs, opened):
    impatient = PollSettings(interval_seconds=0.005, max_backoff_seconds=0.005, error_budget_seconds=0)
    drs.errors = [OUTAGE]
    async with (
        watch_jobs(TARGET, ["job-a"], settings=impatient) as first,
        watch_jobs(TARGET, ["job-b"], settings=impatient) as second,
    ):
        for watch in (first, second):
            with pytest.raises(DrsPollError, match=r"111122223333.*Could not connect") as caught:
                await soon(anext(watch))
            assert caught.value.__cause__ is OUTAGE
    assert drs.open_now == 0


async def test_waiter_after_a_failed_poller_gets_a_new_one(drs, opened):
    impatient = PollSettings(interval_seconds=0.005, max_backoff_seconds=0.005, error_budget_seconds=0)
    drs.put("job-a")
    drs.errors = [OUTAGE]
    async with watch_jobs(TARGET, ["job-a"], settings=impatient) as failed:
        with pytest.raises(DrsPollError):
            await soon(anext(failed))
        async with watch_jobs(TARGET, ["job-a"], settings=impatient) as second:
            assert (await soon(anext(second))).missing == frozenset()
        with pytest.raises(DrsPollError):
            await soon(anext(failed))
    assert pollers() == {}


@pytest.mark.parametrize(
    "error", [DrsIdentityError("wrong account", "correct it"), DrsAccessDeniedError("no right")]
)
async def test_error_that_needs_people_is_final_before_the_first_success(drs, opened, error):
    drs.opening_errors = [error]
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        with pytest.raises(type(error), match=str(error)):
            await soon(anext(watch))
    assert drs.opened == 1


async def test_refusal_by_drs_is_final_before_the_first_success(drs, opened):
    drs.errors = [invalid()]
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        with pytest.raises(DrsPollError, match="ValidationException"):
            await soon(anext(watch))


async def test_trap_09_right_that_is_missing_for_a_moment_fails_no_wave(drs, opened):
    drs.put("job-a")
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        await soon(anext(watch))
        drs.errors = [DrsAccessDeniedError("policy is being edited")]
        drs.opening_errors = [DrsIdentityError("trust policy is being edited", "wait")]
        while (snapshot := await soon(anext(watch))).errors_since_last == 0:
            pass
        assert snapshot.errors_since_last == 2


async def test_right_that_stays_missing_is_told_as_it_is(drs, opened):
    impatient = PollSettings(
        interval_seconds=0.005, waiting_factor=1, max_backoff_seconds=0.005, error_budget_seconds=0
    )
    drs.put("job-a")
    async with watch_jobs(TARGET, ["job-a"], settings=impatient) as watch:
        await soon(anext(watch))
        drs.errors = [DrsAccessDeniedError("no right")]
        with pytest.raises(DrsAccessDeniedError, match="no right"):
            await soon(read_all(watch))


async def test_mistake_of_ours_reaches_the_waiters_at_once(drs, opened):
    drs.errors = [KeyError("a mistake")]
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        with pytest.raises(KeyError, match="a mistake"):
            await soon(anext(watch))


async def test_a_job_without_an_id_counts_as_not_found(drs, opened):
    drs.jobs_by_id["job-a"] = {"status": "STARTED"}
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        assert (await soon(anext(watch))).missing == {"job-a"}


async def test_next_returns_none_when_nothing_came_in_time(drs, opened):
    drs.put("job-a")
    drs.hold = asyncio.Event()
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        assert await watch.next(0.01) is None
        drs.hold.set()
        assert (await soon(watch.next(20))).jobs.keys() == {"job-a"}
        await soon(drs.polled.wait())
        assert await watch.next(-5) in (None, await watch.next(0))


async def test_outage_is_visible_before_it_ends(drs, opened):
    drs.errors = [OUTAGE] * 10_000
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        while watch.last_error is None:
            assert await watch.next(0.005) is None
        assert "Could not connect" in watch.last_error


async def test_job_log_and_instances_use_the_pollers_client(drs, opened):
    drs.put("job-a")
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        assert await watch.job_log("job-a") is None  # not connected yet
        await soon(anext(watch))
        assert await watch.job_log("job-a") == [{"event": "JOB_START", "jobID": "job-a"}]
        assert await watch.recovery_instances(["s-1"]) == [{"sourceServerID": "s-1"}]
    assert drs.opened == 1


async def test_log_that_cannot_be_read_stops_nothing(drs, opened, caplog):
    drs.put("job-a")
    async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
        await soon(anext(watch))
        assert await watch.job_log("denied") is None
        await soon(anext(watch))
    assert "no right to read logs" in caplog.text


async def test_client_is_not_closed_under_a_call(drs):
    drs.put("job-a")
    short = PollSettings(interval_seconds=0.005, waiting_factor=1, renew_seconds=0.001)
    poller = JobPoller(drs.open, short, "a test")
    watch = poller.subscribe(["job-a"])
    started, finish, open_at_end = asyncio.Event(), asyncio.Event(), []

    async def long_call(api):
        started.set()
        await finish.wait()
        open_at_end.append(drs.open_now)
        return "read"

    start = asyncio.create_task(started.wait())
    while not start.done():
        await soon(anext(watch))  # the client is open now, or is just being replaced: then try again
        reading = asyncio.create_task(poller.aside("something", long_call))
        await asyncio.wait({reading, start}, return_when=asyncio.FIRST_COMPLETED)
    opened_before = drs.opened
    await asyncio.sleep(0.05)  # long enough for many renewals
    assert drs.opened == opened_before
    finish.set()
    assert await soon(reading) == "read"
    assert open_at_end == [1]
    await poller.unsubscribe(watch)


async def test_targets_sessions_and_settings_do_not_mix(drs, opened):
    drs.put("job-a")
    other_name = AwsTarget("another name", "aws_dr", "111122223333", "eu-west-1", own_account=True)
    other_role = AwsTarget("main", "aws_dr", "111122223333", "eu-west-1", role="DrRole")
    async with (
        watch_jobs(TARGET, ["job-a"], settings=QUICK) as a,
        watch_jobs(other_name, ["job-a"], settings=QUICK) as b,
        watch_jobs(other_role, ["job-a"], settings=QUICK) as c,
        watch_jobs(TARGET, ["job-a"], settings=QUICK, session_name="other") as d,
        watch_jobs(TARGET, ["job-a"], settings=SLOW) as e,
    ):
        for watch in (a, b, c, d, e):
            await soon(anext(watch))
        assert len(pollers()) == 4
    assert pollers() == {}
    assert {session_name for _, session_name in opened} == {"drs-poll", "other"}


def test_each_event_loop_has_its_own_pollers(monkeypatch):
    def once():
        async def look():
            drs = FakeDrs()
            drs.put("job-a")
            monkeypatch.setattr(poller_module, "async_drs_api", lambda target, *, session_name: drs.open())
            async with watch_jobs(TARGET, ["job-a"], settings=QUICK) as watch:
                return (await soon(anext(watch))).missing

        return asyncio.run(look())

    assert [once(), once()] == [frozenset(), frozenset()]
    assert [registered for registered in poller_module._pollers.values() if registered] == []


async def test_poller_used_alone(drs):
    drs.put("job-a")
    poller = JobPoller(drs.open, QUICK, "a test")
    assert poller.is_usable
    watch = poller.subscribe(["job-a"])
    await soon(anext(watch))
    await poller.unsubscribe(watch)
    assert not poller.is_usable

"""Our own time in writes to the history table, against the time inside DynamoDB's client, which is taken out of it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.figures import Figure, percentiles
from benchmarks.options import Options

WAVES, SERVERS = 10, 50
REPEATS = 40


class TimedClient:
    """A DynamoDB client that adds up the time in which at least one of its calls ran; several may at once."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._running = 0
        self._since = 0.0
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name == "get_paginator":
            return lambda operation: TimedPages(self, attribute(operation))
        if not callable(attribute) or name in ("exceptions", "meta"):
            return attribute

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._count(1)
            try:
                return attribute(*args, **kwargs)
            finally:
                self._count(-1)

        return timed

    def _count(self, change: int) -> None:
        with self._lock:
            now = time.perf_counter()
            if self._running:
                self.seconds += now - self._since
            self._since = now
            self._running += change


class TimedPages:
    """A paginator of a timed client."""

    def __init__(self, client: TimedClient, paginator: Any) -> None:
        self._client = client
        self._paginator = paginator

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        """Yield the pages."""
        pages = iter(self._paginator.paginate(**arguments))
        while True:
            begin = time.perf_counter()
            page = next(pages, None)
            self._client.seconds += time.perf_counter() - begin
            if page is None:
                return
            yield page


def measure(options: Options) -> Iterator[Figure]:
    """Measure updates and the end of executions."""
    del options
    import boto3
    from moto import mock_aws

    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    with mock_aws():
        client = TimedClient(boto3.client("dynamodb", region_name="eu-west-1"))
        yield from _figures(client)


def _figures(client: TimedClient) -> Iterator[Figure]:
    from drs_provider.core.states import ExecutionStatus, WaveStatus
    from drs_provider.history.outcome import ExecutionRef
    from drs_provider.history.store import DynamoDbHistory
    from drs_provider.history.table import ensure_table
    from drs_provider.rules.record.execution_record import initial_record
    from drs_provider.rules.record.merging import close_attempt
    from tests.history.world import frozen_plan, frozen_wave

    ensure_table(client, "execution-history")
    history = DynamoDbHistory(client, "execution-history")
    waves = [frozen_wave(number, SERVERS) for number in range(1, WAVES + 1)]

    def timed(act: Callable[[], Any]) -> tuple[float, float]:
        inside, begin = client.seconds, time.perf_counter()
        act()
        within = client.seconds - inside
        return time.perf_counter() - begin - within, within

    updates, ends = [], []
    for number in range(REPEATS):
        plan = frozen_plan(waves, execution_id=f"00000000-0000-0000-0000-{number:012d}")
        record = initial_record(plan, waves, attempt=1, expected_duration_seconds=1200, now=plan.started_at)
        ref = ExecutionRef.of(record)
        history.start(record)
        history.set_execution_status(ref, ExecutionStatus.IN_PROGRESS)
        updates.append(timed(lambda: history.set_wave(ref, 1, WaveStatus.LAUNCHING)))  # noqa: B023
        rows = record["waves"][0].get("serverStatuses", [])
        updates.append(timed(lambda: history.put_servers(ref, 1, rows, plan.started_at + 20)))  # noqa: B023
        end = close_attempt(record, ExecutionStatus.FAILED, ended_at=plan.started_at + 60)
        ends.append(timed(lambda: history.finalize(ref, end)))  # noqa: B023
    against = "in DynamoDB's client"
    for name, pairs in (
        (f"an update, {WAVES} waves of {SERVERS} servers", updates),
        (f"the end of an execution of {WAVES * SERVERS} servers", ends),
    ):
        own, within = zip(*pairs, strict=True)
        yield from percentiles(name, own, within, against, 95)

"""What the tests of the history do to it, and read of it."""

from __future__ import annotations

from collections.abc import Callable

from drs_provider.core.states import ExecutionStatus, WaveStatus
from drs_provider.history.outcome import ExecutionRef
from drs_provider.history.store import DynamoDbHistory
from drs_provider.rules.record.merging import close_attempt
from drs_provider.rules.record.schema import ExecutionRecord
from tests.history.world import T0, record_of

E, W = ExecutionStatus, WaveStatus


def stored(history: DynamoDbHistory, ref: ExecutionRef) -> ExecutionRecord:
    found = history.read(ref.execution_id, ref.plan_id)
    assert found is not None
    return found


def again(number: int = 2) -> Callable[[], ExecutionRecord]:
    """Return what makes the record with which a later attempt begins."""
    return lambda: {**record_of(attempt=number), "startTime": T0 + 5000}


def run_wave(history: DynamoDbHistory, ref: ExecutionRef, number: int, end: WaveStatus = W.COMPLETED) -> None:
    assert history.set_wave(ref, number, W.LAUNCHING, {"startTime": T0 + number})
    assert history.set_wave(
        ref, number, W.POLLING, {"jobs": [{"jobId": "j", "status": "STARTED", "attempt": 1}]}
    )
    assert history.set_wave(ref, number, end, {"endTime": T0 + 500 + number})


def finish(record: ExecutionRecord, status: ExecutionStatus, at: float = T0 + 2000) -> ExecutionRecord:
    return close_attempt(record, status, ended_at=at)

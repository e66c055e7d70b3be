"""Expected durations from a plan's earlier executions."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.core.states import ExecutionStatus, ExecutionType
from drs_provider.rules.execution.frozen import Expectation
from drs_provider.rules.record.durations import HISTORY, MOST_EXECUTIONS, PROFILE, expectation
from drs_provider.rules.record.merging import close_attempt
from drs_provider.rules.wave.estimates import expected_seconds
from tests.history.world import T0, frozen_wave, record_of

DRILL = ExecutionType.DRILL
WAVES = [frozen_wave(number, size) for number, size in enumerate((2, 3, 3), start=1)]


def earlier(
    minutes: float, *, status: ExecutionStatus = ExecutionStatus.COMPLETED, **changes: Any
) -> dict[str, Any]:
    """Return the record of an execution whose last wave ended after so many minutes; its hold was long."""
    record: dict[str, Any] = dict(record_of(attempt=changes.pop("attempt", 1), **changes))
    for number, wave in enumerate(record["waves"], start=1):
        wave["endTime"] = T0 + minutes * 60 * number / len(record["waves"])
    return dict(close_attempt(record, status, ended_at=T0 + minutes * 60 + 9000))


def made(seconds: float, source: str, executions: int = 0) -> Expectation:
    return Expectation(seconds=seconds, source=source, executions=executions)


def expected(*records: dict[str, Any]) -> Expectation:
    return expectation(DRILL, WAVES, records)


@pytest.mark.parametrize("records", [None, []])
def test_without_a_history_the_profile_counts(records: Any) -> None:
    assert expectation(DRILL, WAVES, records) == made(expected_seconds(DRILL, WAVES), PROFILE)


def test_the_median_of_the_newest_counts_hold_and_cleanup_excluded() -> None:
    assert expected(earlier(20), earlier(60), earlier(25)) == made(25 * 60, HISTORY, 3)
    newest = [earlier(10)] * MOST_EXECUTIONS
    assert expected(*newest, *[earlier(900)] * 50) == made(600, HISTORY, MOST_EXECUTIONS)


def test_steps_count_until_the_last_wave_was_ready() -> None:
    record = earlier(20)
    record["waves"][-1]["readyTime"] = T0 + 30 * 60
    assert expected(record) == made(30 * 60, HISTORY, 1)


@pytest.mark.parametrize(
    "status", [s for s in ExecutionStatus if s.value in ("PARTIAL", "FAILED", "CANCELLED")]
)
def test_only_completed_executions_count(status: ExecutionStatus) -> None:
    assert expected(earlier(5, status=status)).source == PROFILE
    assert expected(earlier(5, status=status), earlier(30)) == made(1800, HISTORY, 1)


def test_executions_of_another_kind_do_not_count() -> None:
    fewer = earlier(5)
    fewer["waves"][2]["selected"] = False
    skipped = earlier(5)
    del skipped["waves"][1]["endTime"]
    others = [earlier(5, execution_type=ExecutionType.RECOVERY), earlier(5, attempt=2), fewer, skipped]
    assert expected(*others).source == PROFILE
    assert expectation(ExecutionType.RECOVERY, WAVES, others[:1]).source == HISTORY


@pytest.mark.parametrize("missing", ["status", "executionType", "attempt", "startTime", "waves"])
def test_trap_32_a_record_of_another_system_says_nothing_and_raises_nothing(missing: str) -> None:
    record = earlier(5)
    del record[missing]
    nameless = earlier(5)
    del nameless["waves"][0]["waveName"]
    assert expected(record, nameless, earlier(30)) == made(1800, HISTORY, 1)


def test_waiting_for_people_is_not_expected() -> None:
    record = earlier(60)
    record["waves"][1]["gate"] = {"openedAt": T0 + 1200, "closedAt": T0 + 1200 + 1800, "responses": []}
    assert expected(record).seconds == 30 * 60


def test_it_is_told_to_people() -> None:
    assert made(1184, PROFILE).text() == "about 20 min (documented profile)"
    assert made(90, HISTORY, 1).text() == "about 2 min (median of 1 earlier execution)"
    assert made(1500, HISTORY, 3).text() == "about 25 min (median of 3 earlier executions)"

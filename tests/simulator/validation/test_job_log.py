from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drs_simulator.validation import Check, check_job_log, check_log_growth
from tests.simulator.validation.sample_objects import (
    DB_1,
    DB_2,
    completed_job,
    job,
    launch_log,
    launched,
    log_item,
    server,
    terminate_job,
    terminated,
)

Log = list[dict[str, Any]]


def messages(found_job: dict[str, Any], log: Log) -> list[str]:
    found = check_job_log(found_job, log)
    assert all(violation.check is Check.LOG_ORDER for violation in found)
    return [str(violation) for violation in found]


def frame(*items: dict[str, Any]) -> Log:
    return [log_item("10:00:00.300000", "JOB_START"), *items, log_item("10:08:53", "JOB_END")]


def test_a_whole_log_is_legal() -> None:
    assert messages(completed_job(), launch_log()) == []


def test_every_part_of_a_running_log_is_legal() -> None:
    log = launch_log()
    assert [messages(job(status="STARTED"), log[:length]) for length in range(len(log))] == [[]] * len(log)


def test_a_terminate_log_is_legal() -> None:
    done = terminate_job(
        status="COMPLETED",
        endDateTime="2026-03-01T10:08:53Z",
        participatingServers=[terminated(DB_1, "TERMINATED")],
    )
    log = frame(log_item("10:01:00", "CLEANUP_START", DB_1), log_item("10:02:00", "CLEANUP_END", DB_1))
    assert messages(done, log) == []
    assert messages(done, frame()) == []
    assert messages(done, frame(log_item("10:01:00", "SNAPSHOT_START", DB_1)))


@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
def test_a_skipped_server_is_legal(status: str) -> None:
    done = completed_job(participatingServers=[server(DB_1, status)])
    assert messages(done, frame(log_item("10:01:00", "SERVER_SKIPPED", DB_1))) == []


def test_a_cancelled_job_owes_no_outcome() -> None:
    done = completed_job(participatingServers=[server(DB_1)])
    assert messages(done, frame(log_item("10:01:00", "JOB_CANCEL"))) == []
    assert messages(done, frame())


def test_a_failed_step_may_be_tried_again() -> None:
    log = frame(
        log_item("10:00:01", "SNAPSHOT_START", DB_1),
        log_item("10:00:02", "SNAPSHOT_END", DB_1),
        log_item("10:01:00", "CONVERSION_START", DB_1),
        log_item("10:02:00", "CONVERSION_FAIL", DB_1, rawError="capacity", attemptCount=1),
        log_item("10:02:01", "CONVERSION_START", DB_1),
        log_item("10:03:00", "CONVERSION_END", DB_1),
        log_item("10:03:00", "LAUNCH_START", DB_1),
        log_item("10:04:00", "LAUNCH_END", DB_1),
    )
    assert messages(completed_job(participatingServers=[launched(DB_1, None)]), log) == []


def test_network_events_have_no_known_order() -> None:
    log = launch_log()
    log.insert(5, log_item("10:00:00.900000", "UPDATE_LAUNCH_TEMPLATE_START", DB_2))
    assert messages(completed_job(), log) == []


def index_of(log: Log, event: str, server_id: str = DB_1) -> int:
    wanted = [
        item["event"] == event and item["eventData"]["sourceServerID"] == server_id for item in log[1:-1]
    ]
    return wanted.index(True) + 1


def no_start(log: Log) -> None:
    del log[0]


def no_end(log: Log) -> None:
    del log[-1]


def two_starts(log: Log) -> None:
    log.insert(1, log[0])


def two_ends(log: Log) -> None:
    log.append(log[-1])


def goes_on_after_the_end(log: Log) -> None:
    log.insert(-2, log.pop())


def older_than_the_job(log: Log) -> None:
    log[0]["logDateTime"] = "2026-03-01T09:59:00+00:00"


def younger_than_the_end(log: Log) -> None:
    log[-1]["logDateTime"] = "2026-03-01T10:10:00+00:00"


def time_goes_back(log: Log) -> None:
    log[5]["logDateTime"] = "2026-03-01T10:00:00.400000+00:00"


def stranger(log: Log) -> None:
    log[3]["eventData"]["sourceServerID"] = "s-9999999999999999a"


def without_snapshot(log: Log) -> None:
    del log[index_of(log, "SNAPSHOT_START")]


def without_conversion_end(log: Log) -> None:
    del log[index_of(log, "CONVERSION_END")]


def launch_before_conversion(log: Log) -> None:
    log[index_of(log, "CONVERSION_START")]["event"] = "LAUNCH_START"


def cleanup_after_snapshot(log: Log) -> None:
    cleanup, snapshot = index_of(log, "CLEANUP_START"), index_of(log, "SNAPSHOT_START")
    log[cleanup]["event"], log[snapshot]["event"] = "SNAPSHOT_START", "CLEANUP_START"


def launched_without_launch_end(log: Log) -> None:
    del log[index_of(log, "LAUNCH_END")]


def launched_after_failure(log: Log) -> None:
    log[index_of(log, "LAUNCH_END")]["event"] = "LAUNCH_FAILED"


def failed_without_event(log: Log) -> None:
    del log[index_of(log, "CONVERSION_FAIL", DB_2)]


def silent_server(log: Log) -> None:
    log[:] = [item for item in log if item.get("eventData", {}).get("sourceServerID") != DB_2]


LOG_MUTATORS: list[Callable[[Log], None]] = [
    no_start,
    no_end,
    two_starts,
    two_ends,
    goes_on_after_the_end,
    older_than_the_job,
    younger_than_the_end,
    time_goes_back,
    stranger,
    without_snapshot,
    without_conversion_end,
    launch_before_conversion,
    cleanup_after_snapshot,
    launched_without_launch_end,
    launched_after_failure,
    failed_without_event,
    silent_server,
]


@pytest.mark.parametrize("mutate", LOG_MUTATORS, ids=lambda mutate: mutate.__name__)
def test_illegal_logs_are_caught(mutate: Callable[[Log], None]) -> None:
    log = launch_log()
    mutate(log)
    assert messages(completed_job(), log)


def test_no_single_event_of_a_server_can_be_dropped_or_doubled() -> None:
    log = launch_log()
    for index in range(1, len(log) - 1):
        # The failed snapshot is the one step with a way around it.
        around = log[index]["event"] == "SNAPSHOT_FAIL"
        assert around or messages(completed_job(), log[:index] + log[index + 1 :]), log[index]
        assert messages(completed_job(), log[: index + 1] + log[index:]), log[index]


def test_no_job_end_before_the_job_ends() -> None:
    assert messages(job(status="STARTED"), launch_log())


def test_a_log_only_grows() -> None:
    log = launch_log()
    assert check_log_growth(log[:4], log) == []
    assert check_log_growth(log, log) == []
    assert check_log_growth(log, log[:4])
    assert check_log_growth(log[1:4], log)

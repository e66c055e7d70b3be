from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from drs_simulator.validation import Check, Snapshot, TraceChecker, check_trace
from drs_simulator.validation.transitions import epoch
from tests.simulator.validation.sample_objects import (
    DB_1,
    DB_2,
    INSTANCE,
    INSTANCE_2,
    JOB,
    completed_job,
    job,
    launched,
    run,
    server,
    terminate_job,
)

START = epoch("2026-03-01T10:00:00Z")
END = epoch("2026-03-01T10:08:53.5Z")

Job = dict[str, Any]
Jobs = list[Job]


def actions(status: str) -> dict[str, Any]:
    return {
        "launchActionsStatus": {"ssmAgentDiscoveryDatetime": "2026-03-01T10:08:00Z", "runs": [run(status)]}
    }


def poll_jobs() -> Jobs:
    """One job as five polls see it."""
    return [
        job(),
        job(status="STARTED"),
        job(status="STARTED", participatingServers=[server(DB_1, "IN_PROGRESS"), server(DB_2, "FAILED")]),
        job(
            status="STARTED",
            participatingServers=[
                launched(DB_1, INSTANCE, **actions("IN_PROGRESS")),
                server(DB_2, "FAILED"),
            ],
        ),
        completed_job(),
        completed_job(),
    ]


def trace(jobs: Jobs) -> list[Snapshot]:
    """A poll every 150 seconds."""
    return [Snapshot(START + 150 * index, [seen]) for index, seen in enumerate(deepcopy(jobs))]


def messages(snapshots: list[Snapshot]) -> list[str]:
    found = check_trace(snapshots)
    assert all(violation.check is Check.TRANSITION for violation in found)
    return [str(violation) for violation in found]


def test_a_whole_drill_is_legal() -> None:
    assert messages(trace(poll_jobs())) == []


@pytest.mark.parametrize("seen", [(0, 4), (2, 4), (0, 3, 5), (4,), ()])
def test_polls_may_miss_states(seen: tuple[int, ...]) -> None:
    whole = trace(poll_jobs())
    assert messages([whole[index] for index in seen]) == []


def test_a_job_may_become_visible_late() -> None:
    assert messages([Snapshot(START, []), *trace(poll_jobs())[1:]]) == []


def test_a_terminate_job_may_lose_its_servers_at_the_end() -> None:
    end = {"status": "COMPLETED", "endDateTime": "2026-03-01T10:01:00Z"}
    done = terminate_job(**end, participatingServers=[])
    assert messages(trace([terminate_job(), terminate_job(status="STARTED"), done])) == []
    emptied_early = terminate_job(status="STARTED", participatingServers=[])
    assert messages(trace([terminate_job(), emptied_early]))


def test_an_instance_id_may_come_after_the_end() -> None:
    late = [
        completed_job(participatingServers=[launched(DB_1, None), server(DB_2, "FAILED")]),
        completed_job(),
    ]
    whole = trace(poll_jobs())
    assert (
        messages([*whole[:1], *[Snapshot(END + 60 * index, [seen]) for index, seen in enumerate(late)]]) == []
    )


JOB_MUTATORS: list[Callable[[Jobs], None]] = []


def job_mutator(mutate: Callable[[Jobs], None]) -> Callable[[Jobs], None]:
    JOB_MUTATORS.append(mutate)
    return mutate


def first_server(found: Job, **changes: Any) -> None:
    found["participatingServers"][0].update(changes)


@job_mutator
def status_back_to_pending(jobs: Jobs) -> None:
    jobs[3]["status"] = "PENDING"


@job_mutator
def reopened_after_the_end(jobs: Jobs) -> None:
    jobs[5]["status"] = "STARTED"
    del jobs[5]["endDateTime"]


@job_mutator
def unknown_status(jobs: Jobs) -> None:
    jobs[1]["status"] = "FAILED"


@job_mutator
def end_time_too_early(jobs: Jobs) -> None:
    jobs[1]["endDateTime"] = jobs[4]["endDateTime"]


@job_mutator
def end_time_missing(jobs: Jobs) -> None:
    del jobs[4]["endDateTime"]


@job_mutator
def end_time_rewritten(jobs: Jobs) -> None:
    jobs[5]["endDateTime"] = "2026-03-01T10:09:00.000Z"


@job_mutator
def end_before_creation(jobs: Jobs) -> None:
    for found in jobs[4:]:
        found["endDateTime"] = "2026-03-01T09:59:59.000Z"


@job_mutator
def end_in_the_future(jobs: Jobs) -> None:
    for found in jobs[4:]:
        found["endDateTime"] = "2026-03-01T11:00:00.000Z"


@job_mutator
def created_in_the_future(jobs: Jobs) -> None:
    for found in jobs:
        found["creationDateTime"] = "2026-03-01T10:03:00.000Z"


@job_mutator
def creation_rewritten(jobs: Jobs) -> None:
    jobs[2]["creationDateTime"] = "2026-03-01T10:00:01.000Z"


@job_mutator
def initiator_changed(jobs: Jobs) -> None:
    jobs[2]["initiatedBy"] = "START_RECOVERY"


@job_mutator
def arn_lost(jobs: Jobs) -> None:
    del jobs[2]["arn"]


@job_mutator
def server_lost(jobs: Jobs) -> None:
    jobs[2]["participatingServers"].pop()


@job_mutator
def server_joined(jobs: Jobs) -> None:
    jobs[2]["participatingServers"].append(server("s-9999999999999999a"))


@job_mutator
def server_twice(jobs: Jobs) -> None:
    jobs[2]["participatingServers"].append(server(DB_2, "FAILED"))


@job_mutator
def launched_and_back(jobs: Jobs) -> None:
    first_server(jobs[4], launchStatus="IN_PROGRESS")


@job_mutator
def launched_then_failed(jobs: Jobs) -> None:
    first_server(jobs[4], launchStatus="FAILED")


@job_mutator
def failed_then_launched(jobs: Jobs) -> None:
    jobs[4]["participatingServers"][1]["launchStatus"] = "LAUNCHED"


@job_mutator
def terminated_in_a_launch_job(jobs: Jobs) -> None:
    first_server(jobs[4], launchStatus="TERMINATED")


@job_mutator
def launched_after_the_end(jobs: Jobs) -> None:
    first_server(jobs[4], launchStatus="IN_PROGRESS")
    first_server(jobs[3], launchStatus="IN_PROGRESS")


@job_mutator
def launching_before_the_job_started(jobs: Jobs) -> None:
    first_server(jobs[0], launchStatus="IN_PROGRESS")


@job_mutator
def instance_swapped(jobs: Jobs) -> None:
    first_server(jobs[5], recoveryInstanceID=INSTANCE_2)


@job_mutator
def instance_lost(jobs: Jobs) -> None:
    del jobs[5]["participatingServers"][0]["recoveryInstanceID"]


@job_mutator
def action_run_reopened(jobs: Jobs) -> None:
    first_server(jobs[5], **actions("IN_PROGRESS"))


@job_mutator
def action_run_turned(jobs: Jobs) -> None:
    first_server(jobs[5], **actions("FAILED"))


@job_mutator
def action_runs_lost(jobs: Jobs) -> None:
    del jobs[5]["participatingServers"][0]["launchActionsStatus"]


@pytest.mark.parametrize("mutate", JOB_MUTATORS, ids=lambda mutate: mutate.__name__)
def test_illegal_traces_are_caught(mutate: Callable[[Jobs], None]) -> None:
    jobs = poll_jobs()
    mutate(jobs)
    found = messages(trace(jobs))
    assert found
    assert all(JOB in message for message in found)


def test_every_swap_of_two_different_polls_is_caught() -> None:
    jobs = poll_jobs()
    for first in range(len(jobs)):
        for second in range(first + 1, len(jobs)):
            swapped = list(jobs)
            swapped[first], swapped[second] = jobs[second], jobs[first]
            assert swapped == jobs or messages(trace(swapped)), (first, second)


def test_a_job_that_vanishes_is_caught_unless_deleted() -> None:
    whole = trace(poll_jobs())
    cut = [*whole[:-1], Snapshot(whole[-1].at, [])]
    assert messages(cut) == [f"DescribeJobs {JOB}: transition: vanished"]
    assert check_trace(cut, deleted=[JOB]) == []


def test_a_job_listed_twice_is_caught() -> None:
    first, second, *_ = trace(poll_jobs())
    twice = Snapshot(second.at, [*second.jobs, *second.jobs])
    assert messages([first, twice]) == [f"DescribeJobs {JOB}: transition: listed twice in one answer"]


def test_a_trace_that_goes_back_in_time_is_caught() -> None:
    first, second, *_ = trace(poll_jobs())
    back = Snapshot(first.at - 1, second.jobs)
    assert any("goes back in time" in message for message in messages([first, back]))


def test_the_checker_works_answer_by_answer() -> None:
    checker = TraceChecker()
    assert checker.observe([completed_job()]) == []
    (violation, *_) = checker.observe([job()])
    assert "COMPLETED cannot become PENDING" in str(violation)

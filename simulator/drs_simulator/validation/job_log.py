"""Legal order of a job's log, and its agreement with the job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from drs_simulator.validation.transition_table import (
    FIRST,
    LAST_EVENTS,
    SERVER_EVENT_STEPS,
    Steps,
)
from drs_simulator.validation.transitions import epoch, servers_by_id
from drs_simulator.validation.violations import Check, Violation

LogItem = Mapping[str, Any]
Fault = tuple[str, str]

SERVER_EVENTS = frozenset(SERVER_EVENT_STEPS["LAUNCH"]) - {FIRST}

# The job's own times may be cut to seconds, those of its log are not.
LOG_SLACK_SECONDS = 1.0


def check_job_log(job: Mapping[str, Any], items: Sequence[LogItem]) -> list[Violation]:
    """Check the whole log (all pages, oldest first) of `job` as DescribeJobs showed it at the same time.

    Order per server, times, the frame of JOB_START and JOB_END, and once the job has ended that each
    server's last event fits its status. Items whose own shape is wrong are `validate_response`'s to name.
    """
    return [
        Violation(Check.LOG_ORDER, "DescribeJobLogItems", f"{job.get('jobID')}.{path}", message)
        for path, message in _faults(job, items)
    ]


def check_log_growth(earlier: Sequence[LogItem], later: Sequence[LogItem]) -> list[Violation]:
    """Check that a log only grows: what an earlier poll showed stays as it was."""
    if list(later[: len(earlier)]) == list(earlier):
        return []
    return [Violation(Check.LOG_ORDER, "DescribeJobLogItems", "", "an earlier part of the log changed")]


def _faults(job: Mapping[str, Any], items: Sequence[LogItem]) -> Iterator[Fault]:
    yield from _frame_faults(job, [str(item.get("event")) for item in items])
    yield from _time_faults(job, items)
    servers = servers_by_id(job)
    steps = SERVER_EVENT_STEPS[str(job["type"])]
    last: dict[str, str] = {}
    for index, item in enumerate(items):
        server_id = item.get("eventData", {}).get("sourceServerID")
        if server_id is None:
            continue
        if servers and server_id not in servers:
            yield f"[{index}]", f"{server_id} takes no part in this job"
        yield from _event_faults(index, last.get(server_id, FIRST), str(item["event"]), steps)
        last[server_id] = str(item["event"])
    if job.get("status") == "COMPLETED" and not any(item.get("event") == "JOB_CANCEL" for item in items):
        yield from _outcome_faults(servers, last)


def _frame_faults(job: Mapping[str, Any], events: Sequence[str]) -> Iterator[Fault]:
    if events and events[0] != "JOB_START":
        yield "[0]", f"the log begins with {events[0]}"
    for event in ("JOB_START", "JOB_END"):
        if events.count(event) > 1:
            yield "", f"{event} occurs {events.count(event)} times"
    if "JOB_END" in events[:-1]:
        yield "", "the log goes on after JOB_END"
    ended = bool(events) and events[-1] == "JOB_END"
    if ended != (job.get("status") == "COMPLETED"):
        yield "", f"ends with JOB_END: {ended}, while the job is {job.get('status')}"


def _time_faults(job: Mapping[str, Any], items: Sequence[LogItem]) -> Iterator[Fault]:
    times = [epoch(item["logDateTime"]) for item in items]
    for index, (first, second) in enumerate(pairwise(times), start=1):
        if second < first:
            yield f"[{index}]", "is older than the item before it"
    if times and times[0] < epoch(job["creationDateTime"]) - LOG_SLACK_SECONDS:
        yield "[0]", "is older than the job"
    if times and "endDateTime" in job and times[-1] > epoch(job["endDateTime"]) + LOG_SLACK_SECONDS:
        yield f"[{len(times) - 1}]", "is younger than the end of the job"


def _event_faults(index: int, before: str, event: str, steps: Steps) -> Iterator[Fault]:
    # Events outside the table (network recovery) have no known order.
    if before in steps and event in SERVER_EVENTS and event not in steps[before]:
        yield f"[{index}]", f"{event} cannot follow {'nothing' if before == FIRST else before}"


def _outcome_faults(servers: Mapping[str, Mapping[str, Any]], last: Mapping[str, str]) -> Iterator[Fault]:
    for server_id, server in servers.items():
        status, event = str(server.get("launchStatus")), last.get(server_id, FIRST)
        if event not in LAST_EVENTS.get(status, frozenset()):
            yield server_id, f"{status} after {'no event' if event == FIRST else event}"

"""Legal transitions of jobs over a sequence of polls."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from drs_simulator.validation.transition_table import (
    CONSTANT_JOB_MEMBERS,
    JOB_STATUS_STEPS,
    LAUNCH_STATUS_STEPS,
    RUN_STATUS_STEPS,
    STATUSES_OF_A_STARTED_JOB,
    Steps,
    reachable,
)
from drs_simulator.validation.violations import Check, Violation

Job = Mapping[str, Any]
Fault = tuple[str, str]

# Times in answers may be cut to milliseconds.
TIME_SLACK_SECONDS = 0.001


@dataclass(frozen=True)
class Snapshot:
    """What one DescribeJobs answered: `at` in epoch seconds of the service's (simulated) clock."""

    at: float
    jobs: Sequence[Job]


@dataclass
class TraceChecker:
    """Compares each job with how it was last seen; feed it the answers in their order."""

    jobs: dict[str, Job] = field(default_factory=dict)

    def observe(self, jobs: Sequence[Job], at: float | None = None) -> list[Violation]:
        """The violations of these jobs; `at` in epoch seconds, or None when the time is not known."""
        found = []
        for job in jobs:
            job_id = str(job["jobID"])
            for path, message in _job_faults(self.jobs.get(job_id, {}), job, at):
                found.append(Violation(Check.TRANSITION, "DescribeJobs", f"{job_id}.{path}", message))
            self.jobs[job_id] = job
        return found


def check_trace(trace: Sequence[Snapshot], *, deleted: Collection[str] = ()) -> list[Violation]:
    """Check polls of the same jobs, in order: statuses, times, participants, and that no job vanishes.

    Every snapshot is the whole answer (all pages) to one and the same filter; `deleted` names jobs that
    DeleteJob removed meanwhile. The jobs must be well formed: run `validate_response` first.
    """
    checker = TraceChecker()
    found: list[Violation] = []
    before: Snapshot | None = None
    for snapshot in trace:
        if before is not None:
            found += [
                Violation(Check.TRANSITION, "DescribeJobs", path, message)
                for path, message in _snapshot_faults(before, snapshot, deleted)
            ]
        found += checker.observe(snapshot.jobs, snapshot.at)
        before = snapshot
    return found


def epoch(text: str) -> float:
    """Epoch seconds of a time in an answer; a time without offset is UTC."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _snapshot_faults(before: Snapshot, after: Snapshot, deleted: Collection[str]) -> Iterator[Fault]:
    if after.at < before.at:
        yield "", f"the trace goes back in time, from {before.at} to {after.at}"
    visible = [job["jobID"] for job in after.jobs]
    for job_id in sorted({str(job_id) for job_id in visible if visible.count(job_id) > 1}):
        yield job_id, "listed twice in one answer"
    for job in before.jobs:
        if job["jobID"] not in visible and job["jobID"] not in deleted:
            yield str(job["jobID"]), "vanished"


def _job_faults(before: Job, after: Job, at: float | None) -> Iterator[Fault]:
    yield from _constant_faults(before, after)
    yield from _step_faults("status", before.get("status"), after.get("status"), JOB_STATUS_STEPS)
    yield from _time_faults(after, at)
    yield from _end_faults(before, after)
    yield from _participant_faults(before, after)
    yield from _status_faults(after)
    steps = LAUNCH_STATUS_STEPS.get(str(after.get("type")), {})
    old_servers = servers_by_id(before)
    for server_id, server in servers_by_id(after).items():
        for path, message in _server_faults(old_servers.get(server_id, {}), server, steps):
            yield f"{server_id}.{path}", message


def servers_by_id(job: Job) -> dict[str, Mapping[str, Any]]:
    """The participating servers of a job by source server ID."""
    return {str(server.get("sourceServerID")): server for server in job.get("participatingServers", ())}


def _constant_faults(before: Job, after: Job) -> Iterator[Fault]:
    for name in CONSTANT_JOB_MEMBERS:
        if name in before and before[name] != after.get(name):
            yield name, f"changed from {before[name]} to {after.get(name)}"


def _step_faults(path: str, before: str | None, after: str | None, steps: Steps) -> Iterator[Fault]:
    if after not in steps:
        yield path, f"{after} has no place here"
    elif before is not None and before != after and after not in reachable(steps).get(before, ()):
        yield path, f"{before} cannot become {after}"


def _time_faults(job: Job, at: float | None) -> Iterator[Fault]:
    times = [(name, epoch(job[name])) for name in ("creationDateTime", "endDateTime") if name in job]
    if at is not None:
        times.append(("", at + TIME_SLACK_SECONDS))
    for (earlier, first), (later, second) in pairwise(times):
        if first > second:
            yield earlier, f"lies after {later or 'the poll that shows it'}"


def _end_faults(before: Job, after: Job) -> Iterator[Fault]:
    if ("endDateTime" in after) != (after.get("status") == "COMPLETED"):
        yield "endDateTime", f"present: {'endDateTime' in after}, while the job is {after.get('status')}"
    if "endDateTime" in before and before["endDateTime"] != after.get("endDateTime"):
        yield "endDateTime", f"changed from {before['endDateTime']} to {after.get('endDateTime')}"


def _participant_faults(before: Job, after: Job) -> Iterator[Fault]:
    server_ids = [server.get("sourceServerID") for server in after.get("participatingServers", ())]
    if len(server_ids) != len(set(server_ids)):
        yield "participatingServers", "names a server twice"
    # A terminate job is known to lose its participants when it completes.
    emptied = not server_ids and (after.get("type"), after.get("status")) == ("TERMINATE", "COMPLETED")
    if "participatingServers" in before and not emptied and set(server_ids) != set(servers_by_id(before)):
        yield "participatingServers", "the set of servers changed"


def _status_faults(job: Job) -> Iterator[Fault]:
    for server_id, server in servers_by_id(job).items():
        status = server.get("launchStatus")
        if job.get("status") == "PENDING" and status in STATUSES_OF_A_STARTED_JOB:
            yield f"{server_id}.launchStatus", f"{status} in a job that has not started"
        if job.get("status") == "COMPLETED" and status == "IN_PROGRESS":
            yield f"{server_id}.launchStatus", f"{status} in a job that has ended"


def _server_faults(before: Mapping[str, Any], after: Mapping[str, Any], steps: Steps) -> Iterator[Fault]:
    yield from _step_faults("launchStatus", before.get("launchStatus"), after.get("launchStatus"), steps)
    if "recoveryInstanceID" in before and before["recoveryInstanceID"] != after.get("recoveryInstanceID"):
        yield "recoveryInstanceID", f"changed from {before['recoveryInstanceID']}"
    old_runs, runs = _runs(before), _runs(after)
    for run_id in old_runs.keys() - runs.keys():
        yield f"runs[{run_id}]", "vanished"
    for run_id, status in runs.items():
        yield from _step_faults(f"runs[{run_id}].status", old_runs.get(run_id), status, RUN_STATUS_STEPS)


def _runs(server: Mapping[str, Any]) -> dict[str, str]:
    runs = server.get("launchActionsStatus", {}).get("runs", ())
    return {str(run.get("runId")): str(run.get("status")) for run in runs}

"""DRS's jobs and their logs as typed values.

Values of an enum that this package does not know are kept as text (``unknown_values`` shows them). Any member may be
missing: a row is read as far as it goes, and ``unread`` says what of it could not be. Rows that cannot be told apart
(a job without an id) are left out, with a line in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drs_provider.core.answers import Members
from drs_provider.core.states import LaunchStatus
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView

log = logging.getLogger(__name__)

JOB_STATUSES = frozenset({"PENDING", "STARTED", "COMPLETED"})
JOB_TYPES = frozenset({"LAUNCH", "TERMINATE", "CREATE_CONVERTED_SNAPSHOT"})
RUN_STATUSES = frozenset({"IN_PROGRESS", "SUCCEEDED", "FAILED"})
LAUNCH_STATUSES = frozenset(status.value for status in LaunchStatus)


@dataclass(frozen=True)
class LaunchActionRun:
    """One post-launch action of a server.

    :param optional: True if its failure is not fatal
    :param status: IN_PROGRESS, SUCCEEDED or FAILED
    """

    name: str
    action_id: str
    optional: bool
    status: str
    failure_reason: str | None = None

    @classmethod
    def of(cls, data: Members) -> LaunchActionRun:
        """Read one of ``launchActionsStatus.runs``."""
        action = data.part("action")
        action_id = action.text("actionId") or data.text("runId")
        return cls(
            name=action.text("name") or action_id or "post-launch action",
            action_id=action_id,
            optional=action.flag("optional") is True,
            status=data.text("status") or "IN_PROGRESS",
            failure_reason=data.text("failureReason") or None,
        )


@dataclass(frozen=True)
class JobServerView:
    """A server in a job.

    :param source_server_id: empty if DRS names only its instance, as terminate jobs of others may
    :param recovery_instance_id: not in any recorded launch job, even of servers that are LAUNCHED; the job's log tells
        it (:func:`launched_instances`), or the recovery instance whose ``jobID`` is the job
    """

    source_server_id: str
    launch_status: str = LaunchStatus.PENDING.value
    recovery_instance_id: str | None = None
    launch_actions: tuple[LaunchActionRun, ...] = ()

    @classmethod
    def of(cls, data: Members) -> JobServerView:
        """Read one of ``participatingServers``."""
        runs = data.part("launchActionsStatus").parts("runs")
        return cls(
            source_server_id=data.text("sourceServerID"),
            launch_status=data.text("launchStatus") or LaunchStatus.PENDING.value,
            recovery_instance_id=data.text("recoveryInstanceID") or None,
            launch_actions=tuple(LaunchActionRun.of(run) for run in runs),
        )


@dataclass(frozen=True)
class JobView:
    """A DRS job; times are epoch seconds. A job never fails, its servers do.

    :param ended_at: None until it is COMPLETED
    :param servers: none for a job about networks, which has ``participatingResources`` instead
    :param unnamed: servers of the job that DRS lists without their id
    :param unread: members in a form that cannot be read, as ``member=value``
    """

    job_id: str
    type: str = "LAUNCH"
    initiated_by: str = ""
    status: str = "PENDING"
    created_at: float | None = None
    ended_at: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    servers: tuple[JobServerView, ...] = ()
    unnamed: tuple[JobServerView, ...] = ()
    unread: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> JobView:
        """Read a ``Job``; one without ``jobID`` gets an empty id."""
        job = Members(data)
        servers = [JobServerView.of(item) for item in job.parts("participatingServers")]
        ended_at = job.moment("endDateTime")
        return cls(
            job_id=job.text("jobID"),
            type=job.text("type"),
            initiated_by=job.text("initiatedBy"),
            # Without a status, only an end tells that it does not run any more.
            status=job.text("status") or ("PENDING" if ended_at is None else "COMPLETED"),
            created_at=job.moment("creationDateTime"),
            ended_at=ended_at,
            tags=job.tags(),
            servers=tuple(row for row in servers if row.source_server_id),
            unnamed=tuple(row for row in servers if not row.source_server_id),
            unread=tuple(job.notes),
        )

    @property
    def completed(self) -> bool:
        """Whether DRS has finished with it, whatever became of its servers."""
        return self.status == "COMPLETED"

    @property
    def server_ids(self) -> frozenset[str]:
        """Source server ids in the job."""
        return frozenset(server.source_server_id for server in self.servers)

    @property
    def server_count(self) -> int:
        """How many servers the job holds, those that DRS does not name included."""
        return len(self.server_ids) + len(self.unnamed)

    @property
    def instance_ids(self) -> frozenset[str]:
        """Recovery instance ids that the job names; a terminate job may name nothing else."""
        rows = (*self.servers, *self.unnamed)
        return frozenset(row.recovery_instance_id for row in rows if row.recovery_instance_id)

    def server(self, source_server_id: str) -> JobServerView | None:
        """Return the job's row of a server, or None if it is not in the job."""
        return next((row for row in self.servers if row.source_server_id == source_server_id), None)

    def with_instances(self, instance_ids: Mapping[str, str]) -> JobView:
        """Return the job with the instance ids that its own rows leave out.

        :param instance_ids: by source server, from :func:`launched_instances`
        """
        rows = tuple(
            replace(
                row,
                recovery_instance_id=row.recovery_instance_id or instance_ids.get(row.source_server_id),
            )
            for row in self.servers
        )
        return replace(self, servers=rows)

    def told_by(self, views: Iterable[RecoveryInstanceView]) -> dict[str, str]:
        """Return the instances of this job that recovery instances tell, by source server."""
        mine = [view for view in views if view.job_id == self.job_id and view.instance_id]
        return {view.source_server_id: view.instance_id for view in mine}

    def untold(self, known: Collection[str] = ()) -> tuple[str, ...]:
        """Return the servers that were launched, and whose instances nothing tells: they may run in EC2.

        One that DRS does not name has a description for its id; a COMPLETED job without servers has one such.

        :param known: servers whose instance something else than the job tells
        """
        silent = [
            row.source_server_id
            for row in (*self.servers, *self.unnamed)
            if row.launch_status == LaunchStatus.LAUNCHED and row.recovery_instance_id is None
        ]
        nameless = silent.count("") or int(self.completed and not self.server_count)
        hidden = nameless - len(set(known) - self.server_ids)
        named = [server for server in silent if server and server not in known]
        return (*named, *[f"{hidden} servers that DRS does not name"] * (hidden > 0))

    def lacks_instances(self, views: Iterable[RecoveryInstanceView]) -> bool:
        """Whether a server was launched whose instance neither the job nor one of the recovery instances tells."""
        return bool(self.untold(self.told_by(views)))

    @property
    def unknown_values(self) -> tuple[str, ...]:
        """Enum values that this package does not know, as ``member=value``, for logs and reports."""
        found = []
        if self.status not in JOB_STATUSES:
            found.append(f"status={self.status}")
        if self.type not in JOB_TYPES:
            found.append(f"type={self.type}")
        for row in self.servers:
            if row.launch_status not in LAUNCH_STATUSES:
                found.append(f"{row.source_server_id}.launchStatus={row.launch_status}")
            found.extend(
                f"{row.source_server_id}.{run.name}.status={run.status}"
                for run in row.launch_actions
                if run.status not in RUN_STATUSES
            )
        return tuple(found)


@dataclass(frozen=True)
class LogEvent:
    """A line of a job's log.

    :param at: epoch seconds, None if DRS sent no time
    :param source_server_id: None for events of the whole job
    :param raw_error: DRS's or AWS's own words about a failure
    :param job_id: the job whose log it is from; keeps the logs of several attempts apart
    """

    event: str
    at: float | None = None
    source_server_id: str | None = None
    target_instance_id: str | None = None
    raw_error: str | None = None
    job_id: str | None = None

    @classmethod
    def from_api(cls, data: Mapping[str, Any], *, job_id: str | None = None) -> LogEvent:
        """Read a ``JobLog``; DRS does not say in it which job it belongs to."""
        line = Members(data)
        details = line.part("eventData")
        return cls(
            event=line.text("event"),
            at=line.moment("logDateTime"),
            source_server_id=details.text("sourceServerID") or None,
            target_instance_id=details.text("targetInstanceID") or None,
            raw_error=details.text("rawError") or None,
            job_id=job_id,
        )


def parse_jobs(items: Iterable[Mapping[str, Any]]) -> tuple[JobView, ...]:
    """Read the ``items`` of DescribeJobs; a job without an id cannot be followed, and is left out."""
    jobs = [JobView.from_api(item) for item in items]
    for job in jobs:
        if not job.job_id or job.unread:
            log.warning("DescribeJobs: job %s, not readable: %s", job.job_id or "without jobID", job.unread)
    return tuple(job for job in jobs if job.job_id)


def parse_log(items: Iterable[Mapping[str, Any]], job_id: str) -> tuple[LogEvent, ...]:
    """Read the ``items`` of DescribeJobLogItems of one job; lines that name no event are left out."""
    events = (LogEvent.from_api(item, job_id=job_id) for item in items)
    return tuple(event for event in events if event.event)


def launched_instances(events: Iterable[LogEvent]) -> dict[str, str]:
    """Return the instance ids that a job's log tells, by source server; of several launches the last counts.

    :param events: log of one job, oldest first
    """
    return {
        event.source_server_id: event.target_instance_id
        for event in events
        if event.event == "LAUNCH_END" and event.source_server_id and event.target_instance_id
    }

"""DRS's answers as typed values.

Values of an enum that this package does not know are kept as text (``unknown_values`` shows them), and
optional members may be missing; an id or a time that is malformed is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drs_provider.plan.drs_time import parse_time
from drs_provider.plan.states import LaunchStatus

JOB_STATUSES = frozenset({"PENDING", "STARTED", "COMPLETED"})
JOB_TYPES = frozenset({"LAUNCH", "TERMINATE", "CREATE_CONVERTED_SNAPSHOT"})
RUN_STATUSES = frozenset({"IN_PROGRESS", "SUCCEEDED", "FAILED"})
LAUNCH_STATUSES = frozenset(status.value for status in LaunchStatus)
# EC2 states in which the machine is gone, or past saving.
GONE_EC2_STATES = frozenset({"TERMINATED", "NOT_FOUND", "SHUTTING-DOWN"})


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"DRS sent no {name}: {dict(data)!r}")
    return value


def _time(data: Mapping[str, Any], name: str) -> float | None:
    value = data.get(name)
    return None if value is None else parse_time(value)


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
    def from_api(cls, data: Mapping[str, Any]) -> LaunchActionRun:
        """Read one of ``launchActionsStatus.runs``."""
        action = data.get("action") or {}
        action_id = action.get("actionId") or data.get("runId") or ""
        return cls(
            name=action.get("name") or action_id or "post-launch action",
            action_id=action_id,
            optional=bool(action.get("optional", False)),
            status=data.get("status") or "IN_PROGRESS",
            failure_reason=data.get("failureReason") or None,
        )


@dataclass(frozen=True)
class JobServerView:
    """A server in a job.

    :param recovery_instance_id: not in any recorded launch job, even of servers that are LAUNCHED; the job's log tells
        it (:func:`launched_instances`), or the recovery instance whose ``jobID`` is the job
    """

    source_server_id: str
    launch_status: str = LaunchStatus.PENDING.value
    recovery_instance_id: str | None = None
    launch_actions: tuple[LaunchActionRun, ...] = ()

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> JobServerView:
        """Read one of ``participatingServers``.

        :raises ValueError: if it has no source server id
        """
        runs = (data.get("launchActionsStatus") or {}).get("runs") or ()
        return cls(
            source_server_id=_text(data, "sourceServerID"),
            launch_status=data.get("launchStatus") or LaunchStatus.PENDING.value,
            recovery_instance_id=data.get("recoveryInstanceID") or None,
            launch_actions=tuple(LaunchActionRun.from_api(run) for run in runs),
        )


@dataclass(frozen=True)
class JobView:
    """A DRS job; times are epoch seconds. A job never fails, its servers do.

    :param ended_at: None until it is COMPLETED
    """

    job_id: str
    type: str = "LAUNCH"
    initiated_by: str = ""
    status: str = "PENDING"
    created_at: float | None = None
    ended_at: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    servers: tuple[JobServerView, ...] = ()

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> JobView:
        """Read a ``Job``.

        :raises ValueError: if an id is missing or a time is malformed
        """
        return cls(
            job_id=_text(data, "jobID"),
            type=data.get("type") or "",
            initiated_by=data.get("initiatedBy") or "",
            status=data.get("status") or "PENDING",
            created_at=_time(data, "creationDateTime"),
            ended_at=_time(data, "endDateTime"),
            tags=dict(data.get("tags") or {}),
            servers=tuple(JobServerView.from_api(item) for item in data.get("participatingServers") or ()),
        )

    @property
    def completed(self) -> bool:
        """Whether DRS has finished with it, whatever became of its servers."""
        return self.status == "COMPLETED"

    @property
    def server_ids(self) -> frozenset[str]:
        """Source server ids in the job."""
        return frozenset(server.source_server_id for server in self.servers)

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

    def lacks_instances(self, views: Iterable[RecoveryInstanceView]) -> bool:
        """Whether a server was launched whose instance neither the job nor one of the recovery instances tells."""
        told = {view.source_server_id for view in views if view.job_id == self.job_id}
        return any(
            row.launch_status == LaunchStatus.LAUNCHED
            and row.recovery_instance_id is None
            and row.source_server_id not in told
            for row in self.servers
        )

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
        """Read a ``JobLog``; DRS does not say in it which job it belongs to.

        :raises ValueError: if it names no event or its time is malformed
        """
        event_data = data.get("eventData") or {}
        return cls(
            event=_text(data, "event"),
            at=_time(data, "logDateTime"),
            source_server_id=event_data.get("sourceServerID") or None,
            target_instance_id=event_data.get("targetInstanceID") or None,
            raw_error=event_data.get("rawError") or None,
            job_id=job_id,
        )


@dataclass(frozen=True)
class RecoveryInstanceView:
    """A recovery instance as DRS knows it.

    :param job_id: the job that launched it; with ``is_drill`` the test of whose it is
    :param point_in_time: epoch seconds of the snapshot it was launched from
    """

    recovery_instance_id: str
    ec2_instance_id: str | None
    ec2_state: str
    source_server_id: str
    job_id: str | None
    is_drill: bool
    point_in_time: float | None = None

    @classmethod
    def from_api(cls, data: Mapping[str, Any]) -> RecoveryInstanceView:
        """Read a ``RecoveryInstance``. One that does not say that it is a drill's counts as live.

        :raises ValueError: if an id is missing or a time is malformed
        """
        instance_id = data.get("ec2InstanceID") or None
        return cls(
            recovery_instance_id=_text(data, "recoveryInstanceID"),
            ec2_instance_id=instance_id,
            ec2_state=data.get("ec2InstanceState") or "",
            source_server_id=_text(data, "sourceServerID"),
            job_id=data.get("jobID") or None,
            is_drill=data.get("isDrill") is True,
            point_in_time=_time(data, "pointInTimeSnapshotDateTime"),
        )

    @property
    def exists(self) -> bool:
        """Whether the machine is there; a state that DRS does not tell, or that is new, counts as there."""
        return self.ec2_state not in GONE_EC2_STATES

    @property
    def instance_id(self) -> str:
        """EC2 instance id; DRS gives its recovery instances the same id."""
        return self.ec2_instance_id or self.recovery_instance_id


def parse_jobs(items: Iterable[Mapping[str, Any]]) -> tuple[JobView, ...]:
    """Read the ``items`` of DescribeJobs."""
    return tuple(JobView.from_api(item) for item in items)


def parse_log(items: Iterable[Mapping[str, Any]], *, job_id: str | None = None) -> tuple[LogEvent, ...]:
    """Read the ``items`` of DescribeJobLogItems of one job."""
    return tuple(LogEvent.from_api(item, job_id=job_id) for item in items)


def launched_instances(events: Iterable[LogEvent]) -> dict[str, str]:
    """Return the instance ids that a job's log tells, by source server; of several launches the last counts.

    :param events: log of one job, oldest first
    """
    return {
        event.source_server_id: event.target_instance_id
        for event in events
        if event.event == "LAUNCH_END" and event.source_server_id and event.target_instance_id
    }


def instances_by_server(items: Iterable[Mapping[str, Any]]) -> dict[str, RecoveryInstanceView]:
    """Read the ``items`` of DescribeRecoveryInstances, by source server.

    DRS keeps one recovery instance per server. Should it list more, one that exists wins, and among those one that is
    no drill's: it is the one that a launch must not destroy.
    """
    found: dict[str, RecoveryInstanceView] = {}
    for item in items:
        view = RecoveryInstanceView.from_api(item)
        known = found.get(view.source_server_id)
        if known is None or (view.exists, not view.is_drill) > (known.exists, not known.is_drill):
            found[view.source_server_id] = view
    return found

"""The things DRS knows: source servers, jobs, recovery instances. State only; times are epoch seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from drs_simulator.scenario import RecoveryPlanSpec
from drs_simulator.server_spec import LaunchActionSpec, ServerSpec

END_BEFORE_JOB_END_SECONDS = 0.026
"""So much earlier than the time of JOB_END lies a recorded job's ``endDateTime``."""


@dataclass(frozen=True, slots=True)
class Place:
    """An account and Region."""

    account_id: str
    region: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a call, and which actions the caller lacks."""

    account_id: str
    arn: str
    session_name: str | None = None
    denied: tuple[str, ...] = ()
    expires_at: float | None = None
    """When the credentials end, in wall time; None for those that do not."""
    allowed: tuple[str, ...] = ("*",)
    """What it may do at most; of a role that was made through IAM, what its policies allow."""

    def lacks(self, action: str) -> bool:
        """Whether ``service:Operation`` is denied to this caller, or not allowed."""
        return _matches(action, self.denied) or not _matches(action, self.allowed)


def _matches(action: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


@dataclass(slots=True)
class LaunchConfiguration:
    """How a server is launched."""

    name: str
    template_id: str
    disposition: str
    right_sizing: str
    copy_private_ip: bool
    copy_tags: bool
    os_byol: bool
    post_launch: bool
    into_instance_id: str | None = None
    recovery_mode: str = "FAST"


@dataclass(slots=True)
class LastLaunch:
    """A server's latest launch."""

    job_id: str
    at: float
    is_drill: bool
    status: str = "PENDING"


@dataclass(slots=True)
class SourceServer:
    """A replicating server."""

    spec: ServerSpec
    arn: str
    tags: dict[str, str]
    added_at: float
    lag_at: float
    """When the scenario's lag was true; a broken replication's lag grows from here."""
    launch: LaunchConfiguration
    shares_replicator: bool = False
    """Whether another server's replication server, which was there before, serves it, too."""
    attempts: int = 0
    busy_with: str | None = None
    recovery_instance_id: str | None = None
    last_launch: LastLaunch | None = None
    last_result: str = "NOT_STARTED"

    @property
    def server_id(self) -> str:
        """The source server id."""
        return self.spec.id


@dataclass(slots=True)
class LogItem:
    """One line of a job's log."""

    at: float
    event: str
    data: dict[str, Any]


@dataclass(slots=True)
class ActionRun:
    """A post-launch action at work."""

    action: LaunchActionSpec
    action_id: str
    run_id: str
    status: str = "IN_PROGRESS"
    failure_reason: str | None = None


@dataclass(slots=True)
class JobServer:
    """A server's part in a job."""

    server_id: str
    launch_status: str = "PENDING"
    instance_id: str | None = None
    instance_named: bool = False
    """Whether the job's row shows ``recoveryInstanceID``; recorded launch jobs never do."""
    agent_found_at: float | None = None
    runs: list[ActionRun] = field(default_factory=list)


@dataclass(slots=True)
class Job:
    """A launch or terminate job."""

    job_id: str
    number: int
    arn: str
    kind: str
    initiated_by: str
    created_at: float
    servers: list[JobServer]
    tags: dict[str, str]
    visible_at: float
    tags_visible_at: float | None
    status: str = "PENDING"
    ended_at: float | None = None
    log: list[LogItem] = field(default_factory=list)
    view: dict[str, Any] | None = None
    """The rendered job; dropped by :meth:`touch` whenever something changes."""

    @property
    def is_drill(self) -> bool:
        """Whether the job launches drill instances."""
        return self.initiated_by == "START_DRILL"

    @property
    def open(self) -> bool:
        """Whether the job still counts against the quotas."""
        return self.status != "COMPLETED"

    def touch(self) -> None:
        """Note that something changed."""
        self.view = None

    def complete(self, at: float) -> None:
        """Complete the job, whose JOB_END is logged at ``at``."""
        self.status = "COMPLETED"
        self.ended_at = at - END_BEFORE_JOB_END_SECONDS
        self.touch()

    def note(self, at: float, event: str, **data: Any) -> None:
        """Add a line to the job's log."""
        self.log.append(LogItem(at, event, {k: v for k, v in data.items() if v is not None}))


@dataclass(slots=True)
class RecoveryInstance:
    """What DRS knows of a launched server."""

    instance_id: str
    server_id: str
    arn: str
    job_id: str
    is_drill: bool
    point_in_time: float
    launched_at: float
    tags: dict[str, str]
    connected: bool = True


@dataclass(slots=True)
class RegionState:
    """DRS in one account and Region."""

    place: Place
    initialized: bool = False
    page_size: int = 100
    servers: dict[str, SourceServer] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    instances: dict[str, RecoveryInstance] = field(default_factory=dict)
    plans: list[RecoveryPlanSpec] = field(default_factory=list)
    job_count: int = 0

    def arn(self, kind: str, resource_id: str) -> str:
        """The ARN of a resource of this account and Region."""
        return f"arn:aws:drs:{self.place.region}:{self.place.account_id}:{kind}/{resource_id}"

    def open_jobs(self) -> Iterator[Job]:
        """Jobs that are not completed."""
        return (job for job in self.jobs.values() if job.open)

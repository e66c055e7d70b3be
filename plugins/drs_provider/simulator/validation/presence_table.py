"""The members that must be there in each state, as data: nearly everything in the model is optional.

Paths are dotted, inside the object. A condition that begins with a shape's name ("Job.type") looks at the
nearest enclosing object of that shape, and its rule rests when there is none. `Basis.ASSUMED` marks what no
published text or recorded answer of the service settles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Basis(StrEnum):
    """What a rule rests on."""

    DOCUMENTED = "documented"
    ASSUMED = "assumed"


class Condition(Enum):
    """A condition on a member that is not a set of values."""

    PRESENT = "present"


Values = tuple[object, ...] | Condition


@dataclass(frozen=True)
class PresenceRule:
    """What an object of `shape` holds while every condition of `when` is met."""

    shape: str
    when: Mapping[str, Values] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    not_empty: tuple[str, ...] = ()
    values: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    equal: tuple[tuple[str, str], ...] = ()
    basis: Basis = Basis.DOCUMENTED


_ANSWERS = (
    PresenceRule("DescribeJobsResponse", present=("items",)),
    PresenceRule("DescribeJobLogItemsResponse", present=("items",)),
    PresenceRule("DescribeSourceServersResponse", present=("items",)),
    PresenceRule("DescribeRecoveryInstancesResponse", present=("items",)),
    PresenceRule("DescribeRecoverySnapshotsResponse", present=("items",)),
    PresenceRule("ListLaunchActionsResponse", present=("items",)),
    PresenceRule("ListStagingAccountsResponse", present=("accounts",)),
    PresenceRule("ListTagsForResourceResponse", present=("tags",)),
    PresenceRule(
        "StartRecoveryResponse",
        present=("job",),
        values={
            "job.type": ("LAUNCH",),
            "job.status": ("PENDING",),
            "job.initiatedBy": ("START_RECOVERY", "START_DRILL"),
        },
    ),
    PresenceRule(
        "TerminateRecoveryInstancesResponse",
        present=("job",),
        values={"job.type": ("TERMINATE",), "job.status": ("PENDING",)},
    ),
    PresenceRule("Account", present=("accountID",)),
)

_JOBS = (
    PresenceRule("Job", present=("jobID", "arn", "type", "initiatedBy", "creationDateTime", "status")),
    PresenceRule("Job", when={"status": ("PENDING", "STARTED")}, absent=("endDateTime",)),
    PresenceRule("Job", when={"status": ("COMPLETED",)}, present=("endDateTime",)),
    PresenceRule(
        "Job",
        when={"initiatedBy": ("START_RECOVERY", "START_DRILL")},
        not_empty=("participatingServers",),
        values={"type": ("LAUNCH",)},
    ),
    PresenceRule(
        "Job", when={"type": ("TERMINATE",)}, values={"initiatedBy": ("TERMINATE_RECOVERY_INSTANCES",)}
    ),
    PresenceRule(
        "Job", when={"type": ("CREATE_CONVERTED_SNAPSHOT",)}, values={"initiatedBy": ("TARGET_ACCOUNT",)}
    ),
)

_PARTICIPATING_SERVERS = (
    PresenceRule("ParticipatingServer", present=("sourceServerID", "launchStatus")),
    # LAUNCHED demands no recoveryInstanceID: no recorded job has it.
    PresenceRule(
        "ParticipatingServer",
        when={"Job.type": ("LAUNCH",), "launchStatus": ("PENDING",)},
        absent=("recoveryInstanceID",),
        basis=Basis.ASSUMED,
    ),
    PresenceRule("ParticipatingServer", when={"Job.type": ("LAUNCH",)}, present=("launchActionsStatus",)),
    PresenceRule(
        "ParticipatingServer",
        when={"Job.type": ("LAUNCH",)},
        values={"launchStatus": ("PENDING", "IN_PROGRESS", "LAUNCHED", "FAILED")},
        basis=Basis.ASSUMED,
    ),
    PresenceRule(
        "ParticipatingServer",
        when={"Job.type": ("TERMINATE",)},
        present=("recoveryInstanceID",),
        absent=("launchActionsStatus",),
        values={"launchStatus": ("PENDING", "IN_PROGRESS", "TERMINATED", "FAILED")},
        basis=Basis.ASSUMED,
    ),
    PresenceRule("ParticipatingResource", present=("participatingResourceID", "launchStatus")),
)

_LAUNCH_ACTIONS = (
    PresenceRule(
        "LaunchAction", present=("actionId", "actionCode", "type", "name", "order", "active", "optional")
    ),
    PresenceRule("LaunchActionsStatus", present=("runs",), basis=Basis.ASSUMED),
    PresenceRule("LaunchActionRun", present=("action", "runId", "status")),
    PresenceRule("LaunchActionRun", when={"status": ("FAILED",)}, present=("failureReason",)),
    PresenceRule("LaunchActionRun", when={"status": ("IN_PROGRESS", "SUCCEEDED")}, absent=("failureReason",)),
)

_SERVER_EVENTS = (
    "SERVER_SKIPPED",
    "CLEANUP_START",
    "CLEANUP_END",
    "CLEANUP_FAIL",
    "SNAPSHOT_START",
    "SNAPSHOT_END",
    "SNAPSHOT_FAIL",
    "USING_PREVIOUS_SNAPSHOT",
    "USING_PREVIOUS_SNAPSHOT_FAILED",
    "CONVERSION_START",
    "CONVERSION_END",
    "CONVERSION_FAIL",
    "LAUNCH_START",
    "LAUNCH_END",
    "LAUNCH_FAILED",
)
_FAILURE_EVENTS = tuple(event for event in _SERVER_EVENTS if event.endswith(("_FAIL", "_FAILED")))

_LOG = (
    PresenceRule("JobLog", present=("logDateTime", "event")),
    PresenceRule("JobLog", when={"event": _SERVER_EVENTS}, present=("eventData.sourceServerID",)),
    PresenceRule("JobLog", when={"event": ("JOB_START", "JOB_END")}, absent=("eventData.sourceServerID",)),
    PresenceRule(
        "JobLog", when={"event": _FAILURE_EVENTS}, present=("eventData.rawError",), basis=Basis.ASSUMED
    ),
)

_REPLICATION = (
    PresenceRule("DataReplicationInfo", present=("dataReplicationState",)),
    PresenceRule(
        "DataReplicationInfo",
        when={"dataReplicationState": ("CONTINUOUS",)},
        present=("lagDuration", "replicatedDisks"),
        absent=("dataReplicationError",),
        basis=Basis.ASSUMED,
    ),
    PresenceRule(
        "DataReplicationInfo",
        when={"dataReplicationState": ("STALLED",)},
        present=("dataReplicationError.error",),
        basis=Basis.ASSUMED,
    ),
    PresenceRule(
        "DataReplicationInfoReplicatedDisk",
        present=("deviceName", "totalStorageBytes", "replicatedStorageBytes", "backloggedStorageBytes"),
        basis=Basis.ASSUMED,
    ),
    PresenceRule("LifeCycle", present=("addedToServiceDateTime",), basis=Basis.ASSUMED),
    PresenceRule(
        "LifeCycleLastLaunch",
        present=("initiated.apiCallDateTime", "initiated.jobID", "initiated.type", "status"),
        basis=Basis.ASSUMED,
    ),
)


def _last_launch(result: str, *statuses: object) -> PresenceRule:
    return PresenceRule(
        "SourceServer",
        when={"lastLaunchResult": (result,)},
        present=("lifeCycle.lastLaunch",),
        values={"lifeCycle.lastLaunch.status": statuses},
        basis=Basis.ASSUMED,
    )


_SOURCE_SERVERS = (
    PresenceRule(
        "SourceServer",
        present=("sourceServerID", "arn", "lastLaunchResult", "dataReplicationInfo", "lifeCycle"),
    ),
    PresenceRule(
        "SourceServer",
        present=(
            "tags",
            "stagingArea.status",
            "replicationDirection",
            "sourceProperties.identificationHints",
        ),
        basis=Basis.ASSUMED,
    ),
    PresenceRule(
        "SourceServer",
        when={"lastLaunchResult": ("NOT_STARTED",)},
        absent=("lifeCycle.lastLaunch", "recoveryInstanceId"),
        basis=Basis.ASSUMED,
    ),
    _last_launch("PENDING", "PENDING", "IN_PROGRESS"),
    _last_launch("SUCCEEDED", "LAUNCHED", "TERMINATED"),
    _last_launch("FAILED", "FAILED"),
    PresenceRule(
        "StagingArea", when={"status": ("EXTENDED",)}, present=("stagingAccountID", "stagingSourceServerArn")
    ),
    PresenceRule(
        "StagingArea", when={"status": ("EXTENSION_ERROR",)}, present=("errorMessage",), basis=Basis.ASSUMED
    ),
    PresenceRule(
        "RecoverySnapshot",
        when={"timestamp": Condition.PRESENT},
        present=("ebsSnapshots",),
        basis=Basis.ASSUMED,
    ),
)

_RECOVERY_INSTANCES = (
    PresenceRule(
        "RecoveryInstance",
        present=(
            "recoveryInstanceID",
            "ec2InstanceID",
            "ec2InstanceState",
            "sourceServerID",
            "jobID",
            "isDrill",
        ),
        equal=(("recoveryInstanceID", "ec2InstanceID"),),
    ),
    PresenceRule(
        "RecoveryInstance",
        present=("arn", "tags", "failback.state", "pointInTimeSnapshotDateTime"),
        basis=Basis.ASSUMED,
    ),
)

_LAUNCH_CONFIGURATION = (
    PresenceRule(
        "LaunchConfiguration",
        present=(
            "sourceServerID",
            "ec2LaunchTemplateID",
            "launchDisposition",
            "targetInstanceTypeRightSizingMethod",
            "copyPrivateIp",
            "copyTags",
            "licensing.osByol",
        ),
    ),
    PresenceRule("LaunchConfiguration", present=("postLaunchEnabled",), basis=Basis.ASSUMED),
)

_ERRORS = tuple(
    PresenceRule(name, present=("message",))
    for name in (
        "AccessDeniedException",
        "ConflictException",
        "InternalServerException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
        "ThrottlingException",
        "UninitializedAccountException",
        "ValidationException",
    )
)

PRESENCE_RULES: tuple[PresenceRule, ...] = (
    *_ANSWERS,
    *_JOBS,
    *_PARTICIPATING_SERVERS,
    *_LAUNCH_ACTIONS,
    *_LOG,
    *_REPLICATION,
    *_SOURCE_SERVERS,
    *_RECOVERY_INSTANCES,
    *_LAUNCH_CONFIGURATION,
    *_ERRORS,
)

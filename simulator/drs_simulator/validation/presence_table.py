"""The members that must be there in each state, as data: nearly everything in the model is optional.

Paths are dotted, inside the object. A condition that begins with a shape's name ("Job.type") looks at the
nearest enclosing object of that shape, and its rule rests when there is none. Each rule names its source.
"""

from __future__ import annotations

from drs_simulator.validation.presence_rule import Condition, PresenceRule, Source

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
    # LAUNCHED demands no recoveryInstanceID: none of the 29 servers of recorded jobs has it (DRS_TOOLS, ORCHESTRATOR).
    PresenceRule(
        "ParticipatingServer",
        when={"Job.type": ("LAUNCH",), "launchStatus": ("PENDING",)},
        absent=("recoveryInstanceID",),
        source=Source.ASSUMED,
    ),
    PresenceRule(
        "ParticipatingServer",
        when={"Job.type": ("LAUNCH",)},
        present=("launchActionsStatus",),
        source=Source.ORCHESTRATOR,
    ),
    PresenceRule(
        "ParticipatingServer",
        when={"Job.type": ("LAUNCH",)},
        values={"launchStatus": ("PENDING", "IN_PROGRESS", "LAUNCHED", "FAILED")},
        source=Source.ASSUMED,
    ),
    PresenceRule(
        "ParticipatingServer",
        when={"Job.type": ("TERMINATE",)},
        present=("recoveryInstanceID",),
        absent=("launchActionsStatus",),
        values={"launchStatus": ("PENDING", "IN_PROGRESS", "TERMINATED", "FAILED")},
        source=Source.ASSUMED,
    ),
    PresenceRule("ParticipatingResource", present=("participatingResourceID", "launchStatus")),
)

_LAUNCH_ACTIONS = (
    PresenceRule(
        "LaunchAction", present=("actionId", "actionCode", "type", "name", "order", "active", "optional")
    ),
    PresenceRule("LaunchActionsStatus", present=("runs",), source=Source.ORCHESTRATOR),
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

_INSTANCE_OF_EVENT = {
    "CONVERSION_END": "eventData.conversionServerID",
    "LAUNCH_END": "eventData.targetInstanceID",
}


def _only_with(event: str, member: str) -> tuple[PresenceRule, PresenceRule]:
    others = tuple(other for other in _SERVER_EVENTS if other != event)
    return (
        PresenceRule("JobLog", when={"event": (event,)}, present=(member,), source=Source.DRS_TOOLS),
        PresenceRule("JobLog", when={"event": others}, absent=(member,), source=Source.DRS_TOOLS),
    )


_LOG = (
    PresenceRule("JobLog", present=("logDateTime", "event")),
    PresenceRule("JobLog", when={"event": _SERVER_EVENTS}, present=("eventData.sourceServerID",)),
    PresenceRule(
        "JobLog",
        when={"event": ("JOB_START", "JOB_END")},
        absent=("eventData.sourceServerID",),
        source=Source.DRS_TOOLS,
    ),
    *(rule for event, member in _INSTANCE_OF_EVENT.items() for rule in _only_with(event, member)),
    PresenceRule(
        "JobLog", when={"event": _FAILURE_EVENTS}, present=("eventData.rawError",), source=Source.ASSUMED
    ),
)

_REPLICATION = (
    PresenceRule("DataReplicationInfo", present=("dataReplicationState",)),
    PresenceRule(
        "DataReplicationInfo",
        when={"dataReplicationState": ("CONTINUOUS",)},
        present=(
            "lagDuration",
            "replicatedDisks",
            "dataReplicationInitiation.startDateTime",
            "dataReplicationInitiation.nextAttemptDateTime",
            "dataReplicationInitiation.steps",
        ),
        absent=("dataReplicationError",),
        source=Source.DRS_TOOLS,
    ),
    # The model says so of DISCONNECTED; of STOPPED it is assumed.
    PresenceRule(
        "DataReplicationInfo",
        when={"dataReplicationState": ("DISCONNECTED", "STOPPED")},
        absent=("lagDuration",),
    ),
    PresenceRule(
        "DataReplicationInfo",
        when={"dataReplicationState": ("STALLED",)},
        present=("dataReplicationError.error",),
        source=Source.ASSUMED,
    ),
    PresenceRule(
        "DataReplicationInfoReplicatedDisk",
        present=("deviceName", "totalStorageBytes", "replicatedStorageBytes", "backloggedStorageBytes"),
        source=Source.DRS_TOOLS,
    ),
    PresenceRule("LifeCycle", present=("addedToServiceDateTime", "lastLaunch"), source=Source.DRS_TOOLS),
    PresenceRule("LifeCycleLastLaunch", present=("initiated",), source=Source.DRS_TOOLS),
    PresenceRule(
        "LifeCycleLastLaunch",
        when={"status": Condition.PRESENT},
        present=("initiated.apiCallDateTime", "initiated.jobID", "initiated.type"),
        source=Source.DRS_TOOLS,
    ),
)


def _last_launch(result: str, *statuses: object) -> PresenceRule:
    return PresenceRule(
        "SourceServer",
        when={"lastLaunchResult": (result,)},
        present=("lifeCycle.lastLaunch.status",),
        values={"lifeCycle.lastLaunch.status": statuses},
        source=Source.ASSUMED,
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
        source=Source.ASSUMED,
    ),
    PresenceRule(
        "SourceServer",
        when={"lastLaunchResult": ("NOT_STARTED",)},
        absent=(
            "lifeCycle.lastLaunch.status",
            "lifeCycle.lastLaunch.initiated.jobID",
            "recoveryInstanceId",
        ),
        source=Source.DRS_TOOLS,
    ),
    _last_launch("PENDING", "PENDING", "IN_PROGRESS"),
    _last_launch("SUCCEEDED", "LAUNCHED", "TERMINATED"),
    _last_launch("FAILED", "FAILED"),
    PresenceRule(
        "StagingArea", when={"status": ("EXTENDED",)}, present=("stagingAccountID", "stagingSourceServerArn")
    ),
    PresenceRule(
        "StagingArea", when={"status": ("EXTENSION_ERROR",)}, present=("errorMessage",), source=Source.ASSUMED
    ),
    PresenceRule(
        "RecoverySnapshot",
        when={"timestamp": Condition.PRESENT},
        present=("ebsSnapshots",),
        source=Source.ASSUMED,
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
        source=Source.ASSUMED,
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
    PresenceRule("LaunchConfiguration", present=("postLaunchEnabled",), source=Source.ASSUMED),
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

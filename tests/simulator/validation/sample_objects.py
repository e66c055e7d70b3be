"""Known-good objects, written by hand from the model and the documented behaviour."""

from __future__ import annotations

from typing import Any

REGION_ARN = "arn:aws:drs:eu-west-1:111122223333"
JOB = "drsjob-1111111111111111a"
TERMINATE_JOB = "drsjob-2222222222222222a"
DB_1 = "s-1111111111111111a"
DB_2 = "s-1111111111111111b"
INSTANCE = "i-0aaaaaaaaaaaaaaa1"
INSTANCE_2 = "i-0aaaaaaaaaaaaaaa2"
ACTION_ID = "0b5f1c9e-7a41-4b2c-9d2e-1c2d3e4f5a6b"


def job(**changes: Any) -> dict[str, Any]:
    return {
        "jobID": JOB,
        "arn": f"{REGION_ARN}:job/{JOB}",
        "type": "LAUNCH",
        "initiatedBy": "START_DRILL",
        "creationDateTime": "2026-03-01T10:00:00.000000+00:00",
        "status": "PENDING",
        "participatingServers": [server(DB_1), server(DB_2)],
        "tags": {"drs:execution": "e-1"},
    } | changes


def server(server_id: str, status: str = "PENDING", **changes: Any) -> dict[str, Any]:
    """A server's part in a launch job."""
    return {
        "sourceServerID": server_id,
        "launchStatus": status,
        "launchActionsStatus": {"runs": []},
    } | changes


def terminated(server_id: str, status: str = "PENDING", **changes: Any) -> dict[str, Any]:
    """A server's part in a terminate job."""
    return {"sourceServerID": server_id, "launchStatus": status, "recoveryInstanceID": INSTANCE} | changes


def action(**changes: Any) -> dict[str, Any]:
    return {
        "actionId": ACTION_ID,
        "actionCode": "AWSMigration-ValidateDiskSpace",
        "type": "SSM_COMMAND",
        "name": "Disk space",
        "active": True,
        "order": 2,
        "actionVersion": "$DEFAULT",
        "optional": False,
        "parameters": {"minimum": {"type": "SSM_STORE", "value": "drs-minimum"}},
        "description": "Checks the free space",
        "category": "VALIDATION",
    } | changes


def run(status: str = "SUCCEEDED", **changes: Any) -> dict[str, Any]:
    return {"action": action(), "runId": "1c2d3e4f-0000-4000-8000-000000000001", "status": status} | changes


def launched(server_id: str, instance_id: str | None, **changes: Any) -> dict[str, Any]:
    found = server(server_id, "LAUNCHED", **changes)
    return found if instance_id is None else found | {"recoveryInstanceID": instance_id}


def completed_job(**changes: Any) -> dict[str, Any]:
    actions = {"ssmAgentDiscoveryDatetime": "2026-03-01T10:08:00.000000+00:00", "runs": [run()]}
    return (
        job(
            status="COMPLETED",
            endDateTime="2026-03-01T10:08:53.500000+00:00",
            participatingServers=[
                launched(DB_1, INSTANCE, launchActionsStatus=actions),
                server(DB_2, "FAILED"),
            ],
        )
        | changes
    )


def terminate_job(**changes: Any) -> dict[str, Any]:
    return (
        job(
            jobID=TERMINATE_JOB,
            arn=f"{REGION_ARN}:job/{TERMINATE_JOB}",
            type="TERMINATE",
            initiatedBy="TERMINATE_RECOVERY_INSTANCES",
            participatingServers=[terminated(DB_1)],
        )
        | changes
    )


def log_item(at: str, event: str, server_id: str | None = None, **data: Any) -> dict[str, Any]:
    item: dict[str, Any] = {"logDateTime": f"2026-03-01T{at}+00:00", "event": event}
    event_data = ({"sourceServerID": server_id} if server_id else {}) | data
    return item | ({"eventData": event_data} if event_data else {})


def launch_log() -> list[dict[str, Any]]:
    """The log that belongs to `completed_job`."""
    return [
        log_item("10:00:00.300000", "JOB_START"),
        log_item("10:00:00.500000", "CLEANUP_START", DB_1),
        log_item("10:00:00.600000", "CLEANUP_END", DB_1),
        log_item("10:00:00.800000", "SNAPSHOT_START", DB_1),
        log_item("10:00:00.800000", "SNAPSHOT_START", DB_2),
        log_item("10:00:01.000000", "SNAPSHOT_END", DB_1),
        log_item("10:00:01.100000", "SNAPSHOT_FAIL", DB_2, rawError="source unreachable", attemptCount=1),
        log_item("10:00:01.200000", "USING_PREVIOUS_SNAPSHOT", DB_2),
        log_item("10:00:53.000000", "CONVERSION_START", DB_1),
        log_item("10:00:53.000001", "CONVERSION_START", DB_2),
        log_item("10:04:10.000000", "CONVERSION_END", DB_1, conversionServerID="i-0ccccccccccccccc1"),
        log_item("10:04:10.000000", "LAUNCH_START", DB_1),
        log_item("10:04:11.000000", "CONVERSION_FAIL", DB_2, rawError="no conversion server"),
        log_item("10:08:49.000000", "LAUNCH_END", DB_1, targetInstanceID=INSTANCE),
        log_item("10:08:53.000000", "JOB_END"),
    ]


def source_server(**changes: Any) -> dict[str, Any]:
    return {
        "sourceServerID": DB_1,
        "arn": f"{REGION_ARN}:source-server/{DB_1}",
        "tags": {"App": "erp", "Tier": "db"},
        "recoveryInstanceId": INSTANCE,
        "lastLaunchResult": "SUCCEEDED",
        "dataReplicationInfo": {
            "dataReplicationState": "CONTINUOUS",
            "lagDuration": "PT45S",
            "replicatedDisks": [
                {
                    "deviceName": "/dev/sda1",
                    "totalStorageBytes": 107374182400,
                    "replicatedStorageBytes": 107374182400,
                    "rescannedStorageBytes": 0,
                    "backloggedStorageBytes": 1024,
                }
            ],
            "dataReplicationInitiation": {
                "startDateTime": "2025-11-01T08:01:00.000000+00:00",
                "nextAttemptDateTime": "2025-11-01T08:31:00.000000+00:00",
                "steps": [{"name": "WAIT", "status": "SUCCEEDED"}],
            },
            "stagingAvailabilityZone": "eu-west-1a",
        },
        "lifeCycle": {
            "addedToServiceDateTime": "2025-11-01T08:00:00.000000+00:00",
            "firstByteDateTime": "2025-11-01T08:05:00.000000+00:00",
            "elapsedReplicationDuration": "P120DT2H",
            "lastSeenByServiceDateTime": "2026-03-01T09:59:58.000000+00:00",
            "lastLaunch": {
                "initiated": {
                    "apiCallDateTime": "2026-03-01T10:00:00.000000+00:00",
                    "jobID": JOB,
                    "type": "DRILL",
                },
                "status": "LAUNCHED",
            },
        },
        "sourceProperties": {
            "identificationHints": {"hostname": "erp-db-1", "awsInstanceID": "i-0bbbbbbbbbbbbbbb1"},
            "recommendedInstanceType": "r6i.large",
            "cpus": [{"cores": 2, "modelName": "Xeon"}],
            "disks": [{"deviceName": "/dev/sda1", "bytes": 107374182400}],
            "networkInterfaces": [
                {"macAddress": "02:00:00:00:00:01", "ips": ["10.0.0.4"], "isPrimary": True}
            ],
            "os": {"fullString": "Linux"},
            "ramBytes": 17179869184,
            "lastUpdatedDateTime": "2026-03-01T09:00:00.000000+00:00",
        },
        "sourceCloudProperties": {"originAccountID": "444455556666", "originRegion": "eu-north-1"},
        "stagingArea": {
            "status": "EXTENDED",
            "stagingAccountID": "444455556666",
            "stagingSourceServerArn": f"arn:aws:drs:eu-west-1:444455556666:source-server/{DB_1}",
        },
        "replicationDirection": "FAILOVER",
        "agentVersion": "6.1.2",
    } | changes


def recovery_instance(**changes: Any) -> dict[str, Any]:
    return {
        "recoveryInstanceID": INSTANCE,
        "ec2InstanceID": INSTANCE,
        "ec2InstanceState": "RUNNING",
        "jobID": JOB,
        "sourceServerID": DB_1,
        "arn": f"{REGION_ARN}:recovery-instance/{INSTANCE}",
        "tags": {},
        "isDrill": True,
        "pointInTimeSnapshotDateTime": "2026-03-01T10:00:01.000000+00:00",
        "failback": {"state": "FAILBACK_NOT_STARTED"},
        "originEnvironment": "AWS",
    } | changes


LAUNCH_CONFIGURATION = {
    "sourceServerID": DB_1,
    "name": "erp-db-1",
    "ec2LaunchTemplateID": "lt-0123456789abcdef0",
    "launchDisposition": "STARTED",
    "targetInstanceTypeRightSizingMethod": "NONE",
    "copyPrivateIp": False,
    "copyTags": True,
    "licensing": {"osByol": True},
    "postLaunchEnabled": True,
    "launchIntoInstanceProperties": {"launchIntoEC2InstanceID": "i-0ddddddddddddddd1"},
}

SNAPSHOTS = [
    {
        "snapshotID": "pit-1111111111111111a",
        "sourceServerID": DB_1,
        "expectedTimestamp": "2026-03-01T09:50:00.000000+00:00",
        "timestamp": "2026-03-01T09:50:04.000000+00:00",
        "ebsSnapshots": ["snap-1111111111111111a"],
    },
    {
        "snapshotID": "pit-1111111111111111b",
        "sourceServerID": DB_1,
        "expectedTimestamp": "2026-03-01T10:10:00.000000+00:00",
    },
]

RECOVERY_PLAN = {
    "recoveryPlanArn": f"{REGION_ARN}:recovery-plan/rp-1111",
    "name": "erp",
    "status": "ACTIVE",
    "createdAt": "2026-01-01T00:00:00.000000+00:00",
    "updatedAt": "2026-01-02T00:00:00.000000+00:00",
}
RECOVERY_PLAN_STEP = {
    "recoveryPlanStepArn": f"{REGION_ARN}:recovery-plan/rp-1111/step/st-1",
    "stepOrder": 1,
    "stepName": "database",
    "configuration": {
        "serverStepConfiguration": {
            "servers": [{"serverArn": f"{REGION_ARN}:source-server/{DB_1}", "impactLevel": "CRITICAL"}]
        }
    },
    "createdAt": "2026-01-01T00:00:00.000000+00:00",
    "updatedAt": "2026-01-02T00:00:00.000000+00:00",
}
NETWORK_JOB = job(
    initiatedBy="CREATE_NETWORK_RECOVERY",
    participatingServers=[],
    participatingResources=[
        {"participatingResourceID": {"sourceNetworkID": "sn-1111111111111111a"}, "launchStatus": "PENDING"}
    ],
)

SOURCE_NETWORK = {
    "sourceNetworkID": "sn-1111111111111111a",
    "lastRecovery": {
        "apiCallDateTime": "2026-03-01T10:00:00.000000+00:00",
        "jobID": JOB,
        "lastRecoveryResult": "SUCCESS",
    },
}

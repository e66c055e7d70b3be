"""Known-good answers of the service, successes and errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.simulator.validation.sample_objects import (
    LAUNCH_CONFIGURATION,
    NETWORK_JOB,
    RECOVERY_PLAN,
    RECOVERY_PLAN_STEP,
    SNAPSHOTS,
    SOURCE_NETWORK,
    action,
    completed_job,
    job,
    launch_log,
    recovery_instance,
    source_server,
    terminate_job,
)


@dataclass(frozen=True)
class Sample:
    name: str
    operation: str
    http_status: int
    body: dict[str, Any]
    error_code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


SUCCESSES = [
    Sample("initialize", "InitializeService", 204, {}),
    Sample("start", "StartRecovery", 202, {"job": job()}),
    Sample("terminate", "TerminateRecoveryInstances", 200, {"job": terminate_job()}),
    Sample(
        "jobs", "DescribeJobs", 200, {"items": [job(), completed_job(), terminate_job()], "nextToken": "t"}
    ),
    Sample("network_job", "DescribeJobs", 200, {"items": [NETWORK_JOB]}),
    Sample("networks", "DescribeSourceNetworks", 200, {"items": [SOURCE_NETWORK]}),
    Sample("no_jobs", "DescribeJobs", 200, {"items": []}),
    Sample("log", "DescribeJobLogItems", 200, {"items": launch_log()}),
    Sample("servers", "DescribeSourceServers", 200, {"items": [source_server()]}),
    Sample("instances", "DescribeRecoveryInstances", 200, {"items": [recovery_instance()]}),
    Sample("snapshots", "DescribeRecoverySnapshots", 200, {"items": SNAPSHOTS}),
    Sample("launch_configuration", "GetLaunchConfiguration", 200, LAUNCH_CONFIGURATION),
    Sample("actions", "ListLaunchActions", 200, {"items": [action()]}),
    Sample("tags", "ListTagsForResource", 200, {"tags": {"App": "erp"}}),
    Sample("tag", "TagResource", 200, {}),
    Sample("accounts", "ListStagingAccounts", 200, {"accounts": [{"accountID": "444455556666"}]}),
    Sample("delete_job", "DeleteJob", 204, {}),
    Sample("plans", "ListRecoveryPlans", 200, {"recoveryPlans": [RECOVERY_PLAN]}),
    Sample("plan", "GetRecoveryPlan", 200, {"recoveryPlan": RECOVERY_PLAN}),
    Sample("plan_steps", "ListRecoveryPlanSteps", 200, {"recoveryPlanSteps": [RECOVERY_PLAN_STEP]}),
]

BUSY = "One or more of the Source Servers included in API call are currently being processed by a Job"
ERRORS = [
    Sample("conflict", "StartRecovery", 409, {"message": BUSY, "code": "409"}, "ConflictException"),
    Sample(
        "quota",
        "StartRecovery",
        402,
        {"message": "Too many jobs", "quotaCode": "L-D88FAC3A", "serviceCode": "drs", "__type": "x"},
        "ServiceQuotaExceededException",
    ),
    Sample(
        "throttled",
        "DescribeJobs",
        429,
        {"message": "Rate exceeded"},
        "ThrottlingException",
        {"Retry-After": "2"},
    ),
    Sample(
        "server_error",
        "DescribeJobs",
        500,
        {"message": "Internal error"},
        "InternalServerException",
        {"retry-after": "7"},
    ),
    Sample("uninitialized", "DescribeJobs", 400, {"message": "Initialize"}, "UninitializedAccountException"),
    Sample("unknown_job", "DeleteJob", 404, {"message": "No such job"}, "ResourceNotFoundException"),
    Sample("invalid", "StartRecovery", 400, {"message": "Bad server ID"}, "ValidationException"),
    Sample("denied", "DescribeJobs", 403, {"message": "Not authorized"}, "AccessDeniedException"),
    Sample("bad_key", "DescribeJobs", 403, {"message": "Bad token"}, "UnrecognizedClientException"),
    Sample("expired", "StartRecovery", 403, {"Message": "Expired"}, "ExpiredTokenException"),
]
SAMPLES = [*SUCCESSES, *ERRORS]

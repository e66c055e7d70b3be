from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from botocore.model import NoShapeFoundError, StructureShape

from drs_simulator.validation import PRESENCE_RULES, Check, check_presence, presence
from drs_simulator.validation.model import service_model, shape
from drs_simulator.validation.presence_rule import PresenceRule
from tests.simulator.validation.sample_objects import (
    DB_1,
    INSTANCE,
    LAUNCH_CONFIGURATION,
    SNAPSHOTS,
    action,
    completed_job,
    job,
    log_item,
    recovery_instance,
    run,
    server,
    source_server,
    terminate_job,
    terminated,
)

pytestmark = pytest.mark.contract


def without(obj: dict[str, Any], dotted: str) -> dict[str, Any]:
    changed = deepcopy(obj)
    *owners, last = dotted.split(".")
    parent = changed
    for name in owners:
        parent = parent[name]
    del parent[last]
    return changed


def replication(state: str, **changes: Any) -> dict[str, Any]:
    return {
        "dataReplicationInfo": source_server()["dataReplicationInfo"]
        | {"dataReplicationState": state}
        | changes
    }


DUE = {
    "Job": (job(), "jobID arn type initiatedBy creationDateTime status participatingServers"),
    "ParticipatingServer": (server(DB_1), "sourceServerID launchStatus"),
    "SourceServer": (
        source_server(),
        (
            "sourceServerID arn tags lastLaunchResult lifeCycle lifeCycle.lastLaunch "
            "lifeCycle.lastLaunch.initiated.jobID dataReplicationInfo.lagDuration stagingArea.status "
            "stagingArea.stagingAccountID sourceProperties.identificationHints replicationDirection"
        ),
    ),
    "RecoveryInstance": (
        recovery_instance(),
        (
            "recoveryInstanceID ec2InstanceID ec2InstanceState sourceServerID jobID isDrill "
            "pointInTimeSnapshotDateTime failback.state"
        ),
    ),
    "LaunchConfiguration": (
        LAUNCH_CONFIGURATION,
        "sourceServerID launchDisposition copyPrivateIp copyTags licensing.osByol",
    ),
    "LaunchActionRun": (run("FAILED", failureReason="no space"), "action runId status failureReason"),
    "LaunchAction": (action(), "actionId actionCode type name order active optional"),
    "JobLog": (
        log_item("10:00:00", "LAUNCH_FAILED", DB_1, rawError="capacity"),
        "logDateTime event eventData.sourceServerID eventData.rawError",
    ),
    "ConflictException": ({"message": "busy"}, "message"),
}
DUE_CASES = [(name, path) for name, (_, paths) in DUE.items() for path in paths.split()]


@pytest.mark.parametrize("name", DUE)
def test_complete_objects_pass(name: str) -> None:
    assert check_presence(name, DUE[name][0]) == []


@pytest.mark.parametrize(("name", "path"), DUE_CASES)
def test_a_missing_member_is_named(name: str, path: str) -> None:
    found = check_presence(name, without(DUE[name][0], path))
    assert path.split(".")[-1] in " ".join(violation.path for violation in found)
    assert {violation.check for violation in found} == {Check.PRESENCE}


WRONG_STATES: list[tuple[str, dict[str, Any], str]] = [
    ("Job", job(endDateTime="2026-03-01T10:08:53Z"), "endDateTime"),
    ("Job", job(status="STARTED", endDateTime="2026-03-01T10:08:53Z"), "endDateTime"),
    ("Job", without(completed_job(), "endDateTime"), "endDateTime"),
    ("Job", job(participatingServers=[]), "participatingServers"),
    ("Job", job(type="TERMINATE"), "type"),
    ("Job", terminate_job(initiatedBy="DIAGNOSTIC"), "initiatedBy"),
    (
        "Job",
        job(participatingServers=[server(DB_1, recoveryInstanceID=INSTANCE)]),
        "participatingServers[0].recoveryInstanceID",
    ),
    ("Job", job(participatingServers=[server(DB_1, "TERMINATED")]), "participatingServers[0].launchStatus"),
    (
        "Job",
        completed_job(participatingServers=[without(server(DB_1, "LAUNCHED"), "launchActionsStatus")]),
        "participatingServers[0].launchActionsStatus",
    ),
    (
        "Job",
        terminate_job(participatingServers=[without(terminated(DB_1), "recoveryInstanceID")]),
        "participatingServers[0].recoveryInstanceID",
    ),
    ("StartRecoveryResponse", {"job": terminate_job()}, "job.type"),
    ("StartRecoveryResponse", {"job": completed_job()}, "job.status"),
    ("StartRecoveryResponse", {}, "job"),
    ("TerminateRecoveryInstancesResponse", {"job": job()}, "job.type"),
    ("DescribeJobsResponse", {}, "items"),
    ("DescribeJobLogItemsResponse", {"nextToken": "t"}, "items"),
    ("LaunchActionRun", run("FAILED"), "failureReason"),
    ("LaunchActionRun", run(failureReason="none"), "failureReason"),
    ("JobLog", log_item("10:00:00", "SNAPSHOT_START"), "eventData.sourceServerID"),
    ("JobLog", log_item("10:00:00", "JOB_START", DB_1), "eventData.sourceServerID"),
    ("JobLog", log_item("10:00:00", "CONVERSION_FAIL", DB_1), "eventData.rawError"),
    ("JobLog", log_item("10:00:00", "CONVERSION_END", DB_1), "eventData.conversionServerID"),
    (
        "JobLog",
        log_item("10:00:00", "CONVERSION_START", DB_1, conversionServerID=INSTANCE),
        "eventData.conversionServerID",
    ),
    ("JobLog", log_item("10:00:00", "LAUNCH_END", DB_1), "eventData.targetInstanceID"),
    (
        "JobLog",
        log_item("10:00:00", "CLEANUP_END", DB_1, targetInstanceID=INSTANCE),
        "eventData.targetInstanceID",
    ),
    ("LifeCycle", {"addedToServiceDateTime": "2025-11-01T08:00:00.000000+00:00"}, "lastLaunch"),
    ("LifeCycleLastLaunch", {}, "initiated"),
    ("LifeCycleLastLaunch", {"initiated": {}, "status": "LAUNCHED"}, "initiated.jobID"),
    ("SourceServer", source_server(**replication("DISCONNECTED")), "dataReplicationInfo.lagDuration"),
    (
        "SourceServer",
        without(source_server(), "dataReplicationInfo.dataReplicationInitiation"),
        "dataReplicationInfo.dataReplicationInitiation.steps",
    ),
    ("SourceServer", source_server(lastLaunchResult="NOT_STARTED"), "recoveryInstanceId"),
    ("SourceServer", source_server(lastLaunchResult="FAILED"), "lifeCycle.lastLaunch.status"),
    (
        "SourceServer",
        source_server(**replication("CONTINUOUS", dataReplicationError={"error": "NOT_CONVERGING"})),
        "dataReplicationInfo.dataReplicationError",
    ),
    (
        "SourceServer",
        source_server(**replication("STALLED")),
        "dataReplicationInfo.dataReplicationError.error",
    ),
    (
        "SourceServer",
        source_server(**replication("STALLED") | {"lifeCycle": {}}),
        "lifeCycle.addedToServiceDateTime",
    ),
    ("SourceServer", source_server(lastLaunchResult="PENDING"), "lifeCycle.lastLaunch.status"),
    ("SourceServer", without(source_server(), "lifeCycle.lastLaunch.status"), "lifeCycle.lastLaunch.status"),
    ("DataReplicationInfo", {}, "dataReplicationState"),
    ("DataReplicationInfoReplicatedDisk", {"deviceName": "/dev/sda1"}, "totalStorageBytes"),
    ("StagingArea", {"status": "EXTENSION_ERROR"}, "errorMessage"),
    ("RecoverySnapshot", without(SNAPSHOTS[0], "ebsSnapshots"), "ebsSnapshots"),
    ("Job", job(type="CREATE_CONVERTED_SNAPSHOT", initiatedBy="FAILBACK"), "initiatedBy"),
    ("ParticipatingResource", {"launchStatus": "PENDING"}, "participatingResourceID"),
    ("LaunchActionsStatus", {}, "runs"),
    ("LaunchConfiguration", without(LAUNCH_CONFIGURATION, "postLaunchEnabled"), "postLaunchEnabled"),
    ("ListStagingAccountsResponse", {"accounts": [{}]}, "accounts[0].accountID"),
    ("ListStagingAccountsResponse", {}, "accounts"),
    ("ListTagsForResourceResponse", {}, "tags"),
    ("ListLaunchActionsResponse", {}, "items"),
    ("DescribeSourceServersResponse", {}, "items"),
    ("DescribeRecoveryInstancesResponse", {}, "items"),
    ("DescribeRecoverySnapshotsResponse", {}, "items"),
    *((error.name, {}, "message") for error in service_model().error_shapes),
    ("RecoveryInstance", recovery_instance(ec2InstanceID="i-0aaaaaaaaaaaaaaa9"), "recoveryInstanceID"),
]


@pytest.mark.parametrize(("name", "obj", "path"), WRONG_STATES)
def test_a_member_that_does_not_fit_the_state_is_named(name: str, obj: dict[str, Any], path: str) -> None:
    assert path in {violation.path for violation in check_presence(name, obj)}


def test_a_launched_server_may_lack_its_instance_id() -> None:
    done = completed_job(participatingServers=[server(DB_1, "LAUNCHED")])
    assert check_presence("Job", done) == []


def test_a_terminate_job_may_end_without_servers() -> None:
    done = terminate_job(status="COMPLETED", endDateTime="2026-03-01T10:02:00Z", participatingServers=[])
    assert check_presence("Job", done) == []


def test_the_rules_of_a_server_inside_a_job_rest_outside_of_one() -> None:
    assert check_presence("ParticipatingServer", server(DB_1, "TERMINATED")) == []


def test_values_of_a_wrong_type_are_left_to_the_validator() -> None:
    assert check_presence("DescribeJobsResponse", {"items": "none"}) == []


def test_the_operation_is_named() -> None:
    (violation,) = check_presence("DescribeJobsResponse", {}, operation="DescribeJobs")
    assert str(violation) == "DescribeJobs items: presence: must be present (in every state)"


def test_an_unknown_shape_is_refused() -> None:
    with pytest.raises(NoShapeFoundError):
        check_presence("Jobb", {})


def names_all_faults() -> bool:
    dropped = ((name, without(DUE[name][0], path), path.split(".")[-1]) for name, path in DUE_CASES)
    return all(
        any(violation.path.endswith(path) for violation in check_presence(name, obj))
        for name, obj, path in (*dropped, *WRONG_STATES)
    )


@pytest.mark.parametrize("rule", PRESENCE_RULES, ids=lambda rule: f"{rule.shape}-{rule.source.name}")
def test_no_rule_can_be_removed_unnoticed(monkeypatch: pytest.MonkeyPatch, rule: PresenceRule) -> None:
    assert names_all_faults()
    others = tuple(other for other in PRESENCE_RULES if other.shape == rule.shape and other is not rule)
    monkeypatch.setitem(presence._RULES_BY_SHAPE, rule.shape, others)
    assert not names_all_faults()


def resolved(owner: str, dotted: str) -> Any:
    found: Any = shape(owner)
    for name in dotted.split("."):
        assert isinstance(found, StructureShape)
        found = found.members[name]
    return found


@pytest.mark.parametrize("rule", PRESENCE_RULES, ids=lambda rule: f"{rule.shape}-{rule.source.name}")
def test_rules_speak_of_members_and_values_of_the_model(rule: PresenceRule) -> None:
    for path in (
        *rule.present,
        *rule.absent,
        *rule.not_empty,
        *(path for pair in rule.equal for path in pair),
    ):
        resolved(rule.shape, path)
    for path, values in {**rule.when, **rule.values}.items():
        owner, _, rest = path.partition(".")
        member = resolved(owner, rest) if owner[0].isupper() else resolved(rule.shape, path)
        if isinstance(values, tuple):
            # LAUNCH_END is the event that the model lacks.
            assert set(values) - {"LAUNCH_END"} <= set(member.enum)

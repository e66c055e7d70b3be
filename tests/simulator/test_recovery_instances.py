"""Recovery instances as DRS and EC2 show them, until they are gone."""

import pytest

from tests.simulator.support import (
    APP_2,
    DB_1,
    DB_2,
    WEB_1,
    WIKI_1,
    disk_sizes,
    events_of,
    finished,
    instance_of,
    instances_of,
    job_of,
    one_server,
    part_of,
    refused,
    server_of,
    start,
)

FAILING = pytest.mark.drs_scenario("failing_servers")


@FAILING
def test_trap_36_a_launched_server_may_have_no_instance(drs_in_process):
    drs = drs_in_process.client()
    job = finished(drs_in_process, drs, APP_2)
    instance_id = instance_of(drs, job, APP_2)
    (instance,) = drs.describe_recovery_instances()["items"]
    assert instance["ec2InstanceState"] == "NOT_FOUND"
    with refused("InvalidInstanceID.NotFound"):
        drs_in_process.client("ec2").describe_instances(InstanceIds=[instance_id])


@FAILING
def test_trap_36_an_instance_may_fail_its_status_checks(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    job = start(drs, WEB_1)
    while not (found := drs.describe_recovery_instances()["items"]):
        drs_in_process.advance(5)
    (instance,) = found
    ids = [instance["ec2InstanceID"]]

    def status():
        (found,) = ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]
        return found["InstanceStatus"]["Status"], found["SystemStatus"]["Status"]

    assert status() == ("initializing", "initializing")
    drs_in_process.advance(200)
    assert part_of(job_of(drs, job["jobID"]), WEB_1)["launchStatus"] == "LAUNCHED"
    assert status() == ("impaired", "ok")


@pytest.mark.drs_scenario("live_instance")
def test_trap_33_a_live_instance_is_destroyed_by_the_next_launch(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    live = {i["sourceServerID"]: i for i in drs.describe_recovery_instances()["items"]}
    assert (live[DB_2]["isDrill"], live[WIKI_1]["isDrill"]) == (False, True)
    assert server_of(drs, DB_2)["recoveryInstanceId"] == live[DB_2]["recoveryInstanceID"]
    assert server_of(drs, DB_2)["lastLaunchResult"] == "SUCCEEDED"
    finished(drs_in_process, drs, DB_2)
    assert instances_of(ec2, live[DB_2]["ec2InstanceID"])[0]["State"]["Name"] == "terminated"


def test_a_server_names_its_recovery_instance_while_there_is_one(drs_in_process):
    drs = drs_in_process.client()
    first = instance_of(drs, finished(drs_in_process, drs, DB_1), DB_1)
    assert server_of(drs, DB_1)["recoveryInstanceId"] == first
    start(drs, DB_1)
    drs_in_process.advance(120)
    # The earlier one is cleaned up, the next not yet launched.
    assert "recoveryInstanceId" not in server_of(drs, DB_1)
    drs_in_process.finish()
    second = server_of(drs, DB_1)["recoveryInstanceId"]
    assert second != first
    drs.terminate_recovery_instances(recoveryInstanceIDs=[second])
    drs_in_process.finish()
    assert "recoveryInstanceId" not in server_of(drs, DB_1)


def test_stopping_an_instance_in_ec2_shows_in_drs(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    job = finished(drs_in_process, drs, DB_1)
    instance_id = instance_of(drs, job, DB_1)
    ec2.stop_instances(InstanceIds=[instance_id])
    assert drs.describe_recovery_instances()["items"][0]["ec2InstanceState"] == "STOPPED"
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert drs.describe_recovery_instances()["items"][0]["ec2InstanceState"] == "TERMINATED"


def test_a_recovery_instance_is_disconnected_before_it_is_deleted(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    job = finished(drs_in_process, drs, DB_1)
    instance_id = instance_of(drs, job, DB_1)
    with refused("ConflictException", 409):
        drs.delete_recovery_instance(recoveryInstanceID=instance_id)
    (before,) = drs.describe_recovery_instances()["items"]
    drs.disconnect_recovery_instance(recoveryInstanceID=instance_id)
    (after,) = drs.describe_recovery_instances()["items"]
    assert [disk_sizes(row) for row in (before, after)] == [[30 * 1024**3, 200 * 1024**3], [0, 0]]
    assert after["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED"
    assert "lagDuration" not in after["dataReplicationInfo"]
    drs.delete_recovery_instance(recoveryInstanceID=instance_id)
    assert drs.describe_recovery_instances()["items"] == []
    assert instances_of(ec2, instance_id)[0]["State"]["Name"] == "running"
    assert "recoveryInstanceId" not in server_of(drs, DB_1)


def test_terminating_without_the_right_to_fails_the_cleanup(drs_in_process):
    drs_in_process.reset(one_server(deny=["ec2:TerminateInstances"], live_instance={"is_drill": True}))
    drs = drs_in_process.client()
    (instance,) = drs.describe_recovery_instances()["items"]
    job = drs.terminate_recovery_instances(recoveryInstanceIDs=[instance["recoveryInstanceID"]])["job"]
    drs_in_process.finish()
    assert part_of(job_of(drs, job["jobID"]), DB_1)["launchStatus"] == "FAILED"
    assert events_of(drs, job["jobID"], DB_1) == ["CLEANUP_START", "CLEANUP_FAIL"]
    assert len(drs.describe_recovery_instances()["items"]) == 1


def test_the_tags_of_a_launched_instance_are_as_recorded(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    drs.update_launch_configuration(sourceServerID=DB_1, copyTags=False)
    job = start(drs, DB_1, tags={"ExecutionId": "e"})
    drs_in_process.finish()
    (instance,) = drs.describe_recovery_instances()["items"]
    assert instance["tags"] == {}
    (found,) = instances_of(ec2, instance["ec2InstanceID"])
    assert {tag["Key"]: tag["Value"] for tag in found["Tags"]} == {
        "Name": "erp-db-1",
        "AWSElasticDisasterRecoveryManaged": "drs.amazonaws.com",
        "AWSElasticDisasterRecoverySourceServerID": DB_1,
        "drs.amazonaws.com-source-server": DB_1,
        "drs.amazonaws.com-job": job["jobID"],
    }


def test_the_tags_of_the_job_may_reach_its_instances(drs_in_process):
    drs_in_process.reset({**one_server(), "job_tags_on_instances": True})
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    start(drs, DB_1, tags={"ExecutionId": "e"})
    drs_in_process.finish()
    (instance,) = drs.describe_recovery_instances()["items"]
    assert instance["tags"] == {"ExecutionId": "e"}
    (found,) = instances_of(ec2, instance["ec2InstanceID"])
    assert {"Key": "ExecutionId", "Value": "e"} in found["Tags"]

"""How launches go well and badly."""

import re
from datetime import datetime

import pytest

from drs_provider.simulator.scenario import load_scenario
from drs_provider.simulator.validation import check_job_log
from tests.simulator.support import (
    ACCOUNT,
    APP_1,
    APP_2,
    DB_1,
    DB_2,
    JOB_1,
    REGION,
    WEB_1,
    WEB_2,
    WEB_3,
    WIKI_1,
    events_of,
    everything,
    instance_of,
    instances_of,
    job_of,
    part_of,
    refused,
    server_of,
    start,
)

FAILING = pytest.mark.drs_scenario("failing_servers")


def finished(sim, drs, *server_ids, **options):
    job = start(drs, *server_ids, **options)
    sim.finish()
    done = job_of(drs, job["jobID"])
    assert done["status"] == "COMPLETED"
    items = everything(drs, "describe_job_log_items", jobID=job["jobID"])
    assert [str(v) for v in check_job_log(done, items)] == []
    return done


@FAILING
def test_a_job_completes_although_a_server_failed_and_the_next_attempt_works(drs_in_process):
    drs = drs_in_process.client()
    first = finished(drs_in_process, drs, DB_1, DB_2)
    assert part_of(first, DB_1)["launchStatus"] == "FAILED"
    assert part_of(first, DB_2)["launchStatus"] == "LAUNCHED"
    assert events_of(drs, first["jobID"], DB_1)[-2:] == ["CONVERSION_START", "CONVERSION_FAIL"]
    assert server_of(drs, DB_1)["lastLaunchResult"] == "FAILED"
    second = finished(drs_in_process, drs, DB_1)
    assert part_of(second, DB_1)["launchStatus"] == "LAUNCHED"
    assert server_of(drs, DB_1)["lifeCycle"]["lastLaunch"]["initiated"]["jobID"] == second["jobID"]


@FAILING
def test_the_raw_error_of_a_failed_launch_is_in_the_log(drs_in_process):
    drs = drs_in_process.client()
    job = finished(drs_in_process, drs, JOB_1)
    (item,) = [
        i
        for i in everything(drs, "describe_job_log_items", jobID=job["jobID"])
        if i["event"] == "LAUNCH_FAILED"
    ]
    assert item["eventData"]["rawError"].startswith("InsufficientInstanceCapacity")


def test_a_job_does_not_name_the_instances_it_launched(drs_in_process):
    drs = drs_in_process.client()
    job = finished(drs_in_process, drs, DB_1, DB_2)
    for part in job["participatingServers"]:
        assert part == {
            "sourceServerID": part["sourceServerID"],
            "launchStatus": "LAUNCHED",
            "launchActionsStatus": {"runs": []},
        }
    (instance,) = drs.describe_recovery_instances(filters={"sourceServerIDs": [DB_2]})["items"]
    assert instance["jobID"] == job["jobID"]
    assert instance["ec2InstanceID"] == instance_of(drs, job, DB_2)
    ec2 = drs_in_process.client("ec2")
    assert instances_of(ec2, instance["ec2InstanceID"])[0]["State"]["Name"] == "running"


@FAILING
def test_a_scenario_may_have_the_job_name_the_instance(drs_in_process):
    drs = drs_in_process.client()
    job = finished(drs_in_process, drs, DB_2)
    assert part_of(job, DB_2)["recoveryInstanceID"] == instance_of(drs, job, DB_2)


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


@FAILING
@pytest.mark.parametrize("end", ["FAILED", "PENDING"])
def test_trap_11_a_skipped_server_may_stay_pending_in_a_completed_job(drs_in_process, end):
    scenario = load_scenario("failing_servers").model_copy(update={"skipped_servers_end": end})
    drs_in_process.reset(scenario)
    drs = drs_in_process.client()
    job = finished(drs_in_process, drs, WEB_3, WEB_1)
    assert part_of(job, WEB_3)["launchStatus"] == end
    assert events_of(drs, job["jobID"], WEB_3) == ["SERVER_SKIPPED"]
    assert server_of(drs, WEB_3)["lastLaunchResult"] == end


@FAILING
def test_post_launch_actions_run_on_after_the_job_and_may_fail(drs_in_process):
    drs = drs_in_process.client()
    actions = drs.list_launch_actions(resourceId=WEB_2)["items"]
    assert [a["order"] for a in actions] == [1001, 1002]
    job = start(drs, WEB_2)
    seen = set()
    for _ in range(80):
        drs_in_process.advance(10)
        now = job_of(drs, job["jobID"])
        runs = part_of(now, WEB_2)["launchActionsStatus"]["runs"]
        seen.add((now["status"], tuple(run["status"] for run in runs)))
    assert ("COMPLETED", ("IN_PROGRESS",)) in seen
    assert ("COMPLETED", ("SUCCEEDED", "FAILED")) in seen
    assert runs[1]["failureReason"] == "Command failed with exit code 1"
    assert {run["action"]["actionId"] for run in runs} == {a["actionId"] for a in actions}


@pytest.mark.drs_scenario("lagging_replication")
def test_replication_states_and_growing_lag(drs_in_process):
    drs = drs_in_process.client()
    states = {s["sourceServerID"]: s["dataReplicationInfo"] for s in drs.describe_source_servers()["items"]}
    assert states[DB_1]["dataReplicationState"] == "STALLED"
    assert states[DB_1]["lagDuration"] == "P1DT2H"
    assert states[APP_1]["lagDuration"] == "PT45S"
    assert "lagDuration" not in states[JOB_1]
    assert states[WEB_1]["dataReplicationError"]["error"] == "AGENT_NOT_SEEN"
    drs_in_process.advance(3600)
    assert server_of(drs, DB_1)["dataReplicationInfo"]["lagDuration"] == "P1DT3H"
    assert server_of(drs, APP_1)["dataReplicationInfo"]["lagDuration"] == "PT45S"


@pytest.mark.drs_scenario("lagging_replication")
def test_a_server_that_never_synced_cannot_be_launched(drs_in_process):
    drs = drs_in_process.client()
    job = finished(drs_in_process, drs, JOB_1)
    assert part_of(job, JOB_1)["launchStatus"] == "FAILED"
    assert events_of(drs, job["jobID"], JOB_1)[-1] == "SNAPSHOT_FAIL"


@pytest.mark.drs_scenario("live_instance")
def test_trap_33_a_live_instance_is_destroyed_by_the_next_launch(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    live = {i["sourceServerID"]: i for i in drs.describe_recovery_instances()["items"]}
    assert (live[DB_2]["isDrill"], live[WIKI_1]["isDrill"]) == (False, True)
    assert server_of(drs, DB_2)["recoveryInstanceId"] == live[DB_2]["recoveryInstanceID"]
    assert server_of(drs, DB_2)["lastLaunchResult"] == "SUCCEEDED"
    finished(drs_in_process, drs, DB_2)
    assert instances_of(ec2, live[DB_2]["ec2InstanceID"])[0]["State"]["Name"] == "terminated"


@pytest.mark.drs_scenario("lagging_replication")
@pytest.mark.parametrize("server", [WEB_1, WEB_3], ids=["DISCONNECTED", "STOPPED"])
def test_without_replication_there_is_no_point_in_time_no_lag_and_no_launch(drs_in_process, server):
    drs = drs_in_process.client()
    assert everything(drs, "describe_recovery_snapshots", sourceServerID=server) == []
    assert "lagDuration" not in server_of(drs, server)["dataReplicationInfo"]
    job = finished(drs_in_process, drs, server)
    assert part_of(job, server)["launchStatus"] == "FAILED"
    assert drs.describe_recovery_instances()["items"] == []


@pytest.mark.drs_scenario("disaster")
def test_after_a_disaster_an_older_point_in_time_is_used(drs_in_process):
    drs = drs_in_process.client()
    assert server_of(drs, DB_1)["dataReplicationInfo"]["dataReplicationState"] == "STALLED"
    assert server_of(drs, DB_1)["sourceCloudProperties"]["originRegion"] == "eu-north-1"
    newest = drs.describe_recovery_snapshots(sourceServerID=DB_1, order="DESC")["items"][0]
    job = finished(drs_in_process, drs, DB_1, drill=False)
    assert job["initiatedBy"] == "START_RECOVERY"
    assert events_of(drs, job["jobID"], DB_1)[0] == "USING_PREVIOUS_SNAPSHOT"
    (instance,) = drs.describe_recovery_instances()["items"]
    assert instance["pointInTimeSnapshotDateTime"] == newest["timestamp"]
    assert instance["isDrill"] is False


def test_a_point_in_time_can_be_chosen(drs_in_process):
    drs = drs_in_process.client()
    snapshots = everything(drs, "describe_recovery_snapshots", sourceServerID=DB_1, order="ASC")
    taken = [s for s in snapshots if "timestamp" in s]
    assert len(snapshots) == len(taken) + 1
    assert "timestamp" not in snapshots[-1]
    assert [s["expectedTimestamp"] for s in snapshots] == sorted(s["expectedTimestamp"] for s in snapshots)
    chosen = taken[0]
    servers = [{"sourceServerID": DB_1, "recoverySnapshotID": chosen["snapshotID"]}]
    job = drs.start_recovery(sourceServers=servers, isDrill=True)["job"]
    drs_in_process.finish()
    (instance,) = drs.describe_recovery_instances()["items"]
    assert instance["pointInTimeSnapshotDateTime"] == chosen["timestamp"]
    assert "SNAPSHOT_START" not in events_of(drs, job["jobID"])


def test_snapshots_grow_with_time_and_can_be_filtered(drs_in_process):
    drs = drs_in_process.client()
    before = everything(drs, "describe_recovery_snapshots", sourceServerID=DB_1)
    drs_in_process.advance(1200)
    after = everything(drs, "describe_recovery_snapshots", sourceServerID=DB_1)
    new = {s["snapshotID"] for s in after} - {s["snapshotID"] for s in before}
    assert len(new) == 2
    since = before[-1]["expectedTimestamp"]
    # What DRS answers, it does not take: its model asks for Z.
    asked = {"fromDateTime": since.replace("+00:00", "Z")}
    filtered = everything(drs, "describe_recovery_snapshots", sourceServerID=DB_1, filters=asked)
    assert [s["expectedTimestamp"] >= since for s in filtered] == [True] * 3


@pytest.mark.drs_scenario("wrong_network")
def test_trap_39_launch_settings_are_followed_wherever_they_lead(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    into = drs.get_launch_configuration(sourceServerID=DB_2)["launchIntoInstanceProperties"]
    prepared = into["launchIntoEC2InstanceID"]
    assert instances_of(ec2, prepared)[0]["State"]["Name"] == "stopped"
    job = finished(drs_in_process, drs, DB_1, DB_2, APP_2)
    by_server = {
        p["sourceServerID"]: instance_of(drs, job, p["sourceServerID"]) for p in job["participatingServers"]
    }
    assert by_server[DB_2] == prepared
    production, joined, stopped = (
        instances_of(ec2, by_server[DB_1])[0],
        instances_of(ec2, prepared)[0],
        (instances_of(ec2, by_server[APP_2])[0]),
    )
    assert production["SubnetId"] == "subnet-0a9999a1"
    assert joined["State"]["Name"] == "running"
    assert stopped["State"]["Name"] == "stopped"
    states = {i["sourceServerID"]: i["ec2InstanceState"] for i in drs.describe_recovery_instances()["items"]}
    assert states[APP_2] == "STOPPED"


@pytest.mark.drs_scenario("wrong_network")
def test_launching_into_an_untagged_instance_fails(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    config = drs.get_launch_configuration(sourceServerID=DB_2)
    prepared = config["launchIntoInstanceProperties"]["launchIntoEC2InstanceID"]
    ec2.delete_tags(Resources=[prepared], Tags=[{"Key": "AWSDRS"}])
    job = finished(drs_in_process, drs, DB_2)
    assert part_of(job, DB_2)["launchStatus"] == "FAILED"


def test_stopping_an_instance_in_ec2_shows_in_drs(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    job = finished(drs_in_process, drs, DB_1)
    instance_id = instance_of(drs, job, DB_1)
    ec2.stop_instances(InstanceIds=[instance_id])
    assert drs.describe_recovery_instances()["items"][0]["ec2InstanceState"] == "STOPPED"
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert drs.describe_recovery_instances()["items"][0]["ec2InstanceState"] == "TERMINATED"


def test_launch_configuration_can_be_changed_and_counts_at_the_next_launch(drs_in_process):
    drs = drs_in_process.client()
    drs.update_launch_configuration(
        sourceServerID=DB_1, launchDisposition="STOPPED", licensing={"osByol": True}
    )
    config = drs.get_launch_configuration(sourceServerID=DB_1)
    assert (config["launchDisposition"], config["licensing"], config["copyTags"]) == (
        "STOPPED",
        {"osByol": True},
        True,
    )
    finished(drs_in_process, drs, DB_1)
    assert drs.describe_recovery_instances()["items"][0]["ec2InstanceState"] == "STOPPED"


def totals(row):
    return [disk["totalStorageBytes"] for disk in row["dataReplicationInfo"]["replicatedDisks"]]


def test_a_source_server_is_disconnected_at_once(drs_in_process):
    drs = drs_in_process.client()
    start(drs, DB_1)
    with refused("ConflictException", 409, "processed by a job"):
        drs.disconnect_source_server(sourceServerID=DB_1)
    drs_in_process.finish()
    with refused("ConflictException", 409, "has a recovery instance"):
        drs.disconnect_source_server(sourceServerID=DB_1)
    with refused("ResourceNotFoundException", 404):
        drs.disconnect_source_server(sourceServerID="s-9999999999999999z")
    before = server_of(drs, DB_2)
    answer = drs.disconnect_source_server(sourceServerID=DB_2)
    after = server_of(drs, DB_2)
    assert answer["sourceServerID"] == DB_2
    assert answer["dataReplicationInfo"] == after["dataReplicationInfo"]
    assert after["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED"
    assert "lagDuration" in before["dataReplicationInfo"]
    assert "lagDuration" not in after["dataReplicationInfo"]
    assert all(totals(before))
    assert totals(after) == [0] * len(totals(before))


def test_a_recovery_instance_is_disconnected_before_it_is_deleted(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    job = finished(drs_in_process, drs, DB_1)
    instance_id = instance_of(drs, job, DB_1)
    with refused("ConflictException", 409):
        drs.delete_recovery_instance(recoveryInstanceID=instance_id)
    (before,) = drs.describe_recovery_instances()["items"]
    drs.disconnect_recovery_instance(recoveryInstanceID=instance_id)
    (after,) = drs.describe_recovery_instances()["items"]
    assert [totals(row) for row in (before, after)] == [[30 * 1024**3, 200 * 1024**3], [0, 0]]
    assert after["dataReplicationInfo"]["dataReplicationState"] == "DISCONNECTED"
    assert "lagDuration" not in after["dataReplicationInfo"]
    drs.delete_recovery_instance(recoveryInstanceID=instance_id)
    assert drs.describe_recovery_instances()["items"] == []
    assert instances_of(ec2, instance_id)[0]["State"]["Name"] == "running"
    assert "recoveryInstanceId" not in server_of(drs, DB_1)


@pytest.mark.drs_scenario("three_tier", seed=42, start=1_790_000_000.0)
def test_same_seed_and_same_calls_give_the_same_history(drs_in_process, drs_responses):
    drs_responses.transitions = False

    def history():
        drs = drs_in_process.client()
        job = start(drs, DB_1, DB_2, tags={"a": "b"})
        drs_in_process.finish()
        log = everything(drs, "describe_job_log_items", jobID=job["jobID"])
        instances = drs.describe_recovery_instances()["items"]
        return job_of(drs, job["jobID"]), log, instances

    first = history()
    drs_in_process.reset()
    assert history() == first
    drs_in_process.reset(seed=43)
    assert history()[0]["jobID"] != first[0]["jobID"]


def test_a_job_of_25_servers_takes_about_as_long_as_the_recorded_one(drs_in_process):
    drs_in_process.reset(
        {
            "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}}},
            "servers": {"all": {"generate": 25}},
            "profile": "sample_drill",
        }
    )
    drs = drs_in_process.client()
    ids = [s["sourceServerID"] for s in drs.describe_source_servers()["items"]]
    begin = drs_in_process.now
    start(drs, *ids)
    drs_in_process.finish()
    assert drs.describe_jobs()["items"][0]["status"] == "COMPLETED"
    # Recorded: 28m46s, with EC2 launch times that lie within 47 s.
    assert drs_in_process.now - begin == pytest.approx(28 * 60 + 46, rel=0.05)


def test_the_default_version_of_the_launch_template_decides(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    template = drs.get_launch_configuration(sourceServerID=DB_1)["ec2LaunchTemplateID"]

    def launched_with(data):
        version = ec2.create_launch_template_version(LaunchTemplateId=template, LaunchTemplateData=data)
        number = str(version["LaunchTemplateVersion"]["VersionNumber"])
        ec2.modify_launch_template(LaunchTemplateId=template, DefaultVersion=number)
        return finished(drs_in_process, drs, DB_1)

    job = launched_with({"InstanceType": "r6i.xlarge"})
    instance = instances_of(ec2, instance_of(drs, job, DB_1))[0]
    assert instance["InstanceType"] == "r6i.xlarge"
    assert instance["SubnetId"] != "subnet-0d5111a1"
    job = launched_with({"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "subnet-00000000"}]})
    assert part_of(job, DB_1)["launchStatus"] == "FAILED"
    log = everything(drs, "describe_job_log_items", jobID=job["jobID"])
    assert "InvalidSubnetID.NotFound" in log[-2]["eventData"]["rawError"]


def test_addresses_of_terminated_instances_are_used_again(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    addresses = set()
    for _ in range(4):
        job = finished(drs_in_process, drs, DB_1)
        addresses.add(instances_of(ec2, instance_of(drs, job, DB_1))[0]["PrivateIpAddress"])
    assert len(addresses) == 1


@pytest.mark.drs_scenario("wrong_network")
def test_an_instance_that_is_launched_into_survives_the_next_launch(drs_in_process):
    drs = drs_in_process.client()
    first = instance_of(drs, finished(drs_in_process, drs, DB_2), DB_2)
    assert instance_of(drs, finished(drs_in_process, drs, DB_2), DB_2) == first


@pytest.mark.drs_scenario("wrong_network")
def test_launching_into_an_instance_that_is_gone_fails(drs_in_process):
    drs = drs_in_process.client()
    into = {"launchIntoEC2InstanceID": "i-00000000000000000"}
    drs.update_launch_configuration(sourceServerID=DB_1, launchIntoInstanceProperties=into)
    job = finished(drs_in_process, drs, DB_1)
    assert part_of(job, DB_1)["launchStatus"] == "FAILED"
    assert "InvalidInstanceID.NotFound" in raw_errors(drs, job)[0]
    drs.update_launch_configuration(sourceServerID=DB_1, launchIntoInstanceProperties={})
    assert "launchIntoInstanceProperties" not in drs.get_launch_configuration(sourceServerID=DB_1)


def raw_errors(drs, job):
    log = everything(drs, "describe_job_log_items", jobID=job["jobID"])
    return [item["eventData"]["rawError"] for item in log if "rawError" in item["eventData"]]


@pytest.mark.drs_scenario("wrong_network")
def test_an_instance_without_the_tag_is_not_launched_into(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    into = drs.get_launch_configuration(sourceServerID=DB_2)["launchIntoInstanceProperties"]
    prepared = into["launchIntoEC2InstanceID"]
    ec2.delete_tags(Resources=[prepared], Tags=[{"Key": "AWSDRS"}])
    job = finished(drs_in_process, drs, DB_2)
    assert part_of(job, DB_2)["launchStatus"] == "FAILED"
    assert "lacks the tag AWSDRS=AllowLaunchingIntoThisInstance" in raw_errors(drs, job)[0]
    assert instances_of(ec2, prepared)[0]["State"]["Name"] == "stopped"


def test_an_instance_to_launch_into_can_be_checked_when_it_is_set(drs_in_process):
    scenario = load_scenario("wrong_network").model_copy(update={"launch_into_checked": "update"})
    drs_in_process.reset(scenario)
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    into = drs.get_launch_configuration(sourceServerID=DB_2)["launchIntoInstanceProperties"]
    prepared = into["launchIntoEC2InstanceID"]

    def set_into(instance_id):
        properties = {"launchIntoEC2InstanceID": instance_id}
        drs.update_launch_configuration(sourceServerID=DB_1, launchIntoInstanceProperties=properties)

    set_into(prepared)
    ec2.delete_tags(Resources=[prepared], Tags=[{"Key": "AWSDRS"}])
    with refused("ValidationException", 400, "lacks the tag"):
        set_into(prepared)
    with refused("ValidationException", 400, "does not exist"):
        set_into("i-00000000000000000")
    kept = drs.get_launch_configuration(sourceServerID=DB_1)["launchIntoInstanceProperties"]
    assert kept == {"launchIntoEC2InstanceID": prepared}
    # Nothing of the launch settings needs a check.
    drs.update_launch_configuration(sourceServerID=DB_1, copyTags=False)


def one_server(**server):
    return {
        "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}, "deny": server.pop("deny", [])}},
        "servers": {"all": [{"id": DB_1, "name": "db", **server}]},
        "profile": "quick",
        "post_launch_in_job": True,
    }


def test_a_job_may_wait_for_its_post_launch_actions(drs_in_process):
    actions = [{"name": f"action {n}", "order": n, "duration": 20 * n} for n in (2, 3)]
    drs_in_process.reset(one_server(launch={"post_launch": True}, launch_actions=actions))
    drs = drs_in_process.client()
    job = start(drs, DB_1)
    drs_in_process.advance(60)
    waiting = job_of(drs, job["jobID"])
    assert (waiting["status"], part_of(waiting, DB_1)["launchStatus"]) == ("STARTED", "LAUNCHED")
    drs_in_process.finish()
    done = job_of(drs, job["jobID"])
    statuses = [run["status"] for run in part_of(done, DB_1)["launchActionsStatus"]["runs"]]
    assert (done["status"], statuses) == ("COMPLETED", ["SUCCEEDED", "SUCCEEDED"])


def test_the_source_address_is_kept_if_asked_for(drs_in_process):
    drs_in_process.reset(
        one_server(private_ip="10.0.1.77", launch={"copy_private_ip": True, "copy_tags": False})
    )
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    job = finished(drs_in_process, drs, DB_1)
    instance = instances_of(ec2, instance_of(drs, job, DB_1))[0]
    assert instance["PrivateIpAddress"] == "10.0.1.77"


def test_a_full_subnet_fails_the_launch(drs_in_process):
    tiny = {
        "vpc": "vpc-0d5111aa",
        "subnet": "subnet-0d5111a1",
        "security_group": "sg-0d5111aa",
        "cidr": "10.0.0.0/28",
    }
    world = one_server()
    world["accounts"][ACCOUNT]["regions"][REGION]["networks"] = {"tiny": tiny}
    world["servers"]["all"] = {"generate": 20}
    drs_in_process.reset(world)
    drs = drs_in_process.client()
    everyone = [s["sourceServerID"] for s in drs.describe_source_servers()["items"]]
    job = finished(drs_in_process, drs, *everyone)
    results = [part["launchStatus"] for part in job["participatingServers"]]
    assert 0 < results.count("LAUNCHED") < 16
    assert results.count("FAILED") == 20 - results.count("LAUNCHED")


def test_terminating_without_the_right_to_fails_the_cleanup(drs_in_process):
    drs_in_process.reset(one_server(deny=["ec2:TerminateInstances"], live_instance={"is_drill": True}))
    drs = drs_in_process.client()
    (instance,) = drs.describe_recovery_instances()["items"]
    job = drs.terminate_recovery_instances(recoveryInstanceIDs=[instance["recoveryInstanceID"]])["job"]
    drs_in_process.finish()
    assert part_of(job_of(drs, job["jobID"]), DB_1)["launchStatus"] == "FAILED"
    assert events_of(drs, job["jobID"], DB_1) == ["CLEANUP_START", "CLEANUP_FAIL"]
    assert len(drs.describe_recovery_instances()["items"]) == 1


def test_servers_can_be_found_by_hardware_id(drs_in_process):
    drs = drs_in_process.client()
    assert drs.describe_source_servers(filters={"hardwareId": "none"})["items"] == []


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


def at(item):
    return datetime.fromisoformat(item["logDateTime"]).timestamp()


def times_of(drs, job, event):
    log = everything(drs, "describe_job_log_items", jobID=job["jobID"])
    return [at(item) for item in log if item["event"] == event]


def test_conversion_ends_together_and_launches_follow_together(drs_in_process):
    """However early a server's own conversion began: one here has an earlier instance to be removed first."""
    drs = drs_in_process.client()
    finished(drs_in_process, drs, DB_1)
    job = finished(drs_in_process, drs, DB_1, DB_2, APP_1)
    began, ended = times_of(drs, job, "CONVERSION_START"), times_of(drs, job, "CONVERSION_END")
    launched = times_of(drs, job, "LAUNCH_START")
    assert len(began) == len(ended) == len(launched) == 3
    assert max(began) - min(began) > 20
    assert max(ended) - min(ended) <= 1
    assert max(launched) == min(launched)
    assert 0.2 <= min(launched) - max(ended) <= 5


def test_the_instances_of_a_log_come_with_the_end_of_their_phase(drs_in_process):
    drs = drs_in_process.client()
    job = finished(drs_in_process, drs, DB_1)
    log = everything(drs, "describe_job_log_items", jobID=job["jobID"])
    told = {
        (item["event"], member)
        for item in log
        for member in ("conversionServerID", "targetInstanceID")
        if member in item["eventData"]
    }
    assert told == {("CONVERSION_END", "conversionServerID"), ("LAUNCH_END", "targetInstanceID")}
    ended = datetime.fromisoformat(job["endDateTime"]).timestamp()
    assert at(log[-1]) - ended == pytest.approx(0.026, abs=1e-5)


@pytest.mark.drs_scenario("hung_conversion")
def test_a_hung_conversion_holds_its_whole_job_for_ever(drs_in_process):
    drs = drs_in_process.client()
    job = start(drs, DB_1, DB_2, APP_1)
    drs_in_process.advance(7 * 86_400)
    held = job_of(drs, job["jobID"])
    assert held["status"] == "STARTED"
    assert {part["launchStatus"] for part in held["participatingServers"]} == {"PENDING"}
    assert events_of(drs, job["jobID"])[-3:] == ["CONVERSION_START"] * 3
    with refused("ConflictException", 409):
        start(drs, DB_1)


@pytest.mark.drs_scenario("long_conversion_wait")
def test_a_conversion_may_begin_late(drs_in_process):
    """Recorded: 194 s after the start, 845 s of conversion, 23m56s in all."""
    drs = drs_in_process.client()
    begin = drs_in_process.now
    job = finished(drs_in_process, drs, DB_1, DB_2)
    (first, second) = times_of(drs, job, "CONVERSION_START")
    assert first == second == pytest.approx(begin + 194, abs=1)
    assert drs_in_process.now - begin == pytest.approx(23 * 60 + 56, rel=0.05)


def test_a_server_that_never_was_launched_says_so(drs_in_process):
    server = server_of(drs_in_process.client(), DB_1)
    assert server["lastLaunchResult"] == "NOT_STARTED"
    assert server["lifeCycle"]["lastLaunch"] == {"initiated": {}}


def test_replication_tells_how_it_began(drs_in_process):
    drs = drs_in_process.client()
    infos = [server["dataReplicationInfo"] for server in drs.describe_source_servers()["items"]]
    steps = [[step["status"] for step in info["dataReplicationInitiation"]["steps"]] for info in infos]
    assert {len(each) for each in steps} == {11}
    # The first server of the Region made the replication server that the others share.
    assert sorted(each.count("SKIPPED") for each in steps) == [0, *[5] * 9]
    assert {status for each in steps for status in each} == {"SUCCEEDED", "SKIPPED"}
    for info in infos:
        for disk in info["replicatedDisks"]:
            assert disk["rescannedStorageBytes"] == disk["totalStorageBytes"]
        assert info["lagDuration"] == "P0D"


def texts_of(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for item in value for text in texts_of(item)]
    return [value] if isinstance(value, str) else []


def test_every_time_has_microseconds_and_an_offset(drs_in_process):
    drs = drs_in_process.client()
    job = finished(drs_in_process, drs, DB_1)
    answers = [
        drs.describe_source_servers()["items"],
        drs.describe_jobs()["items"],
        drs.describe_job_log_items(jobID=job["jobID"])["items"],
        drs.describe_recovery_instances()["items"],
        drs.describe_recovery_snapshots(sourceServerID=DB_1)["items"],
    ]
    for answer in answers:
        times = [text for text in texts_of(answer) if re.match(r"\d{4}-\d\d-\d\dT", text)]
        assert times
        assert [text for text in times if not re.fullmatch(r".{19}\.\d{6}\+00:00", text)] == []


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


def test_a_launch_may_pass_from_pending_to_launched(drs_in_process):
    drs_in_process.reset({**one_server(), "launches_show_in_progress": False})
    drs = drs_in_process.client()
    job, seen = start(drs, DB_1), []
    while not seen or seen[-1] != "LAUNCHED":
        drs_in_process.advance(0.5)
        seen.append(part_of(job_of(drs, job["jobID"]), DB_1)["launchStatus"])
    assert set(seen) == {"PENDING", "LAUNCHED"}

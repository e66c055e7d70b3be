"""Source servers: their replication, their points in time, and their end."""

import pytest

from tests.simulator.support import (
    APP_1,
    DB_1,
    DB_2,
    JOB_1,
    WEB_1,
    WEB_3,
    disk_sizes,
    events_of,
    everything,
    finished,
    part_of,
    refused,
    server_of,
    start,
)


def test_a_server_that_never_was_launched_says_so(drs_in_process):
    server = server_of(drs_in_process.client(), DB_1)
    assert server["lastLaunchResult"] == "NOT_STARTED"
    assert server["lifeCycle"]["lastLaunch"] == {"initiated": {}}


def test_servers_can_be_found_by_hardware_id(drs_in_process):
    drs = drs_in_process.client()
    assert drs.describe_source_servers(filters={"hardwareId": "none"})["items"] == []


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
    assert [disk_sizes(row) for row in (before, after)] == [[30 * 1024**3, 200 * 1024**3], [0, 0]]

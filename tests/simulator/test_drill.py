"""A whole drill through boto3, over HTTP and in process."""

import pytest
from botocore.exceptions import ClientError

from drs_simulator.testing import Simulator, in_process, simulator

DATABASES = ["s-1111111111111111a", "s-1111111111111111b"]
EVENTS = [
    "SNAPSHOT_START",
    "SNAPSHOT_END",
    "CONVERSION_START",
    "CONVERSION_END",
    "LAUNCH_START",
    "LAUNCH_END",
]


@pytest.fixture(params=[simulator, in_process], ids=["http", "in_process"])
def sim(request):
    with request.param() as running:
        yield running


def start(sim: Simulator, ids=DATABASES, **options):
    options.setdefault("isDrill", True)
    servers = [{"sourceServerID": i} for i in ids]
    return sim.client("drs").start_recovery(sourceServers=servers, **options)["job"]


def job_of(sim: Simulator, job_id):
    (job,) = sim.client("drs").describe_jobs(filters={"jobIDs": [job_id]})["items"]
    return job


@pytest.mark.contract
def test_a_drill_from_start_to_cleanup(sim):
    drs, ec2 = sim.client("drs"), sim.client("ec2")
    job = start(sim, tags={"ExecutionId": "e-1"})
    assert (job["status"], job["type"], job["initiatedBy"]) == ("PENDING", "LAUNCH", "START_DRILL")
    sim.advance(68)
    # As recorded of 25 servers, 68 s after the call.
    young = job_of(sim, job["jobID"])
    assert young["status"] == "STARTED"
    assert {s["launchStatus"] for s in young["participatingServers"]} == {"PENDING"}
    sim.advance(232)
    launching = job_of(sim, job["jobID"])
    assert launching["status"] == "STARTED"
    assert {s["launchStatus"] for s in launching["participatingServers"]} == {"IN_PROGRESS"}
    sim.advance(300)
    done = job_of(sim, job["jobID"])
    assert done["status"] == "COMPLETED"
    assert done["tags"] == {"ExecutionId": "e-1"}
    assert {s["launchStatus"] for s in done["participatingServers"]} == {"LAUNCHED"}

    log = drs.describe_job_log_items(jobID=job["jobID"])["items"]
    assert (log[0]["event"], log[-1]["event"]) == ("JOB_START", "JOB_END")
    for server_id in DATABASES:
        own = [item["event"] for item in log if item["eventData"].get("sourceServerID") == server_id]
        assert own == EVENTS
    assert all(item["logDateTime"].endswith("+00:00") for item in log)

    found = drs.describe_recovery_instances(filters={"sourceServerIDs": DATABASES})["items"]
    assert {i["sourceServerID"] for i in found} == set(DATABASES)
    assert {(i["isDrill"], i["jobID"], i["ec2InstanceState"]) for i in found} == {
        (True, job["jobID"], "RUNNING")
    }
    ids = [i["ec2InstanceID"] for i in found]
    instances = [i for r in ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]]
    assert {i["InstanceType"] for i in instances} == {"r6i.large"}
    assert {i["SubnetId"] for i in instances} == {"subnet-0d5111a1"}
    assert {t["Value"] for i in instances for t in i["Tags"] if t["Key"] == "Name"} == {
        "erp-db-1",
        "erp-db-2",
    }
    assert all(abs(i["LaunchTime"].timestamp() - sim.now) < 120 for i in instances)

    ending = drs.terminate_recovery_instances(recoveryInstanceIDs=ids)["job"]
    sim.advance(120)
    assert {s["launchStatus"] for s in job_of(sim, ending["jobID"])["participatingServers"]} == {"TERMINATED"}
    assert drs.describe_recovery_instances()["items"] == []
    states = ec2.describe_instances(InstanceIds=ids)["Reservations"]
    assert {i["State"]["Name"] for r in states for i in r["Instances"]} == {"terminated"}


@pytest.mark.contract
def test_trap_29_one_busy_server_refuses_the_whole_call(sim):
    start(sim, DATABASES[:1])
    with pytest.raises(ClientError) as caught:
        start(sim)
    assert caught.value.response["Error"]["Code"] == "ConflictException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert len(sim.region("111122223333", "eu-west-1").jobs) == 1


@pytest.mark.contract
def test_trap_20_launching_again_removes_the_earlier_instance(sim):
    start(sim)
    sim.finish()
    drs, ec2 = sim.client("drs"), sim.client("ec2")
    first = {i["ec2InstanceID"] for i in drs.describe_recovery_instances()["items"]}
    second_job = start(sim)
    sim.finish()
    second = {i["ec2InstanceID"] for i in drs.describe_recovery_instances()["items"]}
    assert first.isdisjoint(second)
    gone = ec2.describe_instances(InstanceIds=sorted(first))["Reservations"]
    assert {i["State"]["Name"] for r in gone for i in r["Instances"]} == {"terminated"}
    log = [i["event"] for i in drs.describe_job_log_items(jobID=second_job["jobID"])["items"]]
    assert log.count("CLEANUP_START") == log.count("CLEANUP_END") == 2
    assert log.index("CLEANUP_END") < log.index("SNAPSHOT_START")

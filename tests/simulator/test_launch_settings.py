"""Launch configurations and templates are followed, wherever they lead."""

import pytest

from drs_simulator.scenario import load_scenario
from tests.simulator.support import (
    ACCOUNT,
    APP_2,
    DB_1,
    DB_2,
    REGION,
    everything,
    finished,
    instance_of,
    instances_of,
    one_server,
    part_of,
    refused,
)


def raw_errors(drs, job):
    log = everything(drs, "describe_job_log_items", jobID=job["jobID"])
    return [item["eventData"]["rawError"] for item in log if "rawError" in item["eventData"]]


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


def test_the_source_address_is_kept_if_asked_for(drs_in_process):
    drs_in_process.reset(
        one_server(private_ip="10.0.1.77", launch={"copy_private_ip": True, "copy_tags": False})
    )
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    job = finished(drs_in_process, drs, DB_1)
    instance = instances_of(ec2, instance_of(drs, job, DB_1))[0]
    assert instance["PrivateIpAddress"] == "10.0.1.77"


def test_addresses_of_terminated_instances_are_used_again(drs_in_process):
    drs, ec2 = drs_in_process.client(), drs_in_process.client("ec2")
    addresses = set()
    for _ in range(4):
        job = finished(drs_in_process, drs, DB_1)
        addresses.add(instances_of(ec2, instance_of(drs, job, DB_1))[0]["PrivateIpAddress"])
    assert len(addresses) == 1


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


@pytest.mark.drs_scenario("wrong_network")
def test_an_instance_that_is_launched_into_survives_the_next_launch(drs_in_process):
    drs = drs_in_process.client()
    first = instance_of(drs, finished(drs_in_process, drs, DB_2), DB_2)
    assert instance_of(drs, finished(drs_in_process, drs, DB_2), DB_2) == first


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

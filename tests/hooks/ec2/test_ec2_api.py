from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from drs_provider.core.account import AwsTarget
from drs_provider.core.answers import Members
from drs_provider.exceptions import DrsAccessDeniedError
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.ec2.ec2_api import Ec2Api, Subnet
from drs_provider.hooks.ec2.launch_templates import LaunchInterface, LaunchTemplate
from tests.hooks.conftest import SESSION_NAME
from tests.hooks.scripted_aws import Refusal

UNKNOWN = "i-0123456789abcdef0"


@pytest.fixture(scope="module")
def moto_url():
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def ec2_clients(moto_url, set_connection):
    set_connection(
        login="AKIATEST",
        password="secret-of-test",
        extra={"endpoint_url": moto_url, "service_config": {"sts": {"endpoint_url": moto_url}}},
    )
    return AwsClients(
        AwsTarget("branch", "aws_dr", "222233334444", "eu-central-1", role="DRSOrchestrationRole"),
        SESSION_NAME,
    )


@pytest.fixture
def others(moto_url):
    """EC2's client of people who set the scene, in the target's account and Region."""
    hub = boto3.session.Session(aws_access_key_id="AKIATEST", aws_secret_access_key="secret-of-test")
    role = hub.client("sts", endpoint_url=moto_url, region_name="eu-central-1").assume_role(
        RoleArn="arn:aws:iam::222233334444:role/People", RoleSessionName="people"
    )["Credentials"]
    return boto3.session.Session(
        aws_access_key_id=role["AccessKeyId"],
        aws_secret_access_key=role["SecretAccessKey"],
        aws_session_token=role["SessionToken"],
    ).client("ec2", endpoint_url=moto_url, region_name="eu-central-1")


@pytest.fixture
def ec2(ec2_clients):
    return Ec2Api(ec2_clients)


def launched(others, count):
    answer = others.run_instances(ImageId="ami-12c6146b", MinCount=count, MaxCount=count)
    return [row["InstanceId"] for row in answer["Instances"]]


def test_instances_by_id(ec2, others):
    ids = launched(others, 3)
    found = ec2.instances(ids)
    assert set(found) == set(ids)
    assert {row["State"]["Name"] for row in found.values()} == {"running"}


def test_trap_03_instances_are_looked_for_in_the_targets_account_and_region(moto_url, ec2, others):
    ids = launched(others, 1)
    elsewhere = boto3.client(
        "ec2", "eu-west-1", endpoint_url=moto_url, aws_access_key_id="a", aws_secret_access_key="b"
    )
    assert ec2.instances(ids).keys() == set(ids)
    with pytest.raises(ClientError, match="does not exist"):
        elsewhere.describe_instances(InstanceIds=ids)


def test_trap_36_unknown_instances_are_absent_and_hide_no_other(ec2, others):
    ids = launched(others, 2)
    found = ec2.instances([ids[0], UNKNOWN, ids[1], "i-0123456789abcdef1"])
    assert set(found) == set(ids)
    assert ec2.instances([UNKNOWN]) == {}
    assert ec2.instances([]) == {}


def test_more_instances_than_one_request_takes(ec2, others):
    ids = launched(others, 205)
    assert set(ec2.instances(ids)) == set(ids)


def test_trap_36_ec2_that_cannot_answer_is_an_error(aws, own_clients):
    aws.answer("DescribeInstances", Refusal("UnauthorizedOperation", 403))
    with pytest.raises(DrsAccessDeniedError, match="DescribeInstances was denied"):
        Ec2Api(own_clients).instances([UNKNOWN])


def test_not_found_that_names_none_of_ours_is_an_error(aws, own_clients):
    aws.answer("DescribeInstances", Refusal("InvalidInstanceID.NotFound", message="nothing named"))
    with pytest.raises(ClientError, match="nothing named"):
        Ec2Api(own_clients).instances([UNKNOWN])
    assert len(aws.calls_of("DescribeInstances")) == 1


def test_subnets(ec2, others):
    vpc = others.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = others.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
    found = ec2.subnets([subnet, "subnet-0123456789abcdef0"])
    assert set(found) == {subnet}
    assert (found[subnet].vpc_id, found[subnet].cidr_block, found[subnet].free_addresses) == (
        vpc,
        "10.7.1.0/24",
        251,
    )
    assert found[subnet].availability_zone.startswith("eu-central-1")


def test_launch_template_of_the_default_version(ec2, others):
    interfaces = [
        {
            "DeviceIndex": 0,
            "SubnetId": "subnet-0d5222b1",
            "Groups": ["sg-0d5222bb"],
            "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.7", "Primary": True}],
            "SecondaryPrivateIpAddressCount": 2,
        }
    ]
    template = others.create_launch_template(
        LaunchTemplateName="drs-1",
        LaunchTemplateData={"NetworkInterfaces": interfaces, "InstanceType": "m6i.large"},
    )["LaunchTemplate"]["LaunchTemplateId"]
    others.create_launch_template_version(
        LaunchTemplateId=template, LaunchTemplateData={"SecurityGroupIds": ["sg-0000000a"]}
    )
    found = ec2.launch_templates([template])[template]
    assert (found.version, found.instance_type) == (1, "m6i.large")
    assert found.subnet_ids == ("subnet-0d5222b1",)
    assert found.security_group_ids == ("sg-0d5222bb",)
    assert found.private_ips == ("10.0.0.7",)
    assert found.interfaces[0].address_count == 3
    assert not found.by_attributes


def test_a_template_that_names_attributes_in_place_of_a_type():
    data = {"InstanceRequirements": {"VCpuCount": {"Min": 2}, "MemoryMiB": {"Min": 4096}}}
    row = {"LaunchTemplateId": "lt-1", "VersionNumber": 1, "LaunchTemplateData": data}
    found = LaunchTemplate.from_api(row)
    assert (found.instance_type, found.by_attributes) == ("", True)


@pytest.mark.parametrize(
    ("interface", "count"),
    [
        ({}, 1),
        ({"PrivateIpAddress": "10.0.0.7"}, 1),
        ({"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.7"}, {"PrivateIpAddress": "10.0.0.8"}]}, 2),
        ({"SecondaryPrivateIpAddressCount": 3}, 4),
        ({"Ipv4PrefixCount": 1}, 17),
        ({"NetworkInterfaceId": "eni-1"}, 0),
    ],
)
def test_addresses_that_an_interface_takes(interface, count):
    assert LaunchInterface.of(Members(interface)).address_count == count


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"SecurityGroups": ["default"]}, "security groups by name: default"),
        (
            {"NetworkInterfaces": [{"NetworkInterfaceId": "eni-0000000a"}]},
            "existing network interface eni-0000000a",
        ),
        (
            {"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "subnet-0d5222b1"}, {"DeviceIndex": 1}]},
            "network interface 1 without a subnet",
        ),
    ],
)
def test_trap_39_what_a_launch_template_leaves_open_is_told(ec2, others, data, told):
    created = others.create_launch_template(
        LaunchTemplateName=f"open-{told[:3]}-{len(told)}", LaunchTemplateData=data
    )
    template = created["LaunchTemplate"]["LaunchTemplateId"]
    assert ec2.launch_templates([template])[template].unresolved == (told,)


def test_launch_template_that_does_not_exist_is_absent(ec2):
    assert ec2.launch_templates(["lt-0123456789abcdef0"]) == {}


def test_launch_templates_that_cannot_be_read_are_an_error(aws, own_clients):
    aws.answer("DescribeLaunchTemplateVersions", Refusal("UnauthorizedOperation", 403))
    with pytest.raises(DrsAccessDeniedError, match="DescribeLaunchTemplateVersions was denied"):
        Ec2Api(own_clients).launch_templates(["lt-0123456789abcdef0"])


def test_running_instances_are_all_that_run(ec2, others):
    ids = launched(others, 3)
    others.stop_instances(InstanceIds=ids[:1])
    assert {row["InstanceId"] for row in ec2.running_instances()}.issuperset(ids[1:])
    assert ids[0] not in {row["InstanceId"] for row in ec2.running_instances()}


def test_vcpus_of_types_that_the_region_offers(ec2):
    assert ec2.default_vcpus(["t3.medium", "r6i.large", "no.such"]) == {"t3.medium": 2, "r6i.large": 2}
    assert ec2.default_vcpus([]) == {}


def test_network_interfaces_by_address(ec2, others):
    (instance,) = launched(others, 1)
    address = ec2.instances([instance])[instance]["PrivateIpAddress"]
    (found,) = ec2.network_interfaces_with([address, "192.0.2.99"])
    assert found["Attachment"]["InstanceId"] == instance


def test_a_subnet_of_ipv6_only_has_no_ipv4_block():
    row = {"SubnetId": "subnet-1", "VpcId": "vpc-1", "Ipv6Native": True, "AvailableIpAddressCount": 0}
    assert Subnet.from_api(row) == Subnet("subnet-1", "vpc-1", "", "", 0, ipv6_only=True)
    assert Subnet.from_api({"SubnetId": "subnet-1"}) == Subnet("subnet-1", "", "", "", None)


def test_instances_of_jobs_by_their_tags_from_all_pages_and_requests(ec2, others):
    jobs = [f"drsjob-{number:017x}" for number in range(1, 402)]
    made = {}
    for job in (jobs[0], jobs[250], jobs[400], "drsjob-of-others"):
        (made[job],) = launched(others, 1)
        tags = [{"Key": "drs.amazonaws.com-job", "Value": job}]
        others.create_tags(Resources=[made[job]], Tags=tags)
    others = made.pop("drsjob-of-others")
    found = ec2.instances_of_jobs(jobs)
    assert set(found) == set(made.values())
    assert others not in found
    assert ec2.instances_of_jobs([]) == {}

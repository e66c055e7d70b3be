from __future__ import annotations

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from drs_provider.exceptions import DrsAccessDeniedError
from drs_provider.hooks.clients import AwsClients
from drs_provider.hooks.ec2_api import Ec2Api, LaunchNetworks
from drs_provider.plan.account import AwsTarget
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
def ec2(ec2_clients):
    return Ec2Api(ec2_clients)


def launched(clients, count):
    answer = clients.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=count, MaxCount=count)
    return [row["InstanceId"] for row in answer["Instances"]]


def test_instances_by_id(ec2, ec2_clients):
    ids = launched(ec2_clients, 3)
    found = ec2.instances(ids)
    assert set(found) == set(ids)
    assert {row["State"]["Name"] for row in found.values()} == {"running"}


def test_trap_03_instances_are_looked_for_in_the_targets_account_and_region(moto_url, ec2, ec2_clients):
    ids = launched(ec2_clients, 1)
    elsewhere = boto3.client(
        "ec2", "eu-west-1", endpoint_url=moto_url, aws_access_key_id="a", aws_secret_access_key="b"
    )
    assert ec2.instances(ids).keys() == set(ids)
    with pytest.raises(ClientError, match="does not exist"):
        elsewhere.describe_instances(InstanceIds=ids)


def test_trap_36_unknown_instances_are_absent_and_hide_no_other(ec2, ec2_clients):
    ids = launched(ec2_clients, 2)
    found = ec2.instances([ids[0], UNKNOWN, ids[1], "i-0123456789abcdef1"])
    assert set(found) == set(ids)
    assert ec2.instances([UNKNOWN]) == {}
    assert ec2.instances([]) == {}


def test_more_instances_than_one_request_takes(ec2, ec2_clients):
    ids = launched(ec2_clients, 205)
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


def test_subnets(ec2, ec2_clients):
    client = ec2_clients.client("ec2")
    vpc = client.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnet = client.create_subnet(VpcId=vpc, CidrBlock="10.7.1.0/24")["Subnet"]["SubnetId"]
    found = ec2.subnets([subnet, "subnet-0123456789abcdef0"])
    assert set(found) == {subnet}
    assert (found[subnet].vpc_id, found[subnet].cidr_block, found[subnet].free_addresses) == (
        vpc,
        "10.7.1.0/24",
        251,
    )
    assert found[subnet].availability_zone.startswith("eu-central-1")


def test_launch_template_networks_of_the_default_version(ec2, ec2_clients):
    client = ec2_clients.client("ec2")
    interfaces = [
        {
            "DeviceIndex": 0,
            "SubnetId": "subnet-0d5222b1",
            "Groups": ["sg-0d5222bb"],
            "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.7", "Primary": True}],
        }
    ]
    template = client.create_launch_template(
        LaunchTemplateName="drs-1", LaunchTemplateData={"NetworkInterfaces": interfaces}
    )["LaunchTemplate"]["LaunchTemplateId"]
    client.create_launch_template_version(
        LaunchTemplateId=template, LaunchTemplateData={"SecurityGroupIds": ["sg-0000000a"]}
    )
    assert ec2.launch_template_networks(template) == LaunchNetworks(
        template, 1, ("subnet-0d5222b1",), ("sg-0d5222bb",), ("10.0.0.7",)
    )
    assert ec2.launch_template_networks(template, "2") == LaunchNetworks(
        template, 2, (), ("sg-0000000a",), ()
    )


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
def test_trap_39_what_a_launch_template_leaves_open_is_told(ec2, ec2_clients, data, told):
    created = ec2_clients.client("ec2").create_launch_template(
        LaunchTemplateName=f"open-{told[:3]}-{len(told)}", LaunchTemplateData=data
    )
    assert ec2.launch_template_networks(created["LaunchTemplate"]["LaunchTemplateId"]).unresolved == (told,)


def test_launch_template_that_does_not_exist_is_an_error(ec2):
    with pytest.raises(ClientError):
        ec2.launch_template_networks("lt-0123456789abcdef0")

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drs_provider.hooks.ec2.launch_templates import LaunchInterface
from tests.preflight.world import (
    DB_1,
    DB_2,
    MAIN,
    SUBNET,
    VPC,
    WEB_1,
    WEB_2,
    FakeAws,
    aws_error,
    check,
    codes,
    found,
    healthy,
    instance,
    machine,
    networks,
    plan,
    wave,
)

OTHER_SUBNET = "subnet-0d5111b2"
OPEN = plan(network={"drill": {"allowed_vpcs": [VPC]}})
RECOVERY = {"execution_type": "RECOVERY", "source_state": "lost"}
BOTH = pytest.mark.parametrize("conf", [{}, RECOVERY], ids=["drill", "recovery"])


def _template(server: str) -> str:
    return f"lt-{server[2:]}"


def _fix(aws: FakeAws, server: str, *addresses: str, subnet: str = SUBNET) -> None:
    interface = LaunchInterface(subnet, private_ips=addresses, address_count=max(1, len(addresses)))
    template = _template(server)
    aws.templates[template] = replace(networks(template), interfaces=(interface,))


@BOTH
def test_a_subnet_must_hold_all_waves_together(conf: dict[str, Any]) -> None:
    aws = healthy()
    aws.free_addresses[SUBNET] = 4
    assert check(aws, **conf).report.findings == ()
    aws.free_addresses[SUBNET] = 3
    finding = found(check(aws, **conf), "addresses_short")
    assert finding.subject == f"subnet {SUBNET}"
    assert set(finding.server_ids) == {DB_1, DB_2, WEB_1, WEB_2}
    assert "take 4 private addresses" in finding.message
    assert "3 are free" in finding.message
    assert "1 are missing" in finding.message
    assert not check(aws, **conf).report.ok
    assert check(aws, preflight="warn", **conf).report.ok


def test_waves_that_are_left_out_take_no_addresses() -> None:
    aws = healthy()
    aws.free_addresses[SUBNET] = 2
    assert check(aws, waves=["database"]).report.ok


def test_every_address_of_an_interface_counts() -> None:
    aws = healthy()
    aws.free_addresses[SUBNET] = 6
    extra = LaunchInterface(SUBNET, address_count=3, device_index=1)
    template = _template(DB_1)
    aws.templates[template] = replace(networks(template), interfaces=(LaunchInterface(SUBNET), extra))
    finding = found(check(aws), "addresses_short")
    assert "take 7 private addresses" in finding.message


def test_subnets_are_counted_apart() -> None:
    aws = healthy()
    aws.known_subnets[OTHER_SUBNET] = VPC
    aws.free_addresses = {SUBNET: 3, OTHER_SUBNET: 1}
    aws.templates[_template(DB_1)] = networks(_template(DB_1), [OTHER_SUBNET])
    assert check(aws, OPEN).report.ok
    aws.free_addresses[OTHER_SUBNET] = 0
    assert found(check(aws, OPEN), "addresses_short").server_ids == (DB_1,)


def test_what_earlier_instances_hold_becomes_free() -> None:
    aws = healthy()
    aws.free_addresses[SUBNET] = 3
    aws.recovered = [instance(DB_1, is_drill=True)]
    aws.machines = [machine(f"i-{DB_1[2:]}")]
    assert check(aws).report.ok
    aws.machines[0]["NetworkInterfaces"][0]["SubnetId"] = OTHER_SUBNET
    assert "addresses_short" in codes(check(aws).report.blocking)


def test_two_targets_of_one_account_share_a_subnet() -> None:
    aws = healthy()
    aws.free_addresses[SUBNET] = 3
    of_plan = plan(
        targets={"main": MAIN, "again": MAIN},
        protection_groups={
            "db": {"target": "main", "servers": [DB_1, DB_2]},
            "web": {"target": "again", "servers": [WEB_1, WEB_2]},
        },
        waves=[wave("database", ["db"]), wave("web", ["web"])],
    )
    worlds = {"main": aws, "again": aws}
    assert "take 4 private addresses" in found(check(worlds, of_plan), "addresses_short").message
    aws.free_addresses[SUBNET] = 4
    assert check(worlds, of_plan).report.ok


def test_servers_launched_into_instances_take_no_address() -> None:
    aws = healthy()
    aws.free_addresses[SUBNET] = 3
    aws.settings[DB_1] = {"launchIntoInstanceProperties": {"launchIntoEC2InstanceID": "i-0aaaaaaa"}}
    assert "addresses_short" not in codes(check(aws).report.findings)


@BOTH
def test_a_subnet_that_ec2_does_not_know_blocks(conf: dict[str, Any]) -> None:
    aws = healthy()
    aws.templates[_template(DB_1)] = networks(_template(DB_1), [OTHER_SUBNET])
    finding = found(check(aws, OPEN, **conf), "subnet_unknown")
    assert finding.server_ids == (DB_1,)
    assert OTHER_SUBNET in finding.servers[0].detail
    assert finding in check(aws, OPEN, **conf).report.blocking


@BOTH
def test_fixed_addresses_that_clash_with_each_other(conf: dict[str, Any]) -> None:
    aws = healthy()
    _fix(aws, DB_1, "10.0.0.10")
    _fix(aws, WEB_1, "10.0.0.11")
    assert check(aws, **conf).report.findings == ()
    _fix(aws, WEB_1, "10.0.0.10")
    finding = found(check(aws, **conf), "private_ip_twice")
    assert finding.server_ids == (WEB_1,)
    assert "10.0.0.10" in finding.servers[0].detail
    assert "erp-db-1" in finding.servers[0].detail
    assert finding.overridable


def test_the_same_address_in_two_subnets_is_no_clash() -> None:
    aws = healthy()
    aws.known_subnets[OTHER_SUBNET] = "vpc-0other"
    _fix(aws, DB_1, "10.0.0.10")
    _fix(aws, WEB_1, "10.0.0.10", subnet=OTHER_SUBNET)
    report = check(aws, plan(network=None)).report
    assert codes(report.blocking) == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.1.0.10", "is not in the subnet"),
        ("10.0.0.3", "is kept by AWS"),
        ("10.0.0.255", "is kept by AWS"),
        ("10.0.0.4", ""),
        ("10.0.0.254", ""),
    ],
)
def test_fixed_addresses_must_be_in_their_subnet(address: str, reason: str) -> None:
    aws = healthy()
    aws.cidr_blocks[SUBNET] = "10.0.0.0/24"
    _fix(aws, DB_1, address)
    report = check(aws).report
    assert codes(report.blocking) == (["private_ip_outside_subnet"] if reason else [])
    assert reason in report.text()


def test_an_address_that_somebody_has_blocks() -> None:
    aws = healthy()
    _fix(aws, DB_1, "10.0.0.10")
    taken = {"SubnetId": SUBNET, "PrivateIpAddress": "10.0.0.10", "NetworkInterfaceId": "eni-0aaaaaaa"}
    aws.interfaces = [taken]
    finding = found(check(aws), "private_ip_in_use")
    assert finding.server_ids == (DB_1,)
    assert "eni-0aaaaaaa" in finding.servers[0].detail
    aws.interfaces = [{**taken, "SubnetId": OTHER_SUBNET}]
    assert check(aws).report.ok


def test_an_address_of_the_servers_own_earlier_instance_becomes_free() -> None:
    aws = healthy()
    _fix(aws, DB_1, "10.0.0.10")
    aws.recovered = [instance(DB_1, is_drill=True)]
    holder = {"Attachment": {"InstanceId": f"i-{DB_1[2:]}"}}
    aws.interfaces = [{"SubnetId": SUBNET, "PrivateIpAddress": "10.0.0.10", **holder}]
    assert check(aws).report.ok
    aws.recovered = [instance(DB_2, is_drill=True, ec2InstanceID=f"i-{DB_1[2:]}")]
    assert codes(check(aws).report.blocking) == ["private_ip_in_use"]


def test_a_copied_address_of_the_source_is_a_fixed_one() -> None:
    aws = healthy()
    aws.cidr_blocks[SUBNET] = "10.0.0.0/24"
    addresses = [{"ips": ["fe80::1", "192.168.1.5"], "isPrimary": True}, {"ips": ["10.0.0.9"]}]
    aws.servers[0] = {**aws.servers[0], "sourceProperties": {"networkInterfaces": addresses}}
    template = {"ec2LaunchTemplateID": _template(DB_1)}
    aws.settings[DB_1] = template
    assert check(aws).report.ok
    aws.settings[DB_1] = {**template, "copyPrivateIp": True}
    finding = found(check(aws), "private_ip_outside_subnet")
    assert "192.168.1.5" in finding.servers[0].detail


def test_trap_04_interfaces_that_cannot_be_read_block() -> None:
    aws = healthy()
    _fix(aws, DB_1, "10.0.0.10")
    aws.errors["network_interfaces_with"] = aws_error("DescribeNetworkInterfaces")
    (finding,) = check(aws).report.blocking
    assert "fixed private addresses could not be checked" in finding.message
    assert "DescribeNetworkInterfaces" in finding.message


def test_an_address_that_is_none_blocks() -> None:
    aws = healthy()
    _fix(aws, DB_1, "10.0.0.999")
    (finding,) = check(aws).report.blocking
    assert "10.0.0.999 is no IPv4 address" in str(finding.servers)


@BOTH
def test_a_subnet_of_ipv6_only_is_never_short(conf: dict[str, Any]) -> None:
    aws = healthy()
    aws.ipv6_only, aws.cidr_blocks[SUBNET], aws.free_addresses[SUBNET] = {SUBNET}, "", 0
    assert check(aws, **conf).report.findings == ()
    _fix(aws, DB_1, "10.0.0.9")
    finding = found(check(aws, **conf), "private_ip_outside_subnet")
    assert "IPv6 only" in str(finding.servers)


@BOTH
def test_what_ec2_does_not_tell_of_a_subnet_is_a_warning(conf: dict[str, Any]) -> None:
    aws = healthy()
    aws.free_addresses[SUBNET] = None
    assert "how many addresses" in found(check(aws, **conf), "addresses_unknown").message
    aws.free_addresses[SUBNET], aws.cidr_blocks[SUBNET] = 4000, ""
    _fix(aws, DB_1, "10.0.0.9")
    assert "which addresses" in found(check(aws, **conf), "addresses_unknown").message
    assert check(aws, **conf).report.ok

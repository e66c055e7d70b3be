from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drs_provider.hooks.ec2.launch_templates import LaunchInterface
from drs_provider.preflight.findings import Severity
from tests.preflight.world import (
    DB_1,
    DB_2,
    GROUP,
    SUBNET,
    VPC,
    WEB_1,
    aws_error,
    check,
    codes,
    found,
    healthy,
    networks,
    plan,
)

TEMPLATE = "lt-1111111111111111a"
PRODUCTION_SUBNET, PRODUCTION_VPC = "subnet-0aaaaaa1", "vpc-0aaaaaaa"


@pytest.mark.parametrize(
    ("subnets", "groups", "culprit"),
    [
        ((), (GROUP,), "no subnet"),
        ((PRODUCTION_SUBNET,), (GROUP,), PRODUCTION_SUBNET),
        ((SUBNET, PRODUCTION_SUBNET), (GROUP,), PRODUCTION_SUBNET),
        ((SUBNET,), (), "no security group"),
        ((SUBNET,), (GROUP, "sg-0bbbbbbb"), "sg-0bbbbbbb"),
    ],
)
def test_trap_39_a_launch_template_outside_the_drill_network_blocks(
    subnets: tuple[str, ...], groups: tuple[str, ...], culprit: str
) -> None:
    aws = healthy()
    aws.known_subnets[PRODUCTION_SUBNET] = VPC
    aws.templates[TEMPLATE] = networks(TEMPLATE, subnets, groups)
    (finding,) = check(aws).report.blocking
    assert finding.code == "outside_drill_network"
    assert finding.server_ids == (DB_1,)
    assert culprit in finding.servers[0].detail
    assert TEMPLATE in finding.servers[0].detail


@pytest.mark.parametrize(
    ("allowed", "code"),
    [
        ({"allowed_vpcs": [VPC]}, "outside_drill_network"),
        ({"allowed_subnets": [PRODUCTION_SUBNET]}, None),
        ({"allowed_subnets": [PRODUCTION_SUBNET], "allowed_vpcs": [VPC]}, "outside_drill_network"),
    ],
)
def test_trap_39_every_list_of_the_plan_must_hold(allowed: dict[str, Any], code: str | None) -> None:
    aws = healthy()
    aws.known_subnets[PRODUCTION_SUBNET] = PRODUCTION_VPC
    aws.templates[TEMPLATE] = networks(TEMPLATE, [PRODUCTION_SUBNET])
    of_plan = plan(
        network={"drill": allowed},
        protection_groups={"db": {"target": "main", "servers": [DB_1]}},
        waves=[{"name": "database", "groups": ["db"]}],
    )
    report = check(aws, of_plan).report
    assert codes(report.blocking) == ([code] if code else [])


def test_trap_39_a_launch_template_that_leaves_the_network_open_blocks() -> None:
    aws = healthy()
    extra = LaunchInterface(existing_id="eni-1", address_count=0)
    aws.templates[TEMPLATE] = replace(networks(TEMPLATE), interfaces=(LaunchInterface(SUBNET), extra))
    (finding,) = check(aws).report.blocking
    assert finding.code == "outside_drill_network"
    assert "eni-1" in finding.servers[0].detail


def test_trap_39_a_subnet_that_ec2_does_not_know_blocks() -> None:
    aws = healthy()
    aws.known_subnets = {}
    report = check(aws, plan(network={"drill": {"allowed_vpcs": [VPC]}})).report
    (finding,) = report.blocking
    assert finding.code == "subnet_unknown"
    assert "EC2 does not know" in finding.message
    assert len(finding.servers) == 4


def test_trap_39_launching_into_an_instance_blocks_a_drill_whatever_is_overridden() -> None:
    aws = healthy()
    into = {"launchIntoInstanceProperties": {"launchIntoEC2InstanceID": "i-0123456789abcdef0"}}
    aws.settings[DB_2] = {"ec2LaunchTemplateID": "lt-2", **into}
    for of_plan in (plan(), plan(network=None)):
        (finding,) = check(aws, of_plan, preflight="warn").report.blocking
        assert finding.code == "launch_into_instance"
        assert finding.server_ids == (DB_2,)
        assert "i-0123456789abcdef0" in finding.servers[0].detail


def test_an_empty_launch_into_is_none() -> None:
    aws = healthy()
    aws.settings[DB_2] = {
        "ec2LaunchTemplateID": "lt-2",
        "launchIntoInstanceProperties": {"launchIntoEC2InstanceID": ""},
    }
    assert check(aws).report.findings == ()


def test_trap_39_launch_settings_that_cannot_be_read_block() -> None:
    aws = healthy()
    aws.errors["launch_configuration"] = aws_error("GetLaunchConfiguration")
    report = check(aws, preflight="warn").report
    (finding,) = report.blocking
    assert "launch settings could not be checked" in finding.message
    assert "GetLaunchConfiguration" in finding.message


def test_trap_39_a_launch_template_that_ec2_does_not_know_blocks() -> None:
    aws = healthy()
    aws.templates[TEMPLATE] = None
    (finding,) = check(aws).report.blocking
    assert (finding.code, finding.server_ids) == ("launch_template_unusable", (DB_1,))
    assert TEMPLATE in finding.servers[0].detail


def test_trap_39_no_launch_template_blocks_a_drill_and_warns_a_recovery() -> None:
    aws = healthy()
    aws.settings[DB_1] = {"ec2LaunchTemplateID": ""}
    (finding,) = check(aws).report.blocking
    assert (finding.code, finding.server_ids) == ("launch_template_unusable", (DB_1,))
    recovery = check(aws, execution_type="RECOVERY", source_state="lost").report
    assert recovery.ok
    assert codes(recovery.warnings) == ["launch_template_unusable"]


@pytest.mark.parametrize("call", ["launch_templates", "subnets"])
def test_trap_39_ec2_that_does_not_answer_blocks_unless_overridden(call: str) -> None:
    aws = healthy()
    aws.errors[call] = aws_error("DescribeSomething")
    (finding,) = check(aws).report.blocking
    assert finding.code == "could_not_be_checked"
    assert "the drill network" in finding.message
    assert "free addresses" in finding.message
    assert "DescribeSomething" in finding.message
    overridden = check(aws, preflight="warn").report
    assert overridden.ok
    assert [f.overridden for f in overridden.warnings] == [True]


def test_the_network_may_be_overridden_and_that_is_recorded() -> None:
    aws = healthy()
    aws.templates[TEMPLATE] = networks(TEMPLATE, [])
    report = check(aws, preflight="warn").report
    assert report.ok
    assert report.overrides()[0]["servers"] == [DB_1]


def test_a_template_is_read_once_for_all_its_servers() -> None:
    aws = healthy()
    aws.settings = {id_: {"ec2LaunchTemplateID": TEMPLATE} for id_ in (DB_1, DB_2, WEB_1)}
    aws.templates[TEMPLATE] = networks(TEMPLATE, [])
    finding = found(check(aws), "outside_drill_network")
    assert finding.server_ids == (DB_1, DB_2, WEB_1)
    assert aws.calls["launch_templates"] == 1


def test_a_drill_without_a_planned_network_is_warned_of_it() -> None:
    report = check(healthy(), plan(network=None)).report
    (finding,) = report.findings
    assert finding.severity is Severity.WARN
    assert "isolates nothing by itself" in finding.message


def test_a_recovery_launches_where_it_must() -> None:
    aws = healthy()
    aws.templates[TEMPLATE] = networks(TEMPLATE, [])
    report = check(aws, execution_type="RECOVERY", source_state="lost").report
    assert codes(report.findings) == ["subnet_not_named"]

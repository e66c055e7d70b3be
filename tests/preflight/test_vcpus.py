from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from drs_provider.preflight.checks.vcpus import QUOTAS, quota_code
from drs_provider.preflight.findings import Severity
from drs_simulator.engine.quotas import quota_list
from drs_simulator.scenario import Quotas
from tests.preflight.world import (
    DB_1,
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
)

STANDARD = "L-1216C47A"
RECOVERY = {"execution_type": "RECOVERY", "source_state": "lost"}
TEMPLATE = f"lt-{DB_1[2:]}"


def _world(quota: float, *running: dict[str, Any]) -> FakeAws:
    """Return four servers of two vCPUs each, a quota, and what runs already."""
    aws = healthy()
    aws.ec2_quotas[STANDARD] = quota
    aws.machines = list(running)
    return aws


def test_what_is_launched_must_fit_beside_what_runs() -> None:
    running = [machine("i-0aaaaaaa"), machine("i-0bbbbbbb", "pending"), machine("i-0ccccccc", "stopped")]
    assert check(_world(12, *running)).report.findings == ()
    finding = found(check(_world(11, *running)), "vcpu_quota_short")
    assert "launch 8 vCPUs of Standard" in finding.message
    assert "4 others run" in finding.message
    assert "is 11 (L-1216C47A): 1 are missing" in finding.message
    assert "account 111122223333, Region eu-west-1" in finding.message


def test_a_short_quota_stops_a_drill_and_warns_a_recovery() -> None:
    aws = _world(7)
    assert found(check(aws), "vcpu_quota_short").severity is Severity.BLOCK
    assert check(aws, preflight="warn").report.ok
    recovery = check(aws, **RECOVERY)
    assert recovery.report.ok
    assert found(recovery, "vcpu_quota_short").severity is Severity.WARN


@pytest.mark.parametrize(
    "row",
    [
        {"InstanceLifecycle": "spot"},
        {"Placement": {"Tenancy": "host"}},
        {"InstanceType": "p4d.24xlarge"},
        {"InstanceType": "mac2.metal"},
    ],
)
def test_instances_that_the_quota_does_not_count(row: dict[str, Any]) -> None:
    assert check(_world(8, machine("i-0aaaaaaa", **row))).report.findings == ()


def test_earlier_instances_of_the_servers_make_room() -> None:
    aws = _world(8, machine(f"i-{DB_1[2:]}"))
    assert "vcpu_quota_short" in codes(check(aws).report.blocking)
    aws.recovered = [instance(DB_1, is_drill=True)]
    assert check(aws).report.ok


def test_kinds_of_instances_have_quotas_of_their_own() -> None:
    aws = _world(6)
    aws.templates[TEMPLATE] = replace(networks(TEMPLATE), instance_type="p4d.24xlarge")
    assert check(aws).report.findings == ()
    aws.ec2_quotas["L-417A185B"] = 95
    assert found(check(aws), "vcpu_quota_short").server_ids == (DB_1,)


def test_a_pre_provisioned_instance_counts_with_its_own_type() -> None:
    aws = _world(
        8,
        machine("i-0aaaaaaa", "stopped", Tags=[{"Key": "AWSDRS", "Value": "AllowLaunchingIntoThisInstance"}]),
    )
    aws.settings[DB_1] = {"launchIntoInstanceProperties": {"launchIntoEC2InstanceID": "i-0aaaaaaa"}}
    assert check(aws, **RECOVERY).report.warnings == ()
    aws.ec2_quotas[STANDARD] = 7
    assert DB_1 in found(check(aws, **RECOVERY), "vcpu_quota_short").server_ids


@pytest.mark.parametrize("conf", [{}, RECOVERY], ids=["drill", "recovery"])
def test_an_instance_type_that_is_not_offered_blocks(conf: dict[str, Any]) -> None:
    aws = healthy()
    aws.templates[TEMPLATE] = replace(networks(TEMPLATE), instance_type="r99.large")
    finding = found(check(aws, **conf), "instance_type_unknown")
    assert (finding.severity, finding.server_ids) == (Severity.BLOCK, (DB_1,))
    assert finding.servers[0].detail == "r99.large"
    aws.settings[DB_1] = {"ec2LaunchTemplateID": TEMPLATE, "targetInstanceTypeRightSizingMethod": "BASIC"}
    assert codes(check(aws, **conf).report.findings) == ["vcpus_not_counted"]


def test_servers_without_an_instance_type_are_named() -> None:
    aws = healthy()
    aws.templates[TEMPLATE] = replace(networks(TEMPLATE), instance_type="")
    finding = found(check(aws), "vcpus_not_counted")
    assert (finding.severity, finding.server_ids) == (Severity.WARN, (DB_1,))


@pytest.mark.parametrize(
    ("template", "settings", "remedy"),
    [
        ({"instance_type": ""}, {}, "Name an instance type"),
        ({"instance_type": "", "by_attributes": True}, {}, "(InstanceRequirements): compare the vCPU quotas"),
        ({"instance_type": "r99.large"}, {"targetInstanceTypeRightSizingMethod": "BASIC"}, "right-sizing"),
    ],
)
def test_the_remedy_fits_why_a_server_was_not_counted(
    template: dict[str, Any], settings: dict[str, Any], remedy: str
) -> None:
    aws = healthy()
    aws.templates[TEMPLATE] = replace(networks(TEMPLATE), **template)
    aws.settings[DB_1] = {"ec2LaunchTemplateID": TEMPLATE, **settings}
    assert remedy in found(check(aws), "vcpus_not_counted").remedy


def test_trap_04_a_quota_that_is_not_listed_is_a_warning() -> None:
    aws = healthy()
    del aws.ec2_quotas[STANDARD]
    assert codes(check(aws).report.warnings) == ["vcpu_quota_unknown"]


@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("vcpu_quotas", "ListServiceQuotas"),
        ("running_instances", "DescribeInstances"),
        ("default_vcpus", "DescribeInstanceTypes"),
    ],
)
def test_trap_04_what_cannot_be_read_is_a_warning_that_names_the_call(method: str, call: str) -> None:
    aws = healthy()
    aws.errors[method] = aws_error(call)
    report = check(aws).report
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("could_not_be_checked", Severity.WARN)
    assert "vCPUs could not be checked" in finding.message
    assert call in finding.message


def test_a_run_without_servers_asks_nothing() -> None:
    aws = FakeAws()
    of_plan = plan(
        protection_groups={"web": {"target": "main", "tags": {"App": "x"}, "allow_empty": True}},
        waves=[{"name": "web", "groups": ["web"]}],
    )
    assert check(aws, of_plan).report.ok
    assert aws.calls == {"source_servers": 1}


@pytest.mark.parametrize(
    ("instance_type", "kind"),
    [
        ("t3.medium", "Standard (A, C, D, H, I, M, R, T, Z)"),
        ("is4gen.large", "Standard (A, C, D, H, I, M, R, T, Z)"),
        ("c7gn.large", "Standard (A, C, D, H, I, M, R, T, Z)"),
        ("d3en.large", "Standard (A, C, D, H, I, M, R, T, Z)"),
        ("hpc6a.48xlarge", "HPC"),
        ("h1.2xlarge", "Standard (A, C, D, H, I, M, R, T, Z)"),
        ("dl1.24xlarge", "DL"),
        ("inf2.xlarge", "Inf"),
        ("trn1.2xlarge", "Trn"),
        ("vt1.3xlarge", "G and VT"),
        ("gr6.4xlarge", "G and VT"),
        ("p5.48xlarge", "P"),
        ("x2iedn.large", "X"),
        ("u-6tb1.56xlarge", "High Memory"),
        ("f2.6xlarge", "F"),
        ("mac2.metal", None),
        ("42.large", None),
        ("", None),
    ],
)
def test_the_quota_of_an_instance_type(instance_type: str, kind: str | None) -> None:
    assert QUOTAS.get(quota_code(instance_type)) == kind


def test_the_simulator_has_every_quota() -> None:
    listed = {row["QuotaCode"] for row in quota_list(Quotas(), "eu-west-1", "111122223333", "ec2")}
    assert listed == QUOTAS.keys()


def test_a_type_whose_vcpus_ec2_does_not_tell_is_not_counted() -> None:
    aws = healthy()
    aws.vcpus["t3.medium"] = None
    finding = found(check(aws), "vcpus_not_counted")
    assert "t3.medium" in str(finding.servers)

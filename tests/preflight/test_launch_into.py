from __future__ import annotations

from typing import Any

import pytest

from drs_provider.preflight.findings import Severity
from tests.preflight.world import DB_1, DB_2, FakeAws, aws_error, check, codes, found, healthy, machine

PREPARED = "i-0123456789abcdef0"
TAG = [{"Key": "AWSDRS", "Value": "AllowLaunchingIntoThisInstance"}]
INTO = {"launchIntoInstanceProperties": {"launchIntoEC2InstanceID": PREPARED}}
RECOVERY = {"execution_type": "RECOVERY", "source_state": "lost"}


def _world(*machines: dict[str, Any]) -> FakeAws:
    aws = healthy()
    aws.settings[DB_1] = INTO
    aws.machines = list(machines)
    return aws


def test_a_recovery_tells_which_instances_it_overwrites() -> None:
    report = check(_world(machine(PREPARED, "stopped", Tags=TAG)), **RECOVERY).report
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("launch_into_overwrites", Severity.INFO)
    assert PREPARED in finding.servers[0].detail


@pytest.mark.parametrize("state", ["running", "stopping", "pending"])
def test_trap_39_an_instance_that_runs_is_not_overwritten_whatever_is_overridden(state: str) -> None:
    result = check(_world(machine(PREPARED, state, Tags=TAG)), preflight="warn", **RECOVERY)
    finding = found(result, "launch_into_in_use")
    assert finding in result.report.blocking
    assert finding.server_ids == (DB_1,)
    assert state in finding.servers[0].detail


def test_trap_39_an_instance_that_is_itself_protected_is_not_overwritten() -> None:
    aws = _world(machine(PREPARED, "stopped", Tags=TAG))
    hints = {"identificationHints": {"awsInstanceID": PREPARED}}
    aws.servers[-1] = {**aws.servers[-1], "sourceProperties": hints}
    result = check(aws, preflight="warn", **RECOVERY)
    finding = found(result, "launch_into_in_use")
    assert finding in result.report.blocking
    assert "s-8888888888888888a" in finding.servers[0].detail


def test_trap_39_two_servers_do_not_share_an_instance() -> None:
    aws = _world(machine(PREPARED, "stopped", Tags=TAG))
    aws.settings[DB_2] = INTO
    finding = found(check(aws, preflight="warn", **RECOVERY), "launch_into_in_use")
    assert finding.server_ids == (DB_2,)
    assert "erp-db-1" in finding.servers[0].detail


@pytest.mark.parametrize(
    ("machines", "reason"),
    [
        ([], "knows no such instance"),
        ([machine(PREPARED, "terminated", Tags=TAG)], "knows no such instance"),
        ([machine(PREPARED, "stopped")], "lacks the tag"),
        ([machine(PREPARED, "stopped", Tags=[{"Key": "AWSDRS", "Value": "no"}])], "lacks the tag"),
    ],
)
def test_an_instance_that_drs_will_not_take_blocks_unless_overridden(
    machines: list[dict[str, Any]], reason: str
) -> None:
    aws = _world(*machines)
    finding = found(check(aws, **RECOVERY), "launch_into_unfit")
    assert reason in finding.servers[0].detail
    assert codes(check(aws, **RECOVERY).report.blocking) == ["launch_into_unfit"]
    assert check(aws, preflight="warn", **RECOVERY).report.ok


def test_trap_04_instances_that_cannot_be_read_block() -> None:
    aws = _world()
    aws.errors["instances"] = aws_error("DescribeInstances")
    (finding,) = check(aws, **RECOVERY).report.blocking
    assert "launch-into instances could not be checked" in finding.message
    assert "DescribeInstances" in finding.message

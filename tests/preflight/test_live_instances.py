from __future__ import annotations

import pytest

from drs_provider.preflight.findings import Severity
from tests.preflight.world import (
    DB_1,
    DB_2,
    WEB_1,
    aws_error,
    check,
    codes,
    found,
    healthy,
    instance,
    job,
    server,
)

KINDS = pytest.mark.parametrize("kind", ["DRILL", "RECOVERY"])
FENCED = {"RECOVERY": {"source_state": "fenced"}, "DRILL": {}}


@KINDS
@pytest.mark.parametrize("preflight", ["enforce", "warn"])
def test_trap_20_a_live_instance_stops_every_kind_of_execution(kind: str, preflight: str) -> None:
    aws = healthy()
    aws.recovered = [instance(DB_2)]
    result = check(aws, execution_type=kind, preflight=preflight, **FENCED[kind])
    (finding,) = result.report.blocking
    assert finding.code == "live_instance"
    assert finding.server_ids == (DB_2,)
    assert "i-1111111111111111b" in finding.servers[0].detail
    assert "replace_live_instances" in finding.remedy
    assert "airflow drs retry" in finding.remedy
    assert "clear its failed wave's task group" in finding.remedy


def test_it_is_told_whose_job_launched_it_where_that_can_be_read() -> None:
    aws = healthy()
    aws.recovered = [instance(DB_2, jobID="drsjob-1")]
    tags = {"ExecutionId": "runbook-1", "ExecutionType": "RECOVERY", "PlanName": "erp"}
    aws.job_rows = [job("drsjob-1", [DB_2], status="COMPLETED", tags=tags)]
    (finding,) = check(aws).report.blocking
    assert "of the runbook of erp (RECOVERY runbook-1, without Airflow)" in finding.servers[0].detail
    aws.errors["jobs"] = aws_error("DescribeJobs")
    (untold,) = check(aws).report.blocking
    assert (untold.code, untold.server_ids) == ("live_instance", (DB_2,))


@pytest.mark.parametrize("state", ["STOPPED", "PENDING", "STOPPING", "", "NEW_STATE"])
def test_trap_20_whatever_is_not_known_to_be_gone_is_live(state: str) -> None:
    aws = healthy()
    aws.recovered = [instance(DB_2, ec2InstanceState=state)]
    assert codes(check(aws).report.blocking) == ["live_instance"]


def test_trap_20_an_instance_that_does_not_say_that_it_is_a_drills_is_live() -> None:
    aws = healthy()
    aws.recovered = [instance(DB_2, is_drill=None)]
    assert codes(check(aws).report.blocking) == ["live_instance"]


@pytest.mark.parametrize("state", ["TERMINATED", "NOT_FOUND", "SHUTTING-DOWN"])
def test_an_instance_that_is_gone_is_no_finding(state: str) -> None:
    aws = healthy()
    aws.recovered = [instance(DB_2, ec2InstanceState=state)]
    assert check(aws).report.findings == ()


def test_trap_33_only_servers_that_conf_names_may_be_replaced() -> None:
    aws = healthy()
    aws.recovered = [instance(DB_1), instance(DB_2)]
    result = check(aws, replace_live_instances=[DB_1])
    (stops,) = result.report.blocking
    (replaced,) = result.report.warnings
    assert stops.server_ids == (DB_2,)
    assert replaced.server_ids == (DB_1,)
    assert replaced.overridden
    (override,) = result.report.overrides()
    assert override["servers"] == [DB_1]


def test_replacements_outside_the_run_block() -> None:
    result = check(healthy(), replace_live_instances=["s-8888888888888888a"], preflight="warn")
    (finding,) = result.report.blocking
    assert finding.code == "replacement_outside_run"
    assert finding.server_ids == ("s-8888888888888888a",)


def test_a_replacement_that_is_not_needed_is_a_note() -> None:
    result = check(healthy(), replace_live_instances=[DB_1])
    assert [(f.code, f.severity) for f in result.report.findings] == [("nothing_to_replace", Severity.INFO)]


def test_an_earlier_drills_instance_is_a_note() -> None:
    aws = healthy()
    aws.recovered = [instance(WEB_1, is_drill=True)]
    result = check(aws)
    assert result.report.ok
    assert found(result, "drill_instance_replaced").severity is Severity.INFO


@KINDS
@pytest.mark.parametrize(
    "state", ["FAILBACK_IN_PROGRESS", "FAILBACK_READY_FOR_LAUNCH", "FAILBACK_ERROR", "NEW"]
)
def test_failback_under_way_blocks_even_where_replacing_is_allowed(kind: str, state: str) -> None:
    aws = healthy()
    aws.recovered = [instance(DB_1, failback={"state": state})]
    result = check(aws, execution_type=kind, replace_live_instances=[DB_1], preflight="warn", **FENCED[kind])
    (finding,) = result.report.blocking
    assert finding.code == "failback_in_progress"
    assert state in finding.servers[0].detail


@pytest.mark.parametrize("state", ["FAILBACK_NOT_STARTED", "FAILBACK_COMPLETED", None])
def test_no_failback_is_no_finding(state: str | None) -> None:
    aws = healthy()
    aws.recovered = [instance(DB_1, is_drill=True, failback={"state": state} if state else {})]
    assert codes(check(aws).report.findings) == ["drill_instance_replaced"]


def test_a_server_that_replicates_backwards_is_failing_back() -> None:
    aws = healthy()
    aws.servers[0] = server(DB_1, "erp-db-1", replicationDirection="FAILBACK")
    (finding,) = check(aws).report.blocking
    assert (finding.code, finding.server_ids) == ("failback_in_progress", (DB_1,))

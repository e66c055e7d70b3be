from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError

from drs_provider.exceptions import (
    DrsAccessDeniedError,
    DrsConnectionInvalidError,
    DrsConnectionMissingError,
    DrsIdentityError,
    DrsIncompleteAnswerError,
    DrsNotInitializedError,
)
from drs_provider.preflight import run
from drs_provider.preflight.checks.all_checks import PLAN_CHECKS, TARGET_CHECKS
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import RECOVERIES, PlanCheck, TargetCheck
from tests.preflight.world import (
    BRANCH,
    DB_1,
    DB_2,
    MAIN,
    WEB_1,
    WEB_2,
    aws_error,
    check,
    codes,
    found,
    healthy,
    instance,
    plan,
    wave,
)

TWO_TARGETS = plan(
    targets={"main": MAIN, "branch": BRANCH},
    protection_groups={
        "db": {"target": "main", "tags": {"Tier": "web"}},
        "remote": {"target": "branch", "tags": {"Tier": "web"}},
    },
    waves=[wave("database", ["db"]), wave("remote", ["remote"])],
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DrsIdentityError("leads to account 999999999999.", "Correct account_id."), "identity_not_proven"),
        (DrsConnectionMissingError("connection aws_dr does not exist"), "connection_missing"),
        (DrsConnectionInvalidError("connection aws_dr is of type http"), "connection_invalid"),
        (DrsNotInitializedError("DRS is not initialized"), "drs_not_initialized"),
    ],
)
@pytest.mark.parametrize("where", ["factory", "first call"])
def test_trap_38_what_is_not_proven_blocks_and_the_other_targets_are_still_checked(
    error: Exception, code: str, where: str
) -> None:
    main, branch = healthy(), healthy()
    branch.errors["source_servers"] = error
    main.servers = [row for row in main.servers if row["sourceServerID"] != WEB_1]
    main.recovered = [{"recoveryInstanceID": "i-1", "sourceServerID": "s-3333333333333333b"}]
    worlds = {"main": main, "branch": error if where == "factory" else branch}
    result = check(worlds, TWO_TARGETS, preflight="warn")
    finding = found(result, code)
    assert finding in result.report.blocking
    assert finding.subject == "target branch"
    assert getattr(error, "message", str(error)) in finding.message
    assert finding.remedy
    assert "live_instance" in codes(result.report.blocking)
    assert list(result.servers) == ["db"]
    assert branch.calls.total() <= 1


@pytest.mark.parametrize(
    "error",
    [
        aws_error("DescribeSourceServers", "InternalServerException"),
        DrsAccessDeniedError("DescribeSourceServers was denied to arn:aws:iam::111122223333:user/hub"),
        DrsIncompleteAnswerError("the answer to DescribeSourceServers has no 'items'"),
        EndpointConnectionError(endpoint_url="https://drs.eu-west-1.amazonaws.com"),
    ],
)
@pytest.mark.parametrize("preflight", ["enforce", "warn"])
def test_trap_04_servers_that_cannot_be_read_block_with_call_and_reason(
    error: Exception, preflight: str
) -> None:
    aws = healthy()
    aws.errors["source_servers"] = error
    result = check(aws, preflight=preflight)
    (finding,) = result.report.blocking
    assert finding.code == "could_not_be_checked"
    assert "source servers could not be checked" in finding.message
    assert str(error) in finding.message
    assert result.servers == {}


@pytest.mark.parametrize("preflight", ["enforce", "warn"])
def test_trap_04_live_instances_that_cannot_be_read_block(preflight: str) -> None:
    aws = healthy()
    aws.errors["recovery_instances"] = aws_error("DescribeRecoveryInstances")
    (finding,) = check(aws, preflight=preflight).report.blocking
    assert "live recovery instances could not be checked" in finding.message
    assert "DescribeRecoveryInstances" in finding.message


def test_trap_04_an_instance_that_cannot_be_read_blocks_its_server() -> None:
    aws = healthy()
    aws.recovered = [
        {"recoveryInstanceID": "", "sourceServerID": WEB_1, "isDrill": True},
        {"ec2InstanceID": "i-2", "isDrill": True},
    ]
    (finding,) = check(aws, preflight="warn").report.blocking
    assert finding.code == "live_instance"
    # The one that names no server may be any server's for which DRS lists no other.
    assert set(finding.server_ids) == {DB_1, DB_2, WEB_1, WEB_2}
    assert "sourceServerID" in str(finding.servers)


def test_a_server_without_an_id_is_left_out_of_the_groups_and_told_where_tags_select_it() -> None:
    aws = healthy()
    aws.servers += [{"tags": {}}, {"tags": {"App": "erp", "Tier": "web"}}]
    result = check(aws)
    finding = found(result, "server_without_id")
    assert finding.message.startswith("its tags match 1 source servers")
    assert result.report.blocking == ()
    assert all(server.source_server_id for group in result.servers.values() for server in group)


def test_a_denied_right_names_the_right_and_the_way_out() -> None:
    aws = healthy()
    aws.errors["active_jobs"] = DrsAccessDeniedError("DescribeJobs was denied to somebody")
    finding = check(aws).report.blocking[0]
    assert "DescribeJobs was denied" in finding.message
    assert "preflight: warn" in finding.remedy


@pytest.mark.parametrize("check_", [*PLAN_CHECKS, *TARGET_CHECKS], ids=lambda check: check.topic)
def test_trap_04_a_check_that_breaks_is_one_finding_and_ends_no_other(
    check_: PlanCheck | TargetCheck, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(scope: object) -> Iterator[Finding]:
        raise KeyError("a fault of ours")

    group = "PLAN_CHECKS" if isinstance(check_, PlanCheck) else "TARGET_CHECKS"
    with_a_fault = tuple(
        replace(item, find=broken) if item is check_ else item for item in getattr(run, group)
    )
    monkeypatch.setattr(run, group, with_a_fault)
    aws = healthy()
    aws.recovered = [instance(WEB_1)]
    conf = {"source_state": "lost"}
    kind = "RECOVERY" if getattr(check_, "kinds", ()) == RECOVERIES else "DRILL"
    result = check(aws, **({"execution_type": kind, **conf} if kind == "RECOVERY" else {}))
    finding = found(result, "could_not_be_checked")
    assert "KeyError: 'a fault of ours'" in finding.message
    assert "fault of this package" in finding.remedy
    assert "a fault of ours" in caplog.text  # with its traceback, for the report
    if check_.topic != "live recovery instances":
        assert found(result, "live_instance")


def test_conf_for_servers_of_groups_that_could_not_be_read_is_not_judged() -> None:
    aws = healthy()
    aws.errors["source_servers"] = aws_error("DescribeSourceServers")
    result = check(aws, replace_live_instances=[WEB_1], snapshots={WEB_1: "pit-1111111111111111a"})
    assert codes(result.report.blocking) == ["could_not_be_checked"]


def test_every_finding_is_in_one_report() -> None:
    aws = healthy()
    aws.recovered = [{"recoveryInstanceID": "i-1", "sourceServerID": WEB_1}]
    aws.settings = {WEB_1: {"ec2LaunchTemplateID": ""}}
    aws.errors["active_jobs"] = aws_error("DescribeJobs")
    aws.servers = [row for row in aws.servers if row["sourceServerID"] != "s-1111111111111111a"]
    assert set(codes(check(aws).report.blocking)) == {
        "unknown_server",
        "live_instance",
        "launch_template_unusable",
        "could_not_be_checked",
    }

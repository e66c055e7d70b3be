"""What the caller of the preflight adds: the history table, the initiator, configured quotas."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from drs_provider.core.quotas import DrsQuotas
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.plan.conf.parsing import RunConf, parse_run_conf
from drs_provider.preflight.checks import installation
from drs_provider.preflight.findings import Severity
from tests.preflight.world import NOW, aws_error, checked_run, found, healthy, plan


def _conf(**conf: object) -> RunConf:
    return parse_run_conf(conf, plan(), now=NOW)


@pytest.mark.parametrize(
    "error",
    [
        aws_error("Query", "ResourceNotFoundException"),
        EndpointConnectionError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com"),
        DrsConfigurationError("[drs] history_* settings: account_id must have 12 digits"),
    ],
)
def test_trap_32_a_history_table_that_cannot_be_read_only_warns(error: Exception) -> None:
    def read() -> None:
        raise error

    report = checked_run(healthy(), plan(), _conf(), read_history=read).report
    (finding,) = report.findings
    assert str(error) in finding.message
    wrong = isinstance(error, DrsConfigurationError)
    assert finding.code == ("configuration_wrong" if wrong else "history_unreachable")
    assert report.ok is not wrong


def test_a_history_table_that_answers_is_no_finding() -> None:
    asked: list[str] = []
    report = checked_run(healthy(), plan(), _conf(), read_history=lambda: asked.append("read")).report
    assert (report.findings, asked) == ((), ["read"])


def test_a_default_deployment_id_is_a_warning_if_there_is_a_table() -> None:
    def codes(**arguments: Any) -> list[tuple[str, Severity]]:
        findings = checked_run(healthy(), plan(), _conf(), **arguments).report.findings
        return [(finding.code, finding.severity) for finding in findings]

    assert codes(own_deployment_id=False, read_history=list) == [("deployment_id_default", Severity.WARN)]
    assert codes(own_deployment_id=False) == codes(read_history=list) == []


def test_the_initiator_answers_for_what_is_overridden() -> None:
    aws = healthy()
    aws.errors["active_jobs"] = aws_error("DescribeJobs")
    report = checked_run(aws, plan(), _conf(preflight="warn"), initiated_by="anna").report
    assert report.ok
    assert report.summary()["overriddenBy"] == "anna"


def test_trap_04_quotas_that_had_to_be_assumed_are_a_warning() -> None:
    aws = healthy()
    aws.limits = DrsQuotas(problem="AccessDeniedException when calling ListServiceQuotas")
    finding = found(checked_run(aws, plan(), _conf()), "quotas_assumed")
    assert finding.severity is Severity.WARN
    assert "ListServiceQuotas" in finding.message


@pytest.mark.parametrize("preflight", ["enforce", "warn"])
def test_configured_quotas_that_cannot_be_used_stop_the_execution(preflight: str) -> None:
    aws = healthy()
    aws.errors["quotas"] = DrsConfigurationError("[drs] quotas: no such DRS quota: jobs")
    (finding,) = checked_run(aws, plan(), _conf(preflight=preflight)).report.blocking
    assert finding.code == "configuration_wrong"
    assert "[drs] quotas" in finding.message


def test_without_the_triggerers_library_nothing_starts_unless_the_run_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(installation, "find_spec", lambda _name: None)

    report = checked_run(healthy(), plan(), _conf()).report
    loosened = checked_run(healthy(), plan(), _conf(preflight="warn")).report

    (finding,) = report.blocking
    assert finding.code == "async_library_missing"
    assert "airflow-provider-drs[async]" in finding.remedy
    assert loosened.ok

from __future__ import annotations

import pytest

from drs_provider.core.quotas import DrsQuotas
from drs_provider.preflight.findings import Severity
from tests.preflight.world import DB_1, WEB_1, ago, aws_error, check, codes, found, healthy, job, plan, server

OTHER = "s-8888888888888888a"


@pytest.mark.parametrize("kind", ["LAUNCH", "TERMINATE"])
def test_trap_29_a_server_in_another_job_warns_and_names_the_job(kind: str) -> None:
    aws = healthy()
    aws.job_rows = [job("drsjob-other000000000000", [DB_1, OTHER], type=kind)]
    result = check(aws)
    finding = found(result, "server_busy")
    assert result.report.ok
    assert finding.severity is Severity.WARN
    assert finding.server_ids == (DB_1,)
    assert "drsjob-other000000000000" in finding.message


def test_trap_42_jobs_of_other_servers_are_no_finding() -> None:
    aws = healthy()
    aws.job_rows = [job("drsjob-other000000000000", [OTHER])]
    assert check(aws).report.findings == ()


def test_jobs_that_cannot_be_read_block_unless_overridden() -> None:
    aws = healthy()
    aws.errors["active_jobs"] = aws_error("DescribeJobs")
    report = check(aws).report
    assert codes(report.blocking) == ["could_not_be_checked"] * len(report.blocking)
    assert "DescribeJobs" in report.blocking[0].message
    assert check(aws, preflight="warn").report.ok


def test_a_used_up_job_quota_warns() -> None:
    aws = healthy()
    aws.limits = DrsQuotas(concurrent_jobs=2)
    aws.job_rows = [job(f"drsjob-{n}", [OTHER]) for n in range(2)]
    result = check(aws)
    assert found(result, "job_quota_used_up").severity is Severity.WARN
    assert result.report.ok


def test_waves_that_need_more_than_the_quotas_warn() -> None:
    aws = healthy()
    aws.limits = DrsQuotas(concurrent_jobs=2, servers_per_job=1, servers_in_jobs=2)
    aws.job_rows = [job("drsjob-other000000000000", [OTHER])]
    report = check(aws).report
    assert codes(report.warnings) == ["job_quota_short", "server_quota_short"] * 2
    notes = [finding for finding in report.findings if finding.severity is Severity.INFO]
    assert [(f.code, f.subject) for f in notes] == [
        ("several_jobs", "wave database"),
        ("several_jobs", "wave web"),
    ]


def _launched(days_ago: float, kind: str = "DRILL", status: str = "LAUNCHED") -> dict[str, object]:
    initiated = {"apiCallDateTime": ago(days_ago * 86_400), "type": kind}
    return {"lastLaunch": {"initiated": initiated, "status": status}, "lastSeenByServiceDateTime": ago(30)}


@pytest.mark.parametrize(
    ("life_cycle", "detail"),
    [
        (_launched(89), None),
        (_launched(89, "RECOVERY", "TERMINATED"), None),
        (_launched(91), "DRILL"),
        (_launched(1, status="FAILED"), "FAILED"),
        ({}, "never launched"),
        # As recorded of 12 servers that never were.
        ({"lastLaunch": {"initiated": {}}}, "never launched"),
        ({"lastLaunch": {"status": "LAUNCHED"}}, "unknown"),
    ],
)
def test_age_of_the_last_drill(life_cycle: dict[str, object], detail: str | None) -> None:
    aws = healthy()
    for position, row in enumerate(aws.servers):
        aws.servers[position] = {**row, "lifeCycle": _launched(5)}
    aws.servers[0] = server(DB_1, lifeCycle={"lastSeenByServiceDateTime": ago(30), **life_cycle})
    of_plan = plan(objectives={"drill_every_days": 90})
    drill = check(aws, of_plan).report
    recovery = check(aws, of_plan, execution_type="RECOVERY", source_state="lost").report
    if detail is None:
        assert (drill.findings, recovery.findings) == ((), ())
        return
    assert drill.findings[0].severity is Severity.INFO
    assert recovery.findings[0].severity is Severity.WARN
    assert drill.findings[0].server_ids == (DB_1,)
    assert detail in drill.findings[0].servers[0].detail


def test_a_plan_without_the_objective_says_nothing_of_drills() -> None:
    aws = healthy()
    aws.servers[0] = server(WEB_1, tags={"App": "erp", "Tier": "web"}, lifeCycle={})
    assert "drill_overdue" not in codes(check(aws).report.findings)

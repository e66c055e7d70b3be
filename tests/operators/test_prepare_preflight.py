"""What a person, and another system, sees of the preflight: task log, failure, XCom, record."""

from __future__ import annotations

import json
from html import unescape

import pytest

from drs_provider import keys
from drs_provider.preflight.findings import MAX_REPORT_BYTES
from tests.harness.plans import two_waves
from tests.harness.stage import Stage
from tests.harness.worlds import world

pytestmark = pytest.mark.drs_scenario("three_tier", asks_anew=True)


def _scenario(**fields: object) -> pytest.MarkDecorator:
    return pytest.mark.drs_scenario(world(**fields), asks_anew=True)


@_scenario(quotas={"vcpus": 1})
def test_a_refused_run_says_what_why_and_what_to_do(play: Stage) -> None:
    run = play.plan_run(two_waves())
    assert run.go() == "failed"
    message = run.failure("prepare")
    assert "WHAT STOPS THE EXECUTION (1)" in message
    assert "BLOCK [vcpu_quota_short] target main: all waves together launch" in message
    assert "Remedy: Ask AWS for a higher quota" in message
    report = run.xcom("prepare", keys.PREFLIGHT)
    assert [item["code"] for item in report["findings"] if item["severity"] == "BLOCK"] == [
        "vcpu_quota_short"
    ]
    assert len(json.dumps(report)) < MAX_REPORT_BYTES
    assert play.jobs() == []


@_scenario(quotas={"vcpus": 1})
def test_a_dry_run_returns_the_report_with_what_was_overridden_and_by_whom(play: Stage) -> None:
    run = play.plan_run(two_waves(), {"dry_run": True, "preflight": "warn"})
    assert run.go() == "success"
    report = run.xcom("prepare")["preflight"]
    assert report == run.xcom("prepare", keys.PREFLIGHT)
    assert report["ok"]
    assert report["overriddenBy"] == "dr-operator"
    assert [item["code"] for item in report["findings"] if item["overridden"]] == ["vcpu_quota_short"]


@_scenario(quotas={"vcpus": 1})
def test_the_record_keeps_what_was_overridden_by_whom_and_why(play: Stage) -> None:
    run = play.plan_run(two_waves(), {"preflight": "warn", "reason": "quota is raised"})
    run.go()
    asked, override = run.stored["overrides"]
    assert asked["what"] == "preflight"
    assert override["what"].startswith("vcpu_quota_short")
    for item in (asked, override):
        assert (item["by"], item["why"]) == ("dr-operator", "quota is raised")
    assert run.stored["preflight"]["counts"]["overridden"] == 1


def test_trap_32_a_history_table_that_does_not_answer_is_told_and_stops_nothing(play: Stage) -> None:
    play.simulator.inject("Query", service="dynamodb", code="InternalServerError")
    run = play.plan_run(two_waves(), {"dry_run": True})
    assert run.go() == "success"
    report = run.xcom("prepare", keys.PREFLIGHT)
    assert "history_unreachable" in report["codes"]["warn"]
    assert report["ok"]


def test_a_shared_name_of_the_installation_is_told(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DRS__DEPLOYMENT_ID", "airflow")
    run = play.plan_run(two_waves(), {"dry_run": True})
    assert run.go() == "success"
    report = run.xcom("prepare", keys.PREFLIGHT)
    assert "deployment_id_default" in report["codes"]["warn"]


def test_a_healthy_run_asks_iam_about_its_rights(play: Stage) -> None:
    run = play.plan_run(two_waves(), {"dry_run": True})
    assert run.go() == "success"
    assert play.simulator.calls("SimulatePrincipalPolicy", service="iam")
    assert run.xcom("prepare", keys.PREFLIGHT)["counts"]["block"] == 0
    assert "deployment_id_default" not in run.xcom("prepare", keys.PREFLIGHT)["codes"].get("warn", ())


def test_what_the_run_configuration_loosened_is_evidence(play: Stage) -> None:
    conf = {"skip_gates": True, "preflight": "warn", "cleanup": "keep", "reason": "tabletop"}
    run = play.plan_run(two_waves(), conf)
    assert run.go() == "success"
    told = {item["what"]: item for item in run.stored["overrides"]}
    assert {"skip_gates", "preflight", "cleanup"} <= set(told)
    for item in told.values():
        assert (item["by"], item["why"]) == ("dr-operator", "tabletop")
    assert run.stored["conf"] == conf
    page = unescape(next(play.reports.rglob("report-*.html")).read_text())
    for text in ("Run configuration", *(item["loosened"].split(":")[0] for item in told.values())):
        assert text in page


def test_the_run_configuration_of_a_refused_run_is_evidence_too(play: Stage) -> None:
    conf = {"skip_gates": True, "waves": ["no such wave"], "reason": "x" * 20_000}
    run = play.plan_run(two_waves(), conf)
    assert run.go() == "failed"
    assert run.stored["status"] == "FAILED"
    assert run.stored["conf"]["waves"] == ["no such wave"]
    assert len(run.record["conf"]["reason"]) == 8000

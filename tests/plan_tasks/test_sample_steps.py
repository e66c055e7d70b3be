"""The sample plan with every kind of step, on the stage: what a drill does of it, and what only a RECOVERY does."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.plan.files.folder import load_plan
from drs_provider.plan.model import Plan
from tests.harness.plans import recovery_of
from tests.harness.stage import SAMPLE_PLANS, Stage


def sample(*without: str) -> Plan:
    data = load_plan(SAMPLE_PLANS, "wiki_with_steps").to_dict()
    data["after_last"] = [step for step in data["after_last"] if step["name"] not in without]
    return Plan.model_validate(data)


def outcomes(steps: list[dict[str, Any]]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in steps}


def test_its_drill_passes_in_an_isolated_network(play: Stage) -> None:
    run = play.plan_run(sample(), step_seconds=60.0).approve_everything()
    assert run.go() == "success", run.record
    passed = [
        "ec2_status",
        "database_port",
        "https_port",
        "front_page",
        "service",
        "search_index",
        "warm_caches",
        "no_errors",
    ]
    assert outcomes(run.wave("everything")["steps"]) == dict.fromkeys(passed, "PASSED") | {
        "free_licences": "SKIPPED"
    }
    assert set(outcomes(run.record["steps"]).values()) == {"SKIPPED"}
    assert run.record["status"] == "COMPLETED"
    assert play.simulator.calls("ChangeResourceRecordSets", service="route53") == []
    sent = play.simulator.client("ssm").list_commands()["Commands"]
    lines = [line for command in sent for line in command["Parameters"]["commands"]]
    assert {"systemctl is-active wiki", "wiki-warm-caches"} <= set(lines)
    assert any("/dev/tcp/" in line for line in lines)
    assert len(play.simulator.calls("StartAutomationExecution", service="ssm")) == 1


@pytest.mark.drs_scenario("three_tier", history=True)
def test_its_recovery_points_the_name_to_what_was_recovered(play: Stage) -> None:
    made = sample("smoke_tests")
    data = made.to_dict()
    data["waves"][0]["before"] = []  # its runbook is not in this world
    made = Plan.model_validate(data)
    run = play.plan_run(made, recovery_of(made), user="dr-lead", step_seconds=60.0).approve_everything()
    run.answer("before_first.fenced", "Confirm", comment="the switch is off")
    assert run.go() == "success", run.record
    assert outcomes(run.record["steps"]) == {
        "fenced": "PASSED",
        "announce": "PASSED",
        "point_to_recovered": "PASSED",
        "tell_the_intranet": "PASSED",
    }
    route53 = play.simulator.client("route53")
    records = route53.list_resource_record_sets(HostedZoneId="Z0WIKIEXAMPLE")["ResourceRecordSets"]
    assert [row["ResourceRecords"] for row in records if row["Type"] == "CNAME"] == [
        [{"Value": "recovered.wiki.example.com"}]
    ]
    assert len(play.simulator.calls("Invoke", service="lambda")) >= 1

"""DRS's native recovery plans, read from the simulated DRS over HTTP, become plan files."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.clients import AwsClients, forget_clients
from drs_provider.hooks.drs import drs_requests
from drs_provider.hooks.drs.drs_api import DrsApi
from drs_provider.hooks.drs.native_plans import read_native_plans
from drs_provider.plan_import import (
    ImportOptions,
    ImportSource,
    Outcome,
    account_option,
    import_plans,
    parse_account,
)
from tests.plan_import.exports import HUB, imported, loaded

SERVER = "arn:aws:drs:eu-west-1:{account}:source-server/{server}"
PLAN = f"arn:aws:drs:eu-west-1:{HUB}:recovery-plan/rp-0123456789abcdef0"
OWN = ImportOptions(connection="aws_dr", accounts=(parse_account(f"{HUB}=own"),))


@pytest.fixture
def api(drs_simulator, monkeypatch) -> Iterator[DrsApi]:
    """DRS of the scenario's account, through an Airflow connection."""
    connection = drs_simulator.airflow_connection()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(connection))
    forget_clients()
    target = AwsTarget("main", "aws_dr", HUB, "eu-west-1", own_account=True)
    yield DrsApi(AwsClients(target, "drs-import"))
    forget_clients()


def native(*steps, **fields):
    """Return a source with one native plan."""
    rows = [
        {"stepOrder": number, "stepName": name, "configuration": configuration}
        for number, (name, configuration) in enumerate(steps, start=1)
    ]
    return {
        "recoveryPlans": [
            {"recoveryPlanArn": PLAN, "name": "Native", "status": "ACTIVE", "steps": rows, **fields}
        ]
    }


def servers(*ids, account=HUB, **level):
    """Return the configuration of a step that launches servers."""
    rows = [{"serverArn": SERVER.format(account=account, server=each), **level} for each in ids]
    return {"serverStepConfiguration": {"servers": rows}}


def wait(minutes):
    """Return the configuration of a step that waits."""
    return {"waitStepConfiguration": {"waitDurationMinutes": minutes}}


@pytest.mark.drs_scenario("three_tier")
def test_the_native_plan_of_the_scenario(api, drs_simulator, tmp_path):
    drs_simulator.clear_calls()
    source = ImportSource("DRS eu-west-1", read_native_plans(api))
    result = import_plans([source], ImportOptions(accounts=(account_option(api.target),)))
    assert not result.refused
    plan = loaded(result, tmp_path).plans["erp_native"].plan
    assert [wave.name for wave in plan.waves] == ["database", "application"]
    assert plan.dependencies("application") == ("database",)
    assert plan.listed_servers(plan.waves[:1]) == {"s-1111111111111111a", "s-1111111111111111b"}
    assert plan.wave("application").optional.servers == ("s-2222222222222222c",)
    target = plan.target_of(plan.waves[0])
    assert (target.account_id, target.region, target.connection, target.own_account) == (
        HUB,
        "eu-west-1",
        "aws_dr",
        True,
    )
    (dropped,) = result.report.of(Outcome.DROPPED)
    assert (dropped.value, dropped.plan) == ("5", "erp_native")
    assert "add a gate" in dropped.remedy
    assert result.report.of(Outcome.DECIDE) == ()
    calls = {call.operation for call in drs_simulator.calls()}
    assert calls == {"ListRecoveryPlans", "GetRecoveryPlan", "ListRecoveryPlanSteps"}


@pytest.mark.drs_scenario("three_tier")
def test_trap_05_native_plans_are_read_page_by_page(api, drs_simulator, monkeypatch):
    monkeypatch.setattr(drs_requests, "MAX_PAGE_ROWS", 1)
    (plan,) = read_native_plans(api)["recoveryPlans"]
    assert [step["stepName"] for step in plan["steps"]] == ["database", "settle", "application"]
    assert len(drs_simulator.calls("ListRecoveryPlanSteps")) == 3


def test_steps_keep_their_order_and_waits_are_told():
    source = native(("b", wait(10)), ("DB servers", servers("s-1111111111111111a")), ("c", wait(20)))
    source["recoveryPlans"][0]["steps"].reverse()
    result = imported(source, options=OWN)
    assert result.plans == ("native",)
    assert [entry.value for entry in result.report.of(Outcome.DROPPED)] == ["20", "10"]
    assert "# Check: 2 wait steps of DRS are not carried." in result.files[0].text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (native(("w", wait(5))), "none of its steps"),
        (native(("a", servers("s-1111111111111111a", account="222233334444"))), "another account"),
        (native(("a", {"serverStepConfiguration": {"servers": [{"serverArn": "x"}]}})), "`x` is not the ARN"),
        (
            native(("a", servers("s-1111111111111111a")), ("b", servers("s-1111111111111111a"))),
            "recovered once",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused(source, words):
    (refused,) = imported(source, options=OWN).refused
    assert words in " ".join(refused.reasons)


def test_without_a_connection_the_plan_is_refused():
    (refused,) = imported(native(("a", servers("s-1111111111111111a"))), options=ImportOptions()).refused
    assert "--connection ID" in " ".join(refused.reasons)


def test_description_tags_and_an_invalid_plan_are_told():
    source = native(
        ("a", servers("s-1111111111111111a", impactLevel="CRITICAL")),
        status="INVALID",
        description="Orders\nfirst",
        tags={"Team": "dr"},
        createdAt="2026-01-01T00:00:00Z",
    )
    result = imported(source, options=OWN)
    outcomes = {entry.path.rpartition(".")[2]: entry.outcome for entry in result.report.entries}
    assert outcomes == {
        "status": Outcome.DECIDE,
        "description": Outcome.CHANGED,
        "Team": Outcome.DROPPED,
        "createdAt": Outcome.NOTE,
    }
    assert "# Orders\n# first\n" in result.files[0].text


def test_a_new_kind_of_step_is_refused_rather_than_left_out():
    source = native(("a", servers("s-1111111111111111a")), ("b", {"approvalStepConfiguration": {"by": "me"}}))
    (refused,) = imported(source, options=OWN).refused
    assert "approvalStepConfiguration" in refused.reasons[0]

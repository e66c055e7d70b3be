"""A plan over two accounts and Regions, whose waves run side by side."""

from __future__ import annotations

import pytest

from tests.harness.stage import Stage

A, B = "111122223333", "222233334444"
CENTRAL = {"account": B, "region": "eu-central-1"}

pytestmark = pytest.mark.drs_scenario("shop_two_regions")


def test_waves_run_side_by_side_in_their_own_accounts(play: Stage) -> None:
    run = play.drill("shop_two_regions")
    assert run.outline().status == "COMPLETED"
    (database, west), (central,) = play.jobs(), play.jobs(**CENTRAL)
    assert database.ended_at <= west.created_at
    assert west.created_at < central.ended_at
    assert central.created_at < west.ended_at
    assert set(play.instances().values()) == {"terminated"}
    assert set(play.instances(**CENTRAL).values()) == {"terminated"}
    record = run.stored
    assert run.wave("frontend_central", record)["accountContext"] == {
        "accountId": B,
        "assumeRoleName": "DRSOrchestrationRole",
        "externalId": "erp-dr-7f3a",
        "isCurrentAccount": False,
    }
    assert run.wave("frontend_west", record)["accountContext"] == {"accountId": A, "isCurrentAccount": True}

    calls = play.simulator.calls(account=B)
    assert calls
    assert {call.region for call in calls} == {"eu-central-1"}
    assert all("assumed-role/DRSOrchestrationRole" in call.caller_arn for call in calls)
    named = {call.session_name for call in calls}
    assert any(record["executionId"] in name for name in named)
    assert {call.account_id for call in play.simulator.calls("PutItem", service="dynamodb")} == {A}


def test_a_failed_wave_lets_the_one_beside_it_finish(play: Stage) -> None:
    play.simulator.inject(
        "StartRecovery", account=B, kind="error", code="ValidationException", message="no", status=400
    )
    run = play.plan_run("shop_two_regions").approve_everything()
    assert run.go() == "failed"
    assert run.outline().status == "PARTIAL"
    assert run.outline().waves == {
        "database": "COMPLETED",
        "frontend_west": "COMPLETED",
        "frontend_central": "FAILED",
    }
    cleaned = [task for task, state in run.history if task == "cleanup_drill" and state == "running"]
    assert cleaned
    order = run.history
    assert order.index(("wave_2_frontend_west.enrich", "success")) < order.index(("cleanup_drill", "running"))
    assert set(play.instances().values()) == {"terminated"}


def test_trap_38_a_wrong_external_id_is_refused_by_name(play: Stage) -> None:
    from drs_provider.plan.files.folder import load_plan
    from drs_provider.plan.model import Plan
    from tests.harness.stage import SAMPLE_PLANS

    content = load_plan(SAMPLE_PLANS, "shop_two_regions").to_dict()
    content["targets"]["central"]["external_id"] = "another"
    run = play.plan_run(Plan.model_validate(content))
    assert run.go() == "failed"
    assert "DRSOrchestrationRole" in run.stored["errorMessage"]
    assert play.jobs() == []
    assert play.jobs(**CENTRAL) == []

"""What an execution resolved when it began stays so, and stays in its record."""

from __future__ import annotations

import pytest

from drs_provider.dag_factory.build import build_dag
from drs_provider.plan.model import Plan
from tests.harness.plans import MAIN, WIKI, plan, two_waves
from tests.harness.stage import ACCOUNT, REGION, Stage

GATE = {"approvers": ["dr-approver-1"], "timeout_minutes": 30}


def moved(made: Plan) -> Plan:
    """The plan as somebody edits it: its target is in another account and Region."""
    content = made.model_dump(mode="json", exclude_unset=True)
    elsewhere = {**MAIN, "account_id": "222233334444", "region": "eu-central-1"}
    return Plan.model_validate({**content, "targets": {"main": elsewhere}})


@pytest.mark.parametrize("task_id", ["prepare", "wave_1_first.wait_for_recovery"])
def test_trap_02_the_account_context_is_resolved_once(play: Stage, task_id: str) -> None:
    run = play.plan_run(two_waves()).approve_everything()
    edited = build_dag(moved(run.plan))
    run.when(task_id, "success", lambda: setattr(run, "dag_source", lambda _: edited))
    assert run.go() == "success"
    context = {"accountId": ACCOUNT, "isCurrentAccount": True}
    record = run.stored
    assert record["accountContext"] == context
    assert [wave["accountContext"] for wave in record["waves"]] == [context, context]
    assert {wave["region"] for wave in record["waves"]} == {REGION}
    assert {call.account_id for call in play.simulator.calls()} == {ACCOUNT}
    assert play.launched_servers() == list(WIKI)


def test_trap_02_a_cleared_prepare_resolves_it_no_second_time(play: Stage) -> None:
    run = play.drill(plan())
    edited = build_dag(moved(run.plan))
    run.dag_source = lambda _: edited
    run.clear("prepare")
    assert run.go() == "success"
    assert run.stored["accountContext"]["accountId"] == ACCOUNT
    assert {call.account_id for call in play.simulator.calls()} == {ACCOUNT}


def test_trap_13_a_wave_keeps_its_gate_and_dependencies_when_it_starts_and_ends(play: Stage) -> None:
    made = plan(
        {"name": "first", "servers": WIKI[:1]},
        {"name": "second", "servers": WIKI[1:], "gate": GATE, "depends_on": ["first"]},
    )
    run = play.plan_run(made, {"cleanup": "keep"}).approve_everything()
    kept = ("waveName", "dependsOnWaves", "pauseBeforeWave", "protectionGroupIds", "region", "accountContext")
    seen: list[dict[str, object]] = []

    def look() -> None:
        record = play.stored(run.xcom("prepare")["executionId"], "small")
        seen.append(run.wave("second", record))

    run.when("wave_1_first.wait_for_recovery", "deferred", look)
    run.when("wave_2_second.wait_for_recovery", "deferred", look)
    assert run.go() == "success"
    seen.append(run.wave("second", run.stored))
    assert [wave["status"] for wave in seen] == ["PENDING", "POLLING", "COMPLETED"]
    for name in kept:
        assert seen[0][name] == seen[1][name] == seen[2][name], name
    assert seen[0]["dependsOnWaves"] == [1]
    assert seen[1]["gate"] == seen[2]["gate"]
    assert seen[2]["gate"]["responses"]  # type: ignore[index]

"""A plan run by another DAG: as its own start does, once, and for a person only."""

from __future__ import annotations

import asyncio
import runpy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

from drs_provider.exceptions import RunUnknownError
from drs_provider.operators.run_plan import DrsRunPlanOperator
from drs_provider.plan.blocks import BlockError
from drs_provider.triggers import run_end
from tests.blocks.plan_server import Server
from tests.harness.plans import DATABASES, WIKI, plan
from tests.harness.stage import Stage

pytestmark = pytest.mark.drs_scenario("three_tier", history=False)

EXAMPLES = Path(__file__).parents[2] / "examples" / "blocks"
NAME = plan().name
DRILL: dict[str, Any] = {"reason": "monthly", "skip_gates": True}
RECOVERY: dict[str, Any] = {"execution_type": "RECOVERY", "confirm_plan": NAME, "source_state": "lost"}


@pytest.fixture
def serve(play: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Server]:
    def made(**fields: Any) -> Server:
        server = Server(play, plan(**fields))
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", server, raising=False)
        monkeypatch.setattr(time, "sleep", server.go_on)
        return server

    return made


def test_a_drill_is_run_once_and_its_record_returned(serve: Callable[..., Server], play: Stage) -> None:
    server = serve()
    server.lost = True
    run = server.call(**DRILL)

    assert run.go() == "success", run.states

    assert run.ran("run") == 2
    (made,) = server.made
    assert made.conf == {"execution_type": "DRILL", **DRILL}
    record = run.xcom("run")
    assert record == made.record
    assert (record["status"], record["initiatedBy"]) == ("COMPLETED", "dr-operator")
    assert play.launched_servers() == sorted(WIKI)

    run.clear("run")
    assert run.go() == "success"
    assert len(server.made) == 1

    (event,) = made.asset_events
    assert event["source_alias_name"] == made.dag.dag_id
    assert event["dest_asset_key"]["uri"] == f"drs://recovery-plans/{NAME}/drilled"
    assert event["extra"] == {
        "plan": NAME,
        "dagRunId": made.run_id,
        "executionId": record["executionId"],
        "executionType": "DRILL",
        "status": "COMPLETED",
        "attempt": 1,
    }


def test_other_arguments_do_not_take_over_what_was_started(serve: Callable[..., Server]) -> None:
    server = serve()
    run = server.call(**DRILL)
    assert run.go() == "success"

    run.dag.get_task("run").reason = "another one"
    run.clear("run")
    assert run.go() == "failed"

    assert "with another configuration (it differs in reason)" in run.failure("run")
    assert len(server.made) == 1


def test_a_deleted_run_is_not_started_again(serve: Callable[..., Server]) -> None:
    server = serve()
    run = server.call(**DRILL)
    assert run.go() == "success"

    server.made.clear()
    run.clear("run")
    assert run.go() == "failed"

    assert "somebody deleted it" in run.failure("run")
    assert not server.made


def test_an_execution_that_fails_fails_the_task_with_its_reason(serve: Callable[..., Server]) -> None:
    server = serve()
    run = server.call(**DRILL, waves=["no_such_wave"])

    assert run.go() == "failed"

    assert "REFUSED" in run.failure("run") or "FAILED" in run.failure("run")
    assert "no_such_wave" in run.failure("run")
    (made,) = server.made
    assert made.asset_events == []


def test_a_preflight_alone_returns_its_report_and_emits_nothing(
    serve: Callable[..., Server], play: Stage
) -> None:
    server = serve()
    run = server.call(preflight_only=True)

    assert run.go() == "success", run.states

    assert run.xcom("run")["outcome"] == "dry_run"
    assert run.xcom("run")["preflight"]["findings"] is not None
    assert server.made[0].asset_events == []
    assert not play.jobs()


@pytest.mark.parametrize(
    ("caller", "initiators", "why"),
    [
        ({"user": None, "run_type": "scheduled"}, ["dr-operator"], "no person is known to have started"),
        ({"user": None}, ["dr-operator"], "no person is known to have started"),
        ({"user": "somebody"}, ["dr-operator"], "somebody may not start a RECOVERY"),
        ({}, [], "the plan does not say who may: list them in recovery.initiators"),
    ],
    ids=["schedule", "nobody", "another", "no list"],
)
def test_a_recovery_needs_a_person_whom_the_plan_names(
    serve: Callable[..., Server], play: Stage, caller: dict[str, Any], initiators: list[str], why: str
) -> None:
    server = serve(recovery={"initiators": initiators})
    run = server.call(**RECOVERY, **caller)

    assert run.go() == "failed"

    assert why in run.failure("run")
    assert not play.jobs()


def test_a_recovery_by_a_named_person_is_run_and_emits_recovered(
    serve: Callable[..., Server], play: Stage
) -> None:
    server = serve(recovery={"initiators": ["dr-operator"]})
    run = server.call(**RECOVERY)

    assert run.go() == "success", run.states

    assert run.xcom("run")["status"] == "COMPLETED"
    (event,) = server.made[0].asset_events
    assert event["dest_asset_key"]["uri"] == f"drs://recovery-plans/{NAME}/recovered"


@pytest.mark.parametrize("user", [None, "dr-operator"])
def test_a_recovery_that_nobody_started_is_refused_by_the_plan_itself(play: Stage, user: str | None) -> None:
    run = play.plan_run(plan(), RECOVERY, run_type="asset_triggered", user=user)

    assert run.go() == "failed"

    assert "needs a person" in run.failure("prepare")
    assert not play.jobs()


def test_a_site_failover_runs_its_plans_by_priority(serve: Callable[..., Server], play: Stage) -> None:
    server = serve(name="wiki")
    databases = {"name": "everything", "servers": DATABASES}
    server.others = (plan(databases, name="erp_three_tier"), plan(databases, name="shop_two_regions"))
    dag = runpy.run_path(str(EXAMPLES / "drs_site_failover.py"))["dag"]
    for task_id in ("erp_three_tier", "shop_two_regions", "wiki"):
        dag.get_task(task_id).deferrable = False
    server.caller = play.dag_run(dag, {"skip_gates": True})

    assert server.caller.go() == "success", server.caller.states
    assert server.caller.xcom("arrival")["partial"] == []
    assert [run.plan.name for run in server.made] == ["erp_three_tier", "shop_two_regions", "wiki"]
    assert {run.record["status"] for run in server.made} == {"COMPLETED"}
    assert {run.record["initiatedBy"] for run in server.made} == {"dr-operator"}


def test_a_paused_plan_is_not_started(serve: Callable[..., Server]) -> None:
    server = serve()
    server.paused = True
    run = server.call(**DRILL)

    assert run.go() == "failed"

    assert "is paused" in run.failure("run")
    assert not server.made


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"execution_type": "drill"}, "execution_type"),
        ({"plan": "No Such Name"}, "plan"),
        ({"incident_time": "yesterday"}, "ISO 8601"),
        ({"replace_live_instances": ["i-1"]}, "replace_live_instances"),
    ],
)
def test_what_is_wrong_is_said_when_the_dag_loads(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(BlockError, match=why):
        DrsRunPlanOperator(**{"task_id": "run", "plan": NAME, **arguments})


def test_the_trigger_waits_for_the_end_and_asks_again_if_airflow_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers: list[Any] = ["queued", RunUnknownError("no"), "running", "failed"]

    def state(dag_id: str, run_id: str) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    monkeypatch.setattr(run_end, "run_state", state)
    trigger = run_end.DrsRunEndTrigger(dag_id="drs_wiki", run_id="r", poll_interval_seconds=0.001)

    async def first() -> Any:
        return (await anext(trigger.run())).payload

    assert asyncio.run(first()) == {"state": "failed"}
    assert not answers


def test_deferred_it_goes_on_when_the_run_is_over(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve()
    run = server.call(**DRILL)
    run.dag.get_task("run").deferrable = True

    monkeypatch.setattr(RuntimeTaskInstance, "get_dr_count", staticmethod(lambda **_: 1))
    run.when("run", "deferred", lambda: server.go_on(0))

    assert run.go() == "success", run.states
    assert ("run", "deferred") in run.history
    assert run.xcom("run")["status"] == "COMPLETED"

"""A cluster policy that begins to refuse plans while an execution is paused, through real Airflow processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution
from embedded import simulated_aws
from embedded.needs import ADMIN
from embedded.stack import Stack, import_errors
from tests.e2e.waiting import ended, parse, until, until_asked
from tests.harness.policies import set_rules

pytestmark = pytest.mark.e2e

WIKI, OTHER = "drs_wiki", "drs_erp_three_tier"
RUN_ID = "under-policies"


def refused(stack: Stack, dag_id: str) -> bool:
    """Return whether the plan's fault is shown, and is that of no other file."""
    with stack.api() as api:
        errors = {each["filename"]: each["stack_trace"] for each in import_errors(api)}
    assert set(errors) <= {"recovery_plan_errors.py"}
    return f"{dag_id.removeprefix('drs_')}.yaml: Airflow takes no DAG" in "".join(errors.values())


def answer(stack: Stack, task_id: str, option: str) -> None:
    with stack.api(ADMIN) as api:
        Execution.of(api, WIKI, RUN_ID).answer(task_id, option, {})


def withdrawn(stack: Stack) -> bool:
    with stack.api() as api:
        dag = api.get(f"/dags/{WIKI}")
    assert not dag["is_stale"]
    return "withdrawn" in {tag["name"] for tag in dag["tags"]}


def test_trap_34_a_paused_execution_finishes_whatever_a_policy_refuses(stack: Stack, policies: Path) -> None:
    stack.wait_for_dag(WIKI)
    stack.wait_for_dag(OTHER)
    try:
        with stack.api() as api:
            Execution.start(api, WIKI, {"pause_before": ["everything"]}, RUN_ID)
        until_asked(stack, WIKI, RUN_ID, "gate_1")

        set_rules(policies, **{OTHER: "dag"})
        parse(stack)
        until(stack, lambda: refused(stack, OTHER), "the other plan is refused by name")
        answer(stack, "gate_1", "Approve")
        until_asked(stack, WIKI, RUN_ID, keys.HOLD_DRILL)

        set_rules(policies, **{OTHER: "dag", WIKI: "whole"})
        parse(stack)
        until(stack, lambda: refused(stack, WIKI) and withdrawn(stack), "the plan itself is refused by name")
        answer(stack, keys.HOLD_DRILL, "Passed")
        with stack.api() as api:
            drill = ended(stack, Execution.of(api, WIKI, RUN_ID))
            record = drill.xcom(keys.FINALIZE, keys.EXECUTION_RECORD)
        assert (drill.run["state"], record["status"]) == ("success", "COMPLETED")
    finally:
        set_rules(policies)
        parse(stack)
    assert set(simulated_aws.instance_states(stack.simulator_url, record).values()) == {"terminated"}

    until(stack, lambda: not refused(stack, WIKI) and not withdrawn(stack), "the plans are back")
    stack.wait_for_dag(OTHER)

"""A held drill whose plan broke, where components of Airflow remember plans each for itself."""

from __future__ import annotations

import pytest

from drs_provider import keys
from embedded import simulated_aws
from embedded.stack import import_errors
from tests.e2e.other_stacks.conftest import OtherStack
from tests.e2e.runs import WIKI, Runs
from tests.e2e.waiting import parse, until, until_asked

pytestmark = pytest.mark.e2e


def test_trap_34_trap_40_a_held_drill_whose_plan_broke_is_seen_without_a_shared_folder(
    other_stack: OtherStack,
) -> None:
    for dag_id in (WIKI, "drs_intranet"):
        other_stack.wait_for_dag(dag_id)
    drill, other = Runs(other_stack), Runs(other_stack, "drs_intranet")
    drill.start("first-drill", {})
    until_asked(other_stack, WIKI, "first-drill", keys.HOLD_DRILL)
    file = other_stack.dags / "plans" / "wiki.yaml"
    whole = file.read_text(encoding="utf-8")
    file.write_text(f"{whole}wawes: []\n", encoding="utf-8")
    parse(other_stack)
    with other_stack.api() as api:
        until(other_stack, lambda: bool(import_errors(api)), "the broken plan file is noticed")

    other.start("second-drill", {})
    second_state, second = other.end("second-drill")
    drill.answer("first-drill", keys.HOLD_DRILL, "Passed")
    drill_state, record = drill.end("first-drill")

    assert not other_stack.state_of("scheduler").exists(), "workers remember no plan"
    assert (second_state, second["status"]) == ("failed", "FAILED")
    assert "DRILL of wiki (run first-drill, started by dr-operator)" in second["errorMessage"]
    assert "waits for people at hold_drill" in second["errorMessage"]
    assert (drill_state, record["status"]) == ("success", "COMPLETED")
    assert record["verdict"]["result"] == "passed"
    assert len(simulated_aws.instance_states(other_stack.simulator_url, record)) == 2

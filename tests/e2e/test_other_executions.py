"""Two executions of the same servers through real Airflow: one is refused, or a recovery cancels the drill."""

from __future__ import annotations

import pytest

from drs_provider import keys
from embedded import simulated_aws
from embedded.stack import Stack
from tests.e2e.runs import WIKI, Runs
from tests.e2e.waiting import until_asked

pytestmark = pytest.mark.e2e

RECOVERY = {
    "execution_type": "RECOVERY",
    "confirm_plan": "wiki",
    "source_state": "lost",
    "preempt_drill": True,
}


def test_trap_40_a_second_run_is_refused_and_a_recovery_cancels_the_drill(stack: Stack) -> None:
    stack.wait_for_dag(WIKI)
    runs = Runs(stack)
    runs.start("first-drill", {})
    until_asked(stack, WIKI, "first-drill", keys.HOLD_DRILL)

    runs.start("second-drill", {})
    second_state, second = runs.end("second-drill")
    runs.start("the-recovery", RECOVERY)
    # It goes on to its first gate although the drill has not ended; nobody lets it launch anything here.
    runs.answer("the-recovery", "gate_1", "Reject")
    recovery_state, recovery = runs.end("the-recovery")
    runs.answer("first-drill", keys.HOLD_DRILL, "Passed")
    drill_state, drill = runs.end("first-drill")

    assert (second_state, second["status"]) == ("failed", "FAILED")
    assert "run first-drill, started by dr-operator" in second["errorMessage"]
    assert (recovery_state, recovery["status"]) == ("failed", "CANCELLED")
    assert (drill_state, drill["status"]) == ("failed", "CANCELLED")
    assert "pre-empted by RECOVERY of wiki (run the-recovery" in drill["errorMessage"]
    assert drill["verdict"]["result"] == "not verified"
    states = simulated_aws.instance_states(stack.simulator_url, drill)
    assert len(states) == 2
    assert set(states.values()) == {"terminated"}

"""Two executions of the same servers through real Airflow: one is refused, or a recovery cancels the drill."""

from __future__ import annotations

import shutil
import time
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.cli.airflow_api.executions import Execution
from embedded import simulated_aws
from embedded.environment import DAGS
from embedded.needs import ADMIN
from embedded.stack import Stack, import_errors
from tests.e2e.conftest import PARSED_ONCE, SPEED
from tests.e2e.waiting import ended, parse, until, until_asked

pytestmark = pytest.mark.e2e

WIKI = "drs_wiki"
RECOVERY = {
    "execution_type": "RECOVERY",
    "confirm_plan": "wiki",
    "source_state": "lost",
    "preempt_drill": True,
}


class Runs:
    """Runs of a plan, as people see them."""

    def __init__(self, stack: Stack, dag_id: str = WIKI) -> None:
        self._stack = stack
        self._dag_id = dag_id

    def start(self, run_id: str, conf: dict[str, Any]) -> None:
        with self._stack.api() as api:
            Execution.start(api, self._dag_id, conf, run_id)

    def answer(self, run_id: str, task_id: str, option: str) -> None:
        """Wait until a task asks, and answer as the administrator."""
        until_asked(self._stack, self._dag_id, run_id, task_id)
        with self._stack.api(ADMIN) as api:
            time.sleep(2)  # nobody real answers in the moment in which a task begins to wait
            Execution.of(api, self._dag_id, run_id).answer(task_id, option, {})

    def end(self, run_id: str) -> tuple[str, dict[str, Any]]:
        """Wait for the end; return the run's state and the record."""
        with self._stack.api() as api:
            execution = ended(self._stack, Execution.of(api, self._dag_id, run_id))
            return str(execution.run["state"]), execution.facts(keys.FINALIZE, keys.EXECUTION_RECORD)


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


class FoldersApart(Stack):
    """Every component remembers plans in a folder of its own, as on several machines without a shared one."""

    def environment_of(self, component: str) -> dict[str, str]:
        own = {"AIRFLOW__DRS__STATE_PATH": str(self.root / "state-of" / component)}
        return super().environment_of(component) | own


def test_trap_34_trap_40_a_held_drill_whose_plan_broke_is_seen_without_a_shared_folder(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = tmp_path_factory.mktemp("stacks")
    shutil.copytree(DAGS, root / "dags", ignore=shutil.ignore_patterns("__pycache__", "plans"))
    plans = root / "dags" / "plans"
    plans.mkdir()
    wiki = (DAGS / "plans" / "wiki.yaml").read_text(encoding="utf-8")
    (plans / "wiki.yaml").write_text(wiki, encoding="utf-8")
    (plans / "intranet.yaml").write_text(wiki.replace("name: wiki", "name: intranet"), encoding="utf-8")
    with FoldersApart(root / "apart", speed=SPEED, dags=root / "dags", settings=PARSED_ONCE) as stack:
        for dag_id in (WIKI, "drs_intranet"):
            stack.wait_for_dag(dag_id)
        drill, other = Runs(stack), Runs(stack, "drs_intranet")
        drill.start("first-drill", {})
        until_asked(stack, WIKI, "first-drill", keys.HOLD_DRILL)
        (plans / "wiki.yaml").write_text(f"{wiki}wawes: []\n", encoding="utf-8")
        parse(stack)
        with stack.api() as api:
            until(stack, lambda: bool(import_errors(api)), "the broken plan file is noticed")

        other.start("second-drill", {})
        second_state, second = other.end("second-drill")
        drill.answer("first-drill", keys.HOLD_DRILL, "Passed")
        drill_state, record = drill.end("first-drill")

        assert not (root / "apart" / "state-of" / "scheduler").exists(), "workers remember no plan"
        assert (second_state, second["status"]) == ("failed", "FAILED")
        assert "DRILL of wiki (run first-drill, started by dr-operator)" in second["errorMessage"]
        assert "waits for people at hold_drill" in second["errorMessage"]
        assert (drill_state, record["status"]) == ("success", "COMPLETED")
        assert record["verdict"]["result"] == "passed"
        assert len(simulated_aws.instance_states(stack.simulator_url, record)) == 2

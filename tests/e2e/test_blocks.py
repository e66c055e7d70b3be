"""Building blocks on real Airflow: a drill from its start to its end, and mapped starts that keep apart."""

from __future__ import annotations

import pytest

from drs_provider.airflow_rest.executions import Execution
from embedded.stack import Stack
from tests.e2e.waiting import ended

pytestmark = pytest.mark.e2e

DRILL, MAPPED = "example_drs_drill", "example_drs_start"


def test_a_drill_and_mapped_starts(stack: Stack) -> None:
    with stack.api() as api:
        runs = {}
        for dag_id in (DRILL, MAPPED):
            stack.wait_for_dag(dag_id)
            runs[dag_id] = Execution.start(api, dag_id, {}, "blocks")
        states = {dag_id: ended(stack, run).run["state"] for dag_id, run in runs.items()}
        outputs = {
            dag_id: {task_id: run.facts(task_id, "return_value") for task_id in ("wait", "terminate")}
            for dag_id, run in runs.items()
        }
        addresses = runs[DRILL].facts("addresses", "return_value")
    assert states == {DRILL: "success", MAPPED: "success"}, outputs
    for told in outputs.values():
        assert (told["wait"]["met"], told["wait"]["recovered"]) == (True, 2)
        assert len(told["terminate"]["terminated"]) == 2
        assert told["terminate"]["remaining"] == []
    assert len(addresses) == 2
    launches = outputs[MAPPED]["wait"]["launches"]
    assert len({launched["executionId"] for launched in launches}) == 2
    assert [len(launched["jobs"]) for launched in launches] == [1, 1]

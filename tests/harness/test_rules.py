"""The harness's trigger rules and run colours, against what was seen of a real scheduler."""

from __future__ import annotations

from typing import Any

import pytest

from drs_provider.dag_factory.build import build_dag
from tests.harness import rules
from tests.harness.plans import two_waves

DAG = build_dag(two_waves(second={"depends_on": []}))
FIRST = [f"wave_1_first.{task}" for task in ("start_recovery", "wait_for_recovery", "enrich")]
SECOND = [f"wave_2_second.{task}" for task in ("start_recovery", "wait_for_recovery", "enrich")]


def states(**changes: Any) -> dict[str, str | None]:
    return {**dict.fromkeys(DAG.task_ids, "success"), **changes}


def verdict(task_id: str, **changes: Any) -> str | None:
    return rules.verdict(DAG.get_task(task_id), states(**changes))


def test_a_task_runs_after_what_is_before_it() -> None:
    assert verdict("gate_1") == rules.READY
    assert verdict("gate_1", prepare="running") is None


@pytest.mark.parametrize(("before", "after"), [("failed", "upstream_failed"), ("skipped", "ready")])
def test_gates_pass_over_skipped_waves_but_not_over_failed_ones(before: str, after: str) -> None:
    assert verdict("hold_drill", **{FIRST[2]: before}) == after


def test_a_failure_spreads_at_once_a_skip_too() -> None:
    assert verdict(FIRST[1], **{FIRST[0]: "failed"}) == "upstream_failed"
    assert verdict(FIRST[1], **{FIRST[0]: "skipped"}) == "skipped"
    assert verdict("hold_drill", **{FIRST[2]: "failed", SECOND[2]: "running"}) == "upstream_failed"


@pytest.mark.parametrize("state", ["failed", "skipped", "upstream_failed"])
def test_teardowns_run_whatever_happened_but_only_at_the_end(state: str) -> None:
    assert verdict("cleanup_drill", **{FIRST[2]: state, "hold_drill": "upstream_failed"}) == rules.READY
    assert verdict("cleanup_drill", **{FIRST[2]: state, SECOND[2]: None}) is None


def test_the_run_has_the_colour_of_its_last_task() -> None:
    assert rules.colour(DAG, states()) == "success"
    assert rules.colour(DAG, states(finalize="failed")) == "failed"
    assert rules.colour(DAG, states(hold_drill="failed")) == "success"

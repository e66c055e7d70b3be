"""How gates are retried: lost tries cost nothing, failures of their own count as those of other tasks."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction

from drs_provider.dag_factory.build import build_dag, build_single_task_dag
from drs_provider.dag_factory.defaults import RETRIES, gate_arguments
from drs_provider.runtime.gate_retries import OwnFailures
from tests.harness.airflow_side import StateStore
from tests.harness.plans import plan


@pytest.fixture
def policy() -> OwnFailures:
    made: OwnFailures = gate_arguments()["retry_policy"]
    return made


def context(values: dict[str, Any], clear_number: int = 0) -> dict[str, Any]:
    store = StateStore(values, lambda what: None)
    return {"task_state_store": store, "dag_run": SimpleNamespace(clear_number=clear_number)}


def decide(policy: OwnFailures, where: dict[str, Any], try_number: int) -> Any:
    return policy.evaluate(RuntimeError("no answer"), try_number, 100, where)


def test_a_gate_fails_after_as_many_failures_of_its_own_as_other_tasks(policy: OwnFailures) -> None:
    where = context({})
    # In between, tries are lost that the scheduler takes for killed: they never get here.
    decisions = [decide(policy, where, try_number) for try_number in (1, 8, 20, 21)]
    assert [each.action for each in decisions] == [RetryAction.RETRY] * RETRIES + [RetryAction.FAIL]
    assert [each.retry_delay for each in decisions[:RETRIES]] == [
        timedelta(seconds=20),
        timedelta(seconds=40),
        timedelta(seconds=80),
    ]


def test_an_attempt_counts_only_its_own_failures(policy: OwnFailures) -> None:
    values: dict[str, Any] = {}
    for try_number in range(1, RETRIES + 2):
        decide(policy, context(values), try_number)
    assert decide(policy, context(values, clear_number=1), 9).action == RetryAction.RETRY


@pytest.mark.parametrize("task_id", ["gate_1", "hold_drill"])
def test_tasks_that_ask_people_are_tried_again_at_once(task_id: str) -> None:
    whole = build_dag(plan()).get_task(task_id)
    alone = build_single_task_dag("drs_small", task_id).get_task(task_id)
    for task in (whole, alone):
        assert task.retries == 100
        assert task.retry_delay == timedelta(0)
        assert not task.retry_exponential_backoff
        assert isinstance(task.retry_policy, OwnFailures)


def test_other_tasks_have_no_such_policy() -> None:
    prepare = build_dag(plan()).get_task("prepare")
    assert (prepare.retries, prepare.retry_policy) == (RETRIES, None)

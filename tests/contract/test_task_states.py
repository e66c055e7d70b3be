"""Our one table of Airflow's states is of the Airflow that is installed: each state is in exactly its classes."""

from __future__ import annotations

import pytest
from airflow.utils.state import DagRunState, IntermediateTIState, State, TaskInstanceState, TerminalTIState

from drs_provider.core import task_states
from drs_provider.core.task_states import RUN_OVER, TASK_ACTIVE, TASK_OVER

pytestmark = pytest.mark.contract

CLASSES_OF = {
    None: {"TASK_NOT_BEGUN"},
    "awaiting_input": {"TASK_ACTIVE"},
    "deferred": {"TASK_ACTIVE", "TASK_AT_WORK"},
    "failed": {"TASK_OVER"},
    "queued": {"TASK_ACTIVE", "TASK_BEFORE_WORKER", "TASK_NOT_BEGUN"},
    "removed": {"TASK_OVER"},
    "restarting": {"TASK_ACTIVE"},
    "running": {"TASK_ACTIVE", "TASK_AT_WORK"},
    "scheduled": {"TASK_ACTIVE", "TASK_BEFORE_WORKER", "TASK_NOT_BEGUN"},
    "skipped": {"TASK_OVER", "TASK_NOT_BEGUN"},
    "success": {"TASK_OVER"},
    "up_for_reschedule": {"TASK_ACTIVE"},
    "up_for_retry": {"TASK_ACTIVE"},
    "upstream_failed": {"TASK_OVER", "TASK_NOT_BEGUN"},
}
TABLES = {name: table for name, table in vars(task_states).items() if name.startswith("TASK_")}


@pytest.mark.parametrize("state", [None, *TaskInstanceState], ids=str)
def test_each_state_of_a_task_is_in_exactly_its_classes(state: TaskInstanceState | None) -> None:
    value = None if state is None else state.value
    assert {name for name, table in TABLES.items() if value in table} == CLASSES_OF[value]


def test_no_class_has_a_state_that_airflow_does_not_know() -> None:
    known = {None, *(state.value for state in TaskInstanceState)}
    assert len(TABLES) == 5
    assert not frozenset().union(*TABLES.values()) - known


def test_what_is_over_and_what_is_active_is_what_airflow_says() -> None:
    assert TASK_OVER == State.finished == {state.value for state in TerminalTIState}
    assert TASK_ACTIVE | {None} == State.unfinished
    assert {state.value for state in IntermediateTIState} | {"running"} == TASK_ACTIVE


def test_a_run_is_over_in_the_states_that_airflow_calls_finished() -> None:
    assert State.finished_dr_states == RUN_OVER
    assert {state.value for state in DagRunState} - RUN_OVER == {"queued", "running"}

"""Task ids tell what a task is; nothing else does when a plan's file is gone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_provider import keys

TASKS = (keys.START_RECOVERY, keys.WAIT_FOR_RECOVERY, keys.ENRICH, keys.DECIDE)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,30}", fullmatch=True)


@given(number=st.integers(1, 999), name=NAMES, task=st.sampled_from(TASKS))
def test_a_waves_task_is_known_by_its_id(number: int, name: str, task: str) -> None:
    assert keys.role_of(keys.wave_task_id(number, name, task)) == keys.TaskRole(task, number, name)


@given(number=st.integers(1, 999))
def test_a_gate_is_known_by_its_id(number: int) -> None:
    assert keys.role_of(keys.gate_task_id(number)) == keys.TaskRole("gate", number)


@pytest.mark.parametrize("task", [keys.PREPARE, keys.HOLD_DRILL, keys.CLEANUP_DRILL, keys.FINALIZE])
def test_the_others_are_known_by_their_names(task: str) -> None:
    assert keys.role_of(task) == keys.TaskRole(task)


@pytest.mark.parametrize("task_id", ["", "wave_1_a", "wave_1_a.load", "wave_x_a.enrich", "gate_", "enrich"])
def test_what_is_none_of_ours_is_refused(task_id: str) -> None:
    with pytest.raises(ValueError, match="no recovery plan's DAG"):
        keys.role_of(task_id)


@given(number=st.integers(1, 999), name=NAMES, step=NAMES, place=st.sampled_from(["before", "after"]))
def test_a_step_of_a_wave_is_known_by_its_id(number: int, name: str, step: str, place: str) -> None:
    task_id = keys.step_task_id(place, step, number, name)
    assert keys.role_of(task_id) == keys.TaskRole(keys.STEP, number, name, place, step)
    assert keys.is_step(task_id)
    assert keys.may_wait_for_people(task_id, "deferred")
    assert not keys.waits_for_people(task_id, "deferred")


@given(step=NAMES, place=st.sampled_from(keys.AROUND))
def test_so_is_one_around_all_waves(step: str, place: str) -> None:
    task_id = keys.step_task_id(place, step)
    assert keys.role_of(task_id) == keys.TaskRole(keys.STEP, place=place, step_name=step)
    assert keys.is_step(task_id)

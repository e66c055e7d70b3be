"""How often tasks ask Airflow for what others told: each pull is a round trip to the API server."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.harness.stage import stage
from tests.harness.worker import TaskInstance

Pulls = dict[str, list[Counter[tuple[str, str]]]]


@pytest.fixture(scope="module")
def pulls(tmp_path_factory: pytest.TempPathFactory) -> Pulls:
    """Every XCom that the tasks of a three-wave drill asked for, by task and by start of its process."""
    counted: Pulls = {}
    original = TaskInstance.xcom_pull
    last: list[TaskInstance] = []

    def pull(ti: TaskInstance, task_ids: str | None = None, *args: object, **named: object) -> object:
        starts = counted.setdefault(ti.task_id, [])
        if not last or last[-1] is not ti:
            last.append(ti)
            starts.append(Counter())
        starts[-1][str(task_ids), str(named.get("key"))] += 1
        return original(ti, task_ids, *args, **named)  # type: ignore[arg-type]

    with (
        stage("three_tier", tmp_path_factory.mktemp("pulls")) as play,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(TaskInstance, "xcom_pull", pull)
        run = play.plan_run("erp_three_tier").approve_everything()
        assert run.go() == "success"
    return counted


#: Most pulls of one start of a task's process. A start of a wave asks again, right before its call, what others may
#: have told meanwhile: whether a RECOVERY has cancelled the drill, and what an earlier cleanup terminated.
MOST = {
    "prepare": 4,
    "gate_1": 6,
    "gate_2": 10,
    "gate_3": 7,
    "start_recovery": 21,
    "wait_for_recovery": 6,
    "enrich": 8,
    "hold_drill": 12,  # one of them: whether people have extended it
    "cleanup_drill": 18,
    "finalize": 37,  # three of them: messages that a start could not send
}


def test_a_frozen_wave_is_read_once_by_each_start_of_a_task(pulls: Pulls) -> None:
    often = {
        (task_id, key): times
        for task_id, starts in pulls.items()
        for start in starts
        for (_, key), times in start.items()
        if key.startswith("frozen_wave_") and times > 1
    }
    assert often == {}
    assert sum(key == "frozen_wave_2" for _, key in pulls["gate_2"][0]) == 1


@pytest.mark.parametrize("task", MOST)
def test_tasks_ask_airflow_no_more_often_than_needed(pulls: Pulls, task: str) -> None:
    counted = [
        start.total() for task_id, starts in pulls.items() if task_id.endswith(task) for start in starts
    ]
    assert counted
    assert max(counted) <= MOST[task], pulls


def test_whether_a_drill_was_cancelled_is_asked_again_before_the_call(pulls: Pulls) -> None:
    for task_id, starts in pulls.items():
        if task_id.endswith("start_recovery"):
            assert starts[0]["prepare", "preemption"] == 2

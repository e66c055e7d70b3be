"""Answers to gates in the worst moments of a slow scheduler: none is lost, and each decides within seconds.

``DRS_TEST_GATES=50`` answers fifty gates instead of a few.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from statistics import median

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.client import ApiError
from drs_provider.airflow_rest.executions import Execution
from embedded.stack import Stack
from tests.e2e.other_stacks.conftest import OtherStack
from tests.e2e.other_stacks.many_gates import APPROVER, DAG_ID, GATES
from tests.e2e.waiting import ended, until

pytestmark = pytest.mark.e2e

#: Also a worker takes as long as Airflow's default lets it to notice that its task's process has ended.
SLOW = {
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "5",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "5",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "3",
}
#: Seconds after a gate became visible: at once, while its process leaves, and before the scheduler's next loop
MOMENTS = (0.0, 0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


@pytest.fixture
def slow(other_stack: OtherStack) -> Iterator[Stack]:
    """A stack whose scheduler looks only every five seconds when it has nothing to do."""
    quick = other_stack.settings
    other_stack.start_scheduler_anew({**quick, **SLOW})
    yield other_stack
    other_stack.start_scheduler_anew(quick)


@dataclass
class People:
    """Answers each gate at the next of the worst moments after it became visible."""

    stack: Stack
    run_id: str

    def __post_init__(self) -> None:
        self.visible: dict[str, float] = {}
        self.answered: dict[str, float] = {}

    def answer(self) -> None:
        """Answer until every gate has an answer that Airflow accepted."""
        with self.stack.api(APPROVER) as api:
            execution = Execution.of(api, DAG_ID, self.run_id)

            def answer_what_is_due() -> bool:
                # Also what asks while its task still runs: the worst moment of all.
                for question in execution.unanswered():
                    self.visible.setdefault(question["task_instance"]["task_id"], time.monotonic())
                for number, (task_id, since) in enumerate([*self.visible.items()]):
                    due = since + MOMENTS[number % len(MOMENTS)]
                    if task_id not in self.answered and time.monotonic() >= due:
                        self.give(execution, task_id)
                return len(self.answered) == GATES

            until(self.stack, answer_what_is_due, "every gate asks", seconds=120 + 30 * GATES)

    def give(self, execution: Execution, task_id: str) -> None:
        """Answer a gate; what SQLite was too busy for was not accepted, and comes again."""
        try:
            execution.answer(task_id, "Skip wave", {"comment": task_id})
        except ApiError as error:
            if error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
        else:
            self.answered[task_id] = time.time()


def test_trap_41_no_answer_is_lost_when_the_scheduler_is_slow(slow: Stack) -> None:
    slow.wait_for_dag(DAG_ID, timeout_seconds=120)
    with slow.api() as api:
        Execution.start(api, DAG_ID, {}, "worst-moments")
    people = People(slow, "worst-moments")
    people.answer()
    with slow.api() as api:
        run = ended(slow, Execution.of(api, DAG_ID, "worst-moments"), seconds=120 + 30 * GATES)
        tasks = run.tasks()
        record = run.xcom(keys.FINALIZE, keys.EXECUTION_RECORD)
    gates = [tasks[keys.gate_task_id(number)] for number in range(1, GATES + 1)]
    delays: dict[int, list[float]] = {}
    for each in gates:
        passed = datetime.fromisoformat(each["end_date"]).timestamp() - people.answered[each["task_id"]]
        delays.setdefault(each["try_number"], []).append(round(passed, 1))
    print(f"{GATES} gates ended {Counter(each['state'] for each in gates)}; seconds from answer to decision:")
    for tries, seconds in sorted(delays.items()):
        print(f"  in try {tries}: {len(seconds)} gates, median {median(seconds)}, longest {max(seconds)}")

    assert [each["state"] for each in gates] == ["success"] * GATES
    responses = [wave["gate"]["responses"] for wave in record["waves"]]
    # Asked once, answered once, by the person that answered.
    assert [[(each["respondedBy"], each["comment"]) for each in of_gate] for of_gate in responses] == [
        [(APPROVER, keys.gate_task_id(number))] for number in range(1, GATES + 1)
    ]

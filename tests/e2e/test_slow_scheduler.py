"""Answers to gates in the worst moments of a slow scheduler: none is lost, and each decides within seconds.

``DRS_TEST_GATES=50`` answers fifty gates instead of a few.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from drs_provider import keys
from drs_provider.cli.airflow_api.client import ApiError
from drs_provider.cli.airflow_api.executions import Execution
from embedded.environment import DAGS
from embedded.stack import Stack
from tests.e2e.conftest import PARSED_ONCE
from tests.e2e.waiting import ended, until

pytestmark = pytest.mark.e2e

GATES = int(os.environ.get("DRS_TEST_GATES", "6"))
LOOP_SECONDS = 5
PLAN = "many_gates"
DAG_ID = f"drs_{PLAN}"
APPROVER = "dr-approver-1"
#: Seconds after a gate became visible: at once, while its process leaves, and before the scheduler's next loop
MOMENTS = (0.0, 0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


def server_id(number: int) -> str:
    return f"s-{number:017x}"


def plan() -> dict[str, Any]:
    """Waves that wait for nothing but their gates."""
    numbers = range(1, GATES + 1)
    gate = {"message": "Go on?", "approvers": [APPROVER], "timeout_minutes": 60}
    return {
        "name": PLAN,
        "targets": {
            "main": {
                "account_id": "111122223333",
                "region": "eu-west-1",
                "connection": "aws_dr",
                "own_account": True,
            }
        },
        "protection_groups": {f"g{n}": {"target": "main", "servers": [server_id(n)]} for n in numbers},
        "waves": [{"name": f"w{n}", "groups": [f"g{n}"], "depends_on": [], "gate": gate} for n in numbers],
        "drill": {"hold": {"timeout_minutes": 60}},
    }


def scenario() -> dict[str, Any]:
    servers = [{"id": server_id(n), "name": f"server-{n}"} for n in range(1, GATES + 1)]
    region = {
        "servers": ["all"],
        "networks": {
            "drill": {"vpc": "vpc-0d5111aa", "subnet": "subnet-0d5111a1", "security_group": "sg-0d5111aa"}
        },
    }
    return {
        "seed": 1,
        "accounts": {"111122223333": {"regions": {"eu-west-1": region}}},
        "servers": {"all": servers},
    }


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose scheduler looks only every five seconds when it has nothing to do."""
    folder = tmp_path_factory.mktemp("slow")
    dags = folder / "dags"
    (dags / "plans").mkdir(parents=True)
    for file in Path(DAGS).glob("*.py"):
        (dags / file.name).write_text(file.read_text())
    (dags / "plans" / f"{PLAN}.yaml").write_text(yaml.safe_dump(plan()))
    world = folder / "scenario.yaml"
    world.write_text(yaml.safe_dump(scenario()))
    settings = PARSED_ONCE | {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": str(LOOP_SECONDS)}
    with Stack(folder / "stack", scenario=world, dags=dags, settings=settings) as running:
        yield running


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

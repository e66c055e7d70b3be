"""One embedded stack for all end-to-end tests: real Airflow processes, simulated AWS."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from embedded import simulated_aws
from embedded.drill import Drill, Outcome, approve_everything
from embedded.environment import DAGS
from embedded.needs import CONNECTION
from embedded.stack import Stack
from tests.e2e import plans
from tests.harness.policies import install

#: A launch takes some seconds; the provider's waiting times are at their least already.
SPEED = 960.0
#: DAG files are parsed when they change, and then seen at once; what else changes their DAGs is told by
#: :func:`tests.e2e.waiting.parse`. A sample plan's schedule must not come due while tests drill its servers; without
#: schedules there are no runs by assets either.
STEADY = {
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
}
#: The only schedule there is comes due on a 29th of February (tests.e2e.plans).
SCHEDULES = {"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "True"}
#: A failed task's worker notices only after its interval of heartbeats that the process has ended; a dead API server is
#: borne as long as with Airflow's own 5 s, three times.
ENDS_SOON = {
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "15",
}
#: Plans' DAGs never are; others, such as the examples, are paused when Airflow first sees them.
UNPAUSED = {"AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False"}
#: Example DAGs of building blocks
EXAMPLES = DAGS.parent / "examples" / "blocks"
_NUMBERS = count(1)


@dataclass
class Followed:
    """A run that has ended.

    :param record: the execution record as the history table holds it
    :param said: what the launcher told: the answers given
    :param shown: what the program printed that started and followed the run
    """

    outcome: Outcome
    record: dict[str, Any]
    said: list[str]
    shown: str

    def instance_states(self, stack: Stack) -> dict[str, str]:
        return simulated_aws.instance_states(stack.simulator_url, self.record)


RunPlan = Callable[..., Followed]


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cluster policies of the stack; without rules, as long as no test sets some."""
    return install(tmp_path_factory.mktemp("policies") / "config")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, policies: Path) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("stacks")
    shutil.copytree(DAGS, root / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(EXAMPLES, root / "dags" / "blocks")
    plans.add(root / "dags" / "plans")
    settings = STEADY | SCHEDULES | ENDS_SOON | UNPAUSED | {"PYTHONPATH": str(policies)}
    world = plans.scenario(root)
    with Stack(root / "e2e", speed=SPEED, scenario=world, dags=root / "dags", settings=settings) as running:
        yield running


@pytest.fixture(scope="session")
def run_plan(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> RunPlan:
    """Runs a plan to its end as ``make drill`` does; ``reply`` answers its gates, ``options`` are of ``drs drill``."""

    def run(
        plan: str,
        *options: str,
        reply: Callable[[str], Sequence[str] | None] = approve_everything,
    ) -> Followed:
        said: list[str] = []
        shown = tmp_path_factory.mktemp("drill") / "shown"
        with shown.open("wb") as output:
            drill = Drill(stack, plan, say=said.append, output=output, reply=reply)
            outcome = drill.run(options, run_id=f"drill-{next(_NUMBERS)}", timeout_seconds=300)
        assert outcome.record is not None, shown.read_text()
        record = simulated_aws.stored_record(
            stack.simulator_url, stack.needs.connections[CONNECTION], outcome.record["executionId"]
        )
        assert record is not None
        return Followed(outcome, record, said, shown.read_text())

    return run


@pytest.fixture(scope="session")
def drill(run_plan: RunPlan) -> Followed:
    """A drill of three waves that went well; its tests look at what it left, and at no other run."""
    return run_plan("erp_three_tier", "--ticket", "CHG0012345")

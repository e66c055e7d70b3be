"""One embedded stack for all end-to-end tests: real Airflow processes, simulated AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from embedded import simulated_aws
from embedded.drill import Drill, Outcome, Reply, approve_everything
from embedded.needs import CONNECTION
from embedded.stack import Stack
from tests.harness.policies import install

SPEED = 240.0


@dataclass
class Followed:
    """A run that has ended.

    :param record: the execution record as the history table holds it
    :param said: what the launcher told, with the answers given to gates
    """

    outcome: Outcome
    record: dict[str, Any]
    said: list[str] = field(default_factory=list)

    def instance_states(self, stack: Stack) -> dict[str, str]:
        return simulated_aws.instance_states(stack.simulator_url, self.record)


RunPlan = Callable[..., Followed]


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cluster policies of the stack; without rules, as long as no test sets some."""
    return install(tmp_path_factory.mktemp("policies") / "config")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, policies: Path) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("stacks") / "e2e"
    with Stack(root, speed=SPEED, settings={"PYTHONPATH": str(policies)}) as running:
        yield running


@pytest.fixture
def run_plan(stack: Stack) -> RunPlan:
    """Runs a plan to its end; ``reply`` answers its gates, ``conf`` goes over a plain drill's."""

    def run(
        plan: str,
        conf: dict[str, Any] | None = None,
        reply: Callable[[str], Reply | None] = approve_everything,
    ) -> Followed:
        said: list[str] = []
        outcome = Drill(stack, f"drs_{plan}", say=said.append, reply=reply).run(conf, timeout_seconds=300)
        assert outcome.record is not None
        record = simulated_aws.stored_record(
            stack.simulator_url, stack.needs.connections[CONNECTION], outcome.record["executionId"]
        )
        assert record is not None
        return Followed(outcome, record, said)

    return run

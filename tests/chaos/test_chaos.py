"""A small campaign on real Airflow processes, with faults that always strike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos.block_runs import of_plans
from chaos.campaign import Campaign
from chaos.spec import Behaviour, Fault, Moment, People, RunSpec, Server, Strike, Wave
from chaos.stack import chaos_stack
from chaos.summary import to_dict
from tests.e2e.conftest import STEADY

pytestmark = pytest.mark.e2e


def _server(seed: int, number: int, behaviour: Behaviour = Behaviour.LAUNCHES) -> Server:
    return Server(f"s-{seed:016}{number}", f"c{seed}-{number}", behaviour=behaviour)


DRILL = RunSpec(
    seed=1,
    execution_type="DRILL",
    waves=(Wave(1, "database", "own", (_server(1, 1), _server(1, 2))),),
    strikes=(
        Strike(Fault.KILL_WORKER, Moment("start_recovery", 1), whole=True),
        Strike(Fault.LOST_START),
        Strike(Fault.KILL_TRIGGERER, Moment("wait_for_recovery", 1, waiting=True)),
    ),
)
RECOVERY = RunSpec(
    seed=2,
    execution_type="RECOVERY",
    waves=(
        Wave(1, "database", "branch", (_server(2, 1),)),
        Wave(2, "application", "branch", (_server(2, 2, Behaviour.FAILS_ONCE),)),
    ),
    people=People(retries=1),
    strikes=(
        Strike(Fault.SESSIONS_END, Moment("wait_for_recovery", 1, waiting=True)),
        Strike(Fault.KILL_TASK, Moment("finalize")),
    ),
)
LATE = RunSpec(
    seed=3,
    execution_type="DRILL",
    waves=(Wave(1, "database", "own_late", (_server(3, 1),)),),
    strikes=(
        Strike(Fault.LATE_JOBS),
        Strike(Fault.KILL_SCHEDULER, Moment("wait_for_recovery", 1, waiting=True), whole=True),
    ),
)


def test_three_executions_survive(tmp_path: Path) -> None:
    specs = (DRILL, RECOVERY, LATE)
    said: list[str] = []
    stack, plans = chaos_stack(tmp_path / "chaos", specs, 1, report=said.append)
    # No fault here concerns plan files, and all are there before they are parsed.
    for spec in specs:
        plans.write(spec)
    stack.settings = {**stack.settings, **STEADY}

    with stack:
        result = Campaign(stack, plans, specs, 1, lanes=3, say=said.append).run()

    assert [violation.to_dict() for violation in result.violations] == [], said
    assert [
        attempt.record["status"] for run in result.runs for attempt in run.attempts if attempt.record
    ] == [
        "COMPLETED",
        "PARTIAL",
        "COMPLETED",
        "COMPLETED",
    ]
    for spec in specs:
        for strike in spec.strikes:
            assert result.tally.struck[strike.fault] >= 1, strike.fault
    of_executions = of_plans(result.world)
    assert len(of_executions.launches()) == 5
    assert [run.state for run in result.blocks] == ["success"]
    assert len(of_executions.terminations()) == 2
    summary = json.loads(json.dumps(to_dict(result, lambda _: tmp_path)))
    assert summary["outcomes"] == {"COMPLETED": 2, "PARTIAL > COMPLETED": 1}
    assert summary["violations"] == []

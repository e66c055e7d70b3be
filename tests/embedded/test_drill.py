"""A drill as the launcher runs it: real programs for start and answers, against a scripted Airflow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.refused import ExitCode
from embedded.drill import RUN_ID, Drill, Outcome
from embedded.environment import Ports, Secrets
from embedded.processes import StackError
from embedded.stack import Stack
from tests.cli.airflow_server import PASSWORDS, AirflowServer, Run, end, settle, tell
from tests.embedded.conftest import lives

GATE = keys.gate_task_id(2)
APPROVER = "dr-approver-1"


@pytest.fixture
def airflow() -> Iterator[AirflowServer]:
    server = AirflowServer()
    server.add_plan("erp")
    yield server
    server.close()


@pytest.fixture
def stack(airflow: AirflowServer, tmp_path: Path) -> Iterator[Stack]:
    """A stack whose Airflow is the scripted one."""
    stack = Stack(tmp_path / "drill")
    stack.secrets = Secrets(PASSWORDS)
    stack.ports = Ports(api=urlsplit(airflow.url).port or 0, simulator=1)
    stack.paths.airflow_home.mkdir(parents=True)
    yield stack
    stack.stop()


def ask_at_once(airflow: AirflowServer, *approvers: str) -> None:
    """Let the run's gate ask as soon as the run is there."""
    asked: list[str] = []

    def script(_method: str, _path: str, _body: Any) -> None:
        if not asked and (run := airflow.runs.get(("drs_erp", RUN_ID))):
            asked.append(GATE)
            run.ask(GATE, approvers=approvers)

    airflow.script = script


def run(stack: Stack, said: list[str]) -> tuple[Outcome, str]:
    shown = stack.root / "shown"
    with shown.open("wb") as output:
        outcome = Drill(stack, "erp", say=said.append, output=output).run(
            ("--ticket", "CHG1"), timeout_seconds=120
        )
    return outcome, shown.read_text()


def test_the_users_program_starts_shows_and_answers(airflow: AirflowServer, stack: Stack) -> None:
    ask_at_once(airflow, APPROVER)

    def answered(run: Run, task_id: str, given: dict[str, Any]) -> None:
        settle(run, task_id, given)
        if task_id == GATE:
            run.ask(keys.HOLD_DRILL)
        else:
            end(run, "PARTIAL")

    airflow.answered = answered
    said: list[str] = []

    outcome, shown = run(stack, said)

    assert (outcome.code, outcome.run_state) == (ExitCode.PARTIAL, "failed")
    assert outcome.record is not None
    assert outcome.record["executionId"] == f"id-{RUN_ID}"
    assert list(outcome.failed) == [keys.FINALIZE]
    assert outcome.failed[keys.FINALIZE].startswith(str(stack.paths.airflow_home))
    assert said == [
        f"{APPROVER} answered gate before wave 2 application: Approve",
        "dr-operator answered the drill's verdict: Passed",
    ]
    lines = shown.splitlines()
    assert lines[0] == f"started: erp/{RUN_ID}  {airflow.url}/dags/drs_erp/runs/{RUN_ID}"
    assert lines[-1].endswith("PARTIAL, 2 of 2 waves, verdict passed after 50 s")
    (started,) = airflow.sent("POST", "/dags/drs_erp/dagRuns")
    assert started["conf"] == {
        "execution_type": "DRILL",
        "reason": "drill of the embedded stack",
        "ticket": "CHG1",
    }
    assert not any(lives(each.pid) for each in stack.processes.started)


def test_an_answer_that_does_not_count_ends_it_and_leaves_no_process(
    airflow: AirflowServer, stack: Stack
) -> None:
    ask_at_once(airflow)
    airflow.answered = lambda run, task_id, given: tell(run, task_id, given | {"refused": "is no approver"})

    with pytest.raises(
        StackError, match=r"dr-operator could not answer gate_2 \(exit code 6\)(?s:.*)no approver"
    ):
        run(stack, [])

    watching = stack.processes.started[0]
    assert lives(watching.pid)
    stack.stop()
    assert not lives(watching.pid)


def test_nobody_answers_for_people_that_have_no_login(airflow: AirflowServer, stack: Stack) -> None:
    ask_at_once(airflow, "somebody-else")

    with pytest.raises(
        StackError, match="gate_2 asks somebody-else, none of whom this stack has a login for"
    ):
        run(stack, [])


def test_a_drill_that_airflow_does_not_start_is_told(airflow: AirflowServer, stack: Stack) -> None:
    airflow.add_plan("erp", tags=[{"name": "withdrawn"}])

    with pytest.raises(StackError, match=rf"not started \(exit code {ExitCode.NOT_STARTABLE}\)"):
        run(stack, [])

"""The ticketing examples, as a ticket system would run them: against a real API server, as users with few rights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from drs_provider.airflow_rest.executions import Execution
from embedded.environment import REPOSITORY
from embedded.stack import Stack
from tests.e2e.waiting import until_asked

EXAMPLES = REPOSITORY / "examples" / "ticketing"
SHELL = [str(EXAMPLES / "ticket.sh")]
PYTHON = [sys.executable, str(EXAMPLES / "ticket.py")]
HOSTILE = "=HYPERLINK(\"x\") {{ 7 * 7 }} <b>bold</b> $(id) 'quoted'\nsecond line"

needs_curl_and_jq = pytest.mark.skipif(
    not (shutil.which("curl") and shutil.which("jq")), reason="ticket.sh needs curl and jq"
)
pytestmark = pytest.mark.e2e


@dataclass
class TicketSystem:
    """Calls one of the examples as one of the stack's users."""

    stack: Stack
    program: Sequence[str]

    def environment(self, user: str) -> dict[str, str]:
        kept = {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", "POLL_SECONDS": "0.5"}
        password = self.stack.secrets.passwords[user]
        return {**kept, "AIRFLOW_URL": self.stack.api_url, "AIRFLOW_USER": user, "AIRFLOW_PASSWORD": password}

    def __call__(self, *arguments: str, user: str = "dr-operator") -> subprocess.CompletedProcess[str]:
        command = [*self.program, *arguments]
        return subprocess.run(
            command, env=self.environment(user), capture_output=True, text=True, timeout=240, check=False
        )

    def wait_until_asked(self, plan: str, ticket: str, task_id: str) -> None:
        until_asked(self.stack, f"drs_{plan}", ticket, task_id)


@needs_curl_and_jq
def test_a_shell_script_starts_follows_answers_and_reads_a_drill(stack: Stack) -> None:
    stack.wait_for_dag("drs_erp_three_tier")
    ticket = TicketSystem(stack, SHELL)
    started = ("start", "erp_three_tier", "CHG0012345", '{"waves": ["application"], "reason": "quarterly"}')

    first, again = ticket(*started), ticket(*started)
    other = ticket("start", "erp_three_tier", "CHG0012345", '{"reason": "another"}')
    ticket.wait_until_asked("erp_three_tier", "CHG0012345", "gate_2")
    early = ticket("result", "erp_three_tier", "CHG0012345")
    answer = ("answer", "erp_three_tier", "CHG0012345")
    wrong_person = ticket(*answer, "gate_2", "Approve")
    approved = ticket(*answer, "gate_2", "Approve", HOSTILE, user="dr-approver-1")
    second = ticket(*answer, "gate_2", "Reject", "too late", user="dr-approver-1")
    ticket.wait_until_asked("erp_three_tier", "CHG0012345", "hold_drill")
    ticket(*answer, "hold_drill", "Passed", "orders can be entered")
    followed = ticket("follow", "erp_three_tier", "CHG0012345")
    result = json.loads(followed.stdout[followed.stdout.index("{") :])

    assert (first.returncode, first.stdout) == (0, "started erp_three_tier for CHG0012345\n"), first.stderr
    assert again.returncode == 0
    assert "was started for CHG0012345 before" in again.stdout
    assert (other.returncode, early.returncode) == (3, 4)
    assert "with another configuration" in other.stderr
    assert wrong_person.returncode == 3
    assert "403" in wrong_person.stderr
    assert approved.returncode == 0, approved.stderr
    assert second.returncode == 3
    assert "409" in second.stderr
    assert followed.returncode == 0
    assert (result["status"], result["ticket"], result["verdict"]) == ("COMPLETED", "CHG0012345", "passed")
    assert result["initiatedBy"] == "dr-operator"
    assert comments(stack, "drs_erp_three_tier", "CHG0012345") == [HOSTILE]


def comments(stack: Stack, dag_id: str, run_id: str) -> list[str]:
    with stack.api("dr-viewer") as api:
        record = Execution.of(api, dag_id, run_id).xcom("finalize", "execution_record")
    gates = [wave["gate"] for wave in record["waves"] if "gate" in wave]
    return [response["comment"] for gate in gates for response in gate["responses"]]


def test_the_python_client_starts_cancels_and_reads_a_drill(stack: Stack) -> None:
    stack.wait_for_dag("drs_wiki")
    ticket = TicketSystem(stack, PYTHON)

    first, again = ticket("start", "wiki", "INC-7:8+9"), ticket("start", "wiki", "INC-7:8+9")
    other = ticket("start", "wiki", "INC-7:8+9", "--conf", '{"reason": "another"}')
    ticket.wait_until_asked("wiki", "INC-7:8+9", "hold_drill")
    cancelled = ticket("cancel", "wiki", "INC-7:8+9", "the ticket was withdrawn")
    followed = ticket("follow", "wiki", "INC-7:8+9", "--poll-seconds", "0.5")
    record = json.loads(followed.stdout[followed.stdout.index("{") :])

    assert (first.returncode, first.stdout) == (0, "started wiki\n"), first.stderr
    assert (again.returncode, again.stdout) == (0, "wiki was started before\n")
    assert (other.returncode, cancelled.returncode) == (3, 0)
    assert followed.returncode == 1
    assert (record["status"], record["ticket"]) == ("CANCELLED", "INC-7:8+9")
    assert len(record["cleanup"]["terminated"]) == 2


@pytest.mark.parametrize("program", [pytest.param(SHELL, marks=needs_curl_and_jq), PYTHON])
def test_who_may_only_look_starts_nothing(stack: Stack, program: Sequence[str]) -> None:
    stack.wait_for_dag("drs_wiki")
    refused = TicketSystem(stack, program)("start", "wiki", "CHG-VIEWER", user="dr-viewer")

    assert refused.returncode == 3
    assert "Forbidden" in refused.stderr
    with stack.api("dr-viewer") as api:
        runs = api.get("/dags/drs_wiki/dagRuns")["dag_runs"]
    assert "CHG-VIEWER" not in [run["dag_run_id"] for run in runs]

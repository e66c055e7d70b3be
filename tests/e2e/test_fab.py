"""Gates with FAB, Airflow's auth manager whose user ids are numbers: the plan's logins decide."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.cli.airflow_api.executions import Execution
from embedded.needs import ADMIN, OPERATOR
from embedded.stack import Stack
from tests.e2e.conftest import PARSED_ONCE
from tests.e2e.waiting import ended, until, until_asked

pytestmark = pytest.mark.e2e

FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
DAG_ID = "drs_erp_three_tier"
RUN_ID = "recovery-with-fab"
LEAD, APPROVER = "dr-lead", "dr-approver-1"
#: Roles of FAB
ROLES = {ADMIN: "Admin", LEAD: "User", APPROVER: "User", OPERATOR: "User"}
RECOVERY = {"execution_type": "RECOVERY", "confirm_plan": "erp_three_tier", "source_state": "lost"}


@pytest.fixture(scope="module")
def fab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = PARSED_ONCE | {"AIRFLOW__CORE__AUTH_MANAGER": FAB}
    with Stack(tmp_path_factory.mktemp("stacks") / "fab", settings=settings) as running:
        for login, role in ROLES.items():
            create(running, login, role)
        yield running


def create(stack: Stack, login: str, role: str) -> None:
    words = ["users", "create", "--username", login, "--role", role, "--email", f"{login}@localhost"]
    words += ["--firstname", "A", "--lastname", "Person", "--password", stack.secrets.passwords[login]]
    command = [sys.executable, "-m", "airflow", *words]
    subprocess.run(command, env=stack.environment, check=True, capture_output=True, timeout=180)


def test_the_plans_logins_decide_and_nobody_else_with_any_option(fab: Stack) -> None:
    fab.wait_for_dag(DAG_ID, timeout_seconds=120)
    with fab.api(LEAD) as api:
        Execution.start(api, DAG_ID, RECOVERY, RUN_ID)
    answer(fab, OPERATOR, "Reject")
    answer(fab, LEAD, "Approve", earlier=1)
    answer(fab, APPROVER, "Reject", earlier=2)
    with fab.api(ADMIN) as api:
        recovery = ended(fab, Execution.of(api, DAG_ID, RUN_ID))
        record = recovery.xcom(keys.FINALIZE, keys.EXECUTION_RECORD)

    assert recovery.run["state"] == "failed"
    assert (record["status"], record["initiatedBy"]) == ("CANCELLED", LEAD)
    responses = {each["respondedBy"]: each for each in record["waves"][0]["gate"]["responses"]}
    assert responses.keys() == {OPERATOR, LEAD, APPROVER}
    assert all(each["respondedById"].isdecimal() for each in responses.values())
    assert "none of the plan's approvers" in responses[OPERATOR]["refused"]
    assert "refused" in responses[LEAD]
    assert "refused" not in responses[APPROVER]


def answer(stack: Stack, login: str, option: str, *, earlier: int = 0) -> None:
    """Answer the first gate once it asks again after so many answers."""

    def told() -> list[dict[str, Any]]:
        with stack.api(ADMIN) as api:
            answers = Execution.of(api, DAG_ID, RUN_ID).facts(keys.gate_task_id(1), keys.GATE_ANSWERS)
        return list(answers.get("responses", ()))

    until(stack, lambda: len(told()) == earlier, "the gate has dealt with the answer before")
    until_asked(stack, DAG_ID, RUN_ID, keys.gate_task_id(1))
    with stack.api(login) as api:
        Execution.of(api, DAG_ID, RUN_ID).answer(keys.gate_task_id(1), option, {})

"""Gates with FAB, Airflow's auth manager whose user ids are numbers: the plan's logins decide."""

from __future__ import annotations

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.executions import Execution
from embedded.needs import ADMIN, OPERATOR
from embedded.stack import Stack
from tests.e2e.other_stacks.conftest import APPROVER, LEAD, OtherStack
from tests.e2e.waiting import ended, until, until_asked

pytestmark = pytest.mark.e2e

DAG_ID = "drs_erp_three_tier"
RUN_ID = "recovery-with-fab"
RECOVERY = {"execution_type": "RECOVERY", "confirm_plan": "erp_three_tier", "source_state": "lost"}


def test_the_plans_logins_decide_and_nobody_else_with_any_option(other_stack: OtherStack) -> None:
    other_stack.wait_for_dag(DAG_ID, timeout_seconds=120)
    with other_stack.api(LEAD) as api:
        # What `drs whoami` prints is the login that plans name and the record keeps, not FAB's number.
        assert (api.me()["username"], api.me()["id"].isdecimal()) == (LEAD, True)
        Execution.start(api, DAG_ID, RECOVERY, RUN_ID)
    answer(other_stack, OPERATOR, "Reject")
    answer(other_stack, LEAD, "Approve", earlier=1)
    answer(other_stack, APPROVER, "Reject", earlier=2)
    with other_stack.api(ADMIN) as api:
        recovery = ended(other_stack, Execution.of(api, DAG_ID, RUN_ID))
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

    with stack.api(ADMIN) as api:
        run = Execution.of(api, DAG_ID, RUN_ID)

        def told() -> int:
            return len(run.facts(keys.gate_task_id(1), keys.GATE_ANSWERS).get("responses", ()))

        until(stack, lambda: told() == earlier, "the gate has dealt with the answer before")
    until_asked(stack, DAG_ID, RUN_ID, keys.gate_task_id(1))
    with stack.api(login) as api:
        Execution.of(api, DAG_ID, RUN_ID).answer(keys.gate_task_id(1), option, {})

"""What each of FAB's roles may do with executions, asked of a real API server: the table of docs/security.md."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import pytest

from drs_provider import keys
from drs_provider.airflow_rest.client import Api, ApiError
from embedded.environment import REPOSITORY
from embedded.needs import ADMIN, VIEWER
from tests.e2e.other_stacks.conftest import LEAD, NOBODY, OP, OtherStack

pytestmark = pytest.mark.e2e

DAG_ID = "drs_erp_three_tier"
#: Nothing is changed: the run, the pool and the other DAG do not exist, and what is sent for a new object is not valid.
RUN = f"/dags/{DAG_ID}/dagRuns/no-such-run"
#: The page's routes stand beside Airflow's API.
PAGE = "/drs/api"
TASK = f"{RUN}/taskInstances/{keys.FINALIZE}"

#: A login of each of FAB's roles, in the order of the table
LOGINS = {"Public": NOBODY, "Viewer": VIEWER, "User": LEAD, "Op": OP, "Admin": ADMIN}

Request = tuple[str, str, dict[str, Any] | None]

#: Row of the table → requests, which all end alike
ROWS: dict[str, tuple[Request, ...]] = {
    "see plans, executions, XComs, task states and logs": (
        ("GET", "/dags", None),
        ("GET", f"/dags/{DAG_ID}/dagRuns", None),
        ("GET", f"{TASK}/xcomEntries", None),
        ("GET", f"{TASK}/state-store", None),
        ("GET", f"{TASK}/logs/1", None),
    ),
    "see whom a gate asks, and what was answered": (("GET", f"/dags/{DAG_ID}/dagRuns/~/hitlDetails", None),),
    "see a plan and its executions on the recovery page": (
        ("GET", f"{PAGE}/plans/erp_three_tier", None),
        ("GET", f"{PAGE}/plans/erp_three_tier/executions", None),
        ("GET", f"{PAGE}/executions/erp_three_tier/no-such-run", None),
    ),
    "start a drill or a RECOVERY": (("POST", f"/dags/{DAG_ID}/dagRuns", {"logical_date": "no time"}),),
    "answer a gate, a step, a drill's hold": (
        ("PATCH", f"{TASK}/-1/hitlDetails", {"chosen_options": ["Approve"]}),
    ),
    "clear tasks or a whole execution": (
        ("POST", f"/dags/{DAG_ID}/clearTaskInstances", {"dag_run_id": "no-such-run", "dry_run": True}),
        ("POST", f"{RUN}/clear", {"dry_run": True}),
    ),
    "mark tasks or a run as success or failed": (
        ("PATCH", RUN, {"state": "failed"}),
        ("PATCH", TASK, {"new_state": "success"}),
    ),
    "write what tasks have stored (task states)": (("PUT", f"{TASK}/state-store/intents", {"value": "[]"}),),
    "pause a plan's DAG, delete it or an execution": (
        ("PATCH", "/dags/no_such_dag", {"is_paused": True}),
        ("DELETE", "/dags/no_such_dag", None),
        ("DELETE", RUN, None),
    ),
    "write XComs": (
        ("POST", f"{TASK}/xcomEntries", {"key": "outcome", "value": 1}),
        ("PATCH", f"{TASK}/xcomEntries/outcome", {"value": 1}),
    ),
    "read, make and change connections": (
        ("GET", "/connections", None),
        ("POST", "/connections", {"connection_id": "no id!", "conn_type": "aws"}),
        (
            "PATCH",
            "/connections/no_such_connection",
            {"connection_id": "no_such_connection", "conn_type": "aws"},
        ),
    ),
    "change pools and variables": (
        ("PATCH", "/pools/no_such_pool", {"pool": "no_such_pool", "slots": 1}),
        ("PATCH", "/variables/no_such_variable", {"key": "no_such_variable", "value": "1"}),
    ),
    "read Airflow's audit log": (("GET", "/eventLogs", None),),
}


def test_the_table_says_what_each_role_may(other_stack: OtherStack) -> None:
    other_stack.wait_for_dag(DAG_ID, timeout_seconds=120)
    may: dict[str, dict[str, bool]] = {row: {} for row in ROWS}
    for role, login in LOGINS.items():
        with other_stack.api(login) as api:
            for row, requests in ROWS.items():
                answers = {request[:2]: is_allowed(api, *request) for request in requests}
                assert len({*answers.values()}) == 1, (role, row, answers)
                may[row][role] = all(answers.values())
    assert table() == may


def is_allowed(api: Api, method: str, path: str, body: dict[str, Any] | None) -> bool:
    try:
        if path.startswith(PAGE):
            api._request(method, path)
        else:
            api.request(method, path, json=body)
    except ApiError as error:
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        return error.status != HTTPStatus.FORBIDDEN
    return True


def table() -> dict[str, dict[str, bool]]:
    """Return the table of the page: rows, and what each role may."""
    text = (REPOSITORY / "docs" / "security.md").read_text(encoding="utf-8")
    found = re.search(r"(?s)<!-- fab: begin -->\n(.*?)<!-- fab: end -->", text)
    assert found is not None
    (_, *roles), _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in found[1].splitlines()
    )
    assert roles == list(LOGINS)
    assert {cell for _, *cells in rows for cell in cells} <= {"yes", "no"}
    return {
        name: {role: cell == "yes" for role, cell in zip(roles, cells, strict=True)} for name, *cells in rows
    }

"""A plan of waves that wait for nothing but their gates, and its servers; ``DRS_TEST_GATES`` says how many."""

from __future__ import annotations

import os
from typing import Any

GATES = int(os.environ.get("DRS_TEST_GATES", "6"))
PLAN = "many_gates"
DAG_ID = f"drs_{PLAN}"
APPROVER = "dr-approver-1"
ACCOUNT, REGION = "111122223333", "eu-west-1"


def server_id(number: int) -> str:
    return f"s-{number:017x}"


def plan() -> dict[str, Any]:
    """Return the plan, which launches nothing before its gates are answered."""
    numbers = range(1, GATES + 1)
    gate = {"message": "Go on?", "approvers": [APPROVER], "timeout_minutes": 60}
    target = {"account_id": ACCOUNT, "region": REGION, "connection": "aws_dr", "own_account": True}
    return {
        "name": PLAN,
        "targets": {"main": target},
        "protection_groups": {f"g{n}": {"target": "main", "servers": [server_id(n)]} for n in numbers},
        "waves": [{"name": f"w{n}", "groups": [f"g{n}"], "depends_on": [], "gate": gate} for n in numbers],
        "drill": {"hold": {"timeout_minutes": 60}},
    }


def with_servers(scenario: dict[str, Any]) -> dict[str, Any]:
    """Return a scenario with the plan's servers beside its own."""
    servers = [{"id": server_id(n), "name": f"server-{n}"} for n in range(1, GATES + 1)]
    scenario["servers"][PLAN] = servers
    scenario["accounts"][ACCOUNT]["regions"][REGION]["servers"].append(PLAN)
    return scenario

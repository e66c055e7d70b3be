"""A plan of the end-to-end stack beside the samples: a server whose first launch fails, as simulated AWS has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from embedded.environment import SCENARIOS

INTRANET = "intranet"
_PLAN = """
name: intranet
title: Intranet
owner: workplace
criticality: 3
targets:
  main: {account_id: "111122223333", region: eu-west-1, connection: aws_dr, own_account: true}
protection_groups:
  database: {target: main, tags: {App: intranet, Tier: db}}
  portal: {target: main, tags: {App: intranet, Tier: portal}}
objectives: {rto_minutes: 120, drill_every_days: 90}
waves:
  - name: database
    groups: [database]
    gate: {message: Is the window open?, approvers: [dr-approver-1], timeout_minutes: 60, on_timeout: reject}
  - name: portal
    groups: [portal]
drill: {hold: {timeout_minutes: 60}}
"""
_SERVERS: list[dict[str, Any]] = [
    {
        "id": "s-8888888888888888a",
        "name": "intra-db-1",
        "tags": {"App": "intranet", "Tier": "db"},
        "fail": {
            "at": "CONVERSION_FAIL",
            "attempts": [1],
            "error": "Conversion server terminated unexpectedly",
        },
    },
    {"id": "s-8888888888888888b", "name": "intra-db-2", "tags": {"App": "intranet", "Tier": "db"}},
    {"id": "s-8888888888888888c", "name": "intra-portal-1", "tags": {"App": "intranet", "Tier": "portal"}},
]


#: A weekly drill of a sample plan must not come due while tests drill its servers.
_WEEKLY, _SELDOM = "0 3 * * 6", "0 3 29 2 *"
#: A server is up, and its database is not yet.
_REFUSES_ONCE = {"match": "5432", "times": 1, "exit_code": 1, "error": "Connection refused"}


def add(plans: Path) -> None:
    """Write the plan into a folder of the sample plans, and let no drill of these come due."""
    (plans / f"{INTRANET}.yaml").write_text(_PLAN)
    weekly = plans / "erp_three_tier.yaml"
    weekly.write_text(weekly.read_text(encoding="utf-8").replace(_WEEKLY, _SELDOM), encoding="utf-8")


def scenario(folder: Path) -> Path:
    """Write the simulator's own scenario of the samples, with the plan's servers, and return its file.

    A database answers late there, and no step takes long: while no job of DRS is under way, simulated time goes no
    faster than ours.
    """
    world = yaml.safe_load((SCENARIOS / "sample_plans.yaml").read_text())
    world["servers"]["intranet"] = _SERVERS
    world["accounts"]["111122223333"]["regions"]["eu-west-1"]["servers"].append("intranet")
    profile = SCENARIOS.parent / "profiles" / f"{world['profile']}.yaml"
    world["profile"] = yaml.safe_load(profile.read_text()) | {"status_checks": "PT1S"}
    world["services"]["commands"].insert(0, _REFUSES_ONCE)
    for runbook in world["services"]["automations"]:
        runbook["seconds"] = 1
    file = folder / "scenario.yaml"
    file.write_text(yaml.safe_dump(world))
    return file

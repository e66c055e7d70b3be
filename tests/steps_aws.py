"""A simulated account for steps: two servers, and what SSM, Lambda, CloudWatch and Route 53 answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.clients import forget_clients
from drs_provider.rules.execution.freezing import freeze_steps
from drs_provider.rules.execution.frozen import FrozenStep
from tests.plan.plan_files import make_plan, small_plan
from tests.simulator.support import ACCOUNT, DB_1, DB_2, REGION, instance_of, start

TARGET = AwsTarget("main", "aws_dr", ACCOUNT, REGION, own_account=True)
EXECUTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
WAVE = [{"key": "wave", "name": "database", "values": {}}]
SERVERS = [
    {"id": DB_1, "name": "erp-db-1", "ssm_agent": 30},
    {"id": DB_2, "name": "erp-db-2", "ssm_agent": 30, "os": "Windows Server 2022"},
]
_ONE_TRY = {"config_kwargs": {"retries": {"mode": "standard", "max_attempts": 1}}}


def world(**services: Any) -> dict[str, Any]:
    return {
        "accounts": {ACCOUNT: {"regions": {REGION: {"servers": ["all"]}}}},
        "servers": {"all": SERVERS},
        "profile": {"status_checks": 90},
        "services": services,
    }


def connected(sim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the connection `aws_dr` lead to a simulator, with one try for each call."""
    arguments = sim.airflow_connection()
    extra = json.loads(arguments["extra"]) | _ONE_TRY
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DR", json.dumps(arguments | {"extra": extra}))
    forget_clients()


def launched(sim: Any) -> dict[str, str]:
    """Launch both servers; return server -> instance."""
    job = start(sim.client(), DB_1, DB_2)
    sim.finish()
    return {server: instance_of(sim.client(), job, server) for server in (DB_1, DB_2)}


def subjects(servers: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"key": key, "name": key, "values": {"instance_id": instance_id, "private_ip": "127.0.0.1"}}
        for key, instance_id in servers.items()
    ]


def frozen_step(step: dict[str, Any], target: AwsTarget = TARGET) -> FrozenStep:
    """A step as a RECOVERY has it."""
    data = small_plan()
    defaults = {"timeout_minutes": 20, "modes": ["recovery"]} if "check" in step else {}
    data["waves"][0]["after"] = [defaults | step]
    (frozen,) = freeze_steps(make_plan(data).waves[0].after, "after", "RECOVERY", target, ())
    return frozen

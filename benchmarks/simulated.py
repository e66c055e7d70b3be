"""The simulator's control interface, and worlds for it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ACCOUNT, REGION = "111122223333", "eu-west-1"
BRANCH, ROLE, EXTERNAL_ID = "222233334444", "DRSOrchestrationRole", "bench"
NETWORK = {"vpc": "vpc-0d5111aa", "subnet": "subnet-0d5111a1", "security_group": "sg-0d5111aa"}
CONNECTION = "aws_dr"
JSON = {"Content-Type": "application/json"}


def request(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """Return what is answered; OSError, with what it says, for an error answer. A body makes it a POST."""
    try:
        with urlopen(Request(url, body, {**JSON, **(headers or {})}), timeout=120) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        raise OSError(f"{url}: {error.code} {error.read()[:300]!r}") from error


def control(url: str, path: str, data: object = None) -> dict[str, Any]:
    """Ask the control interface, or order something."""
    body = None if data is None else json.dumps(data).encode()
    return dict(json.loads(request(f"{url}/moto-api/drs/{path}", body)))


def drs(url: str, account: str, operation: str, **params: Any) -> dict[str, Any]:
    """Call an operation of DRS in an account's name."""
    return dict(
        json.loads(request(f"{url}/{operation}", json.dumps(params).encode(), signed(account, "drs")))
    )


def calls(url: str) -> list[dict[str, Any]]:
    """Return the calls so far (the simulator keeps the last 20,000), with their times as epoch seconds."""
    return [
        {**call, "at": datetime.fromisoformat(call["time"]).timestamp()}
        for call in control(url, "calls")["calls"]
    ]


def signed(account: str, service: str) -> dict[str, str]:
    """Return the headers of a request in an account's name; the simulator checks no signature."""
    scope = f"AKIA{account}DRSS/20260101/{REGION}/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"}


def server_id(execution: int, wave: int, number: int = 0) -> str:
    """Return the id of a source server that tells whose it is."""
    return f"s-{execution:04x}{wave:04x}{number:09x}"


def place_of(job: Mapping[str, Any]) -> tuple[str, int]:
    """Return the plan that a job belongs to, and the wave's number."""
    server = job["servers"][0]["server_id"]
    return plan_name(int(server[2:6], 16)), int(server[6:10], 16)


def plan_name(execution: int) -> str:
    """Return the name of an execution's plan."""
    return f"bench_{execution:03}"


def profile(launch_seconds: float) -> dict[str, Any]:
    """Return durations of jobs: launches vary as the recorded ones, what comes before them is short.

    When a launch is due to end is told by when it began and how long others took; what comes before it only makes a
    run longer.
    """
    return {
        "job_start": 0.3,
        "started": 0.3,
        "cleanup": 1.0,
        "snapshot_wait": 0.2,
        "snapshot": 0.2,
        "conversion_wait": 0.5,
        "conversion": 2.0,
        "launch_wait": 0.2,
        "launch": {"median": launch_seconds, "sigma": 0.04},
        "instance_before_launched": 2.0,
        "job_end": 2.5,
        "status_checks": 5.0,
        "post_launch": 5.0,
        "terminate": 5.0,
    }


def world(servers: Iterable[str], durations: dict[str, Any] | str, **fields: Any) -> dict[str, Any]:
    """Return a scenario: servers in an account that a role leads to, and quotas that are not in the way."""
    region = {"servers": ["all"], "networks": {"drill": {**NETWORK, "cidr": "10.0.0.0/16"}}}
    return {
        "seed": 1,
        "visibility_delay_seconds": 1,
        "profile": durations,
        "quotas": {"jobs": 5000, "servers_per_job": 200, "servers_in_jobs": 5000, "vcpus": 100_000},
        "accounts": {
            ACCOUNT: {"regions": {REGION: {"servers": [], "networks": {}}}},
            BRANCH: {
                "regions": {REGION: region},
                "roles": {ROLE: {"trusts": [ACCOUNT], "external_id": EXTERNAL_ID}},
            },
        },
        "servers": {"all": [{"id": each, "name": each} for each in servers]},
        **fields,
    }


def plan(execution: int, waves: int, servers: int) -> dict[str, Any]:
    """Return the content of a plan file without gates; each wave follows the one before it."""
    target = {"account_id": BRANCH, "region": REGION, "connection": CONNECTION, "role": ROLE}
    groups = {
        f"group_{wave}": {
            "target": "branch",
            "servers": [server_id(execution, wave, number) for number in range(servers)],
        }
        for wave in range(1, waves + 1)
    }
    network = {"allowed_vpcs": [NETWORK["vpc"]], "allowed_subnets": [NETWORK["subnet"]]}
    return {
        "name": plan_name(execution),
        "targets": {"branch": {**target, "external_id": EXTERNAL_ID}},
        "network": {"drill": {**network, "allowed_security_groups": [NETWORK["security_group"]]}},
        "protection_groups": groups,
        "waves": [{"name": f"wave_{wave}", "groups": [f"group_{wave}"]} for wave in range(1, waves + 1)],
    }

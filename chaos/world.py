"""The plan files and the simulated world of a campaign, made from its executions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chaos.block_runs import block_servers
from chaos.spec import (
    BRANCH_ACCOUNT,
    EXTERNAL_ID,
    OWN_ACCOUNT,
    PLACES,
    ROLE,
    Behaviour,
    Place,
    RunSpec,
    Server,
    Wave,
)

CONNECTION = "aws_dr"
APPROVERS = ("dr-approver-1", "dr-approver-2")
LATE_SECONDS = 20
# Short jobs instead of a fast clock: the simulated time stays Airflow's, so that no deadline is bent.
PROFILE = {
    "job_start": 0.2,
    "started": 0.3,
    "launch_wait": 0.2,
    "cleanup": 0.5,
    "snapshot_wait": 0.1,
    "snapshot": 0.3,
    "conversion_wait": 0.3,
    "conversion": {"median": 4.0, "sigma": 0.5},
    "launch": {"median": 4.0, "sigma": 0.5},
    "instance_before_launched": 1.0,
    "job_end": 0.5,
    "status_checks": 1.0,
    "post_launch": 1.0,
    "terminate": {"median": 1.5, "sigma": 0.5},
}
# In every campaign: how often a call takes effect and its answer is lost.
LOST_ANSWERS = 0.05
RUNBOOK_SECONDS = 3.0


def plan_of(spec: RunSpec) -> dict[str, Any]:
    """Return the content of an execution's plan file."""
    used = {wave.place: PLACES[wave.place] for wave in spec.waves}
    return {
        "name": spec.plan,
        "title": f"Chaos {spec.seed}",
        "targets": {key: _target(place) for key, place in used.items()},
        "network": {
            "drill": {
                "allowed_vpcs": [_network(place)["vpc"] for place in used.values()],
                "allowed_subnets": [_network(place)["subnet"] for place in used.values()],
                "allowed_security_groups": [_network(place)["security_group"] for place in used.values()],
            }
        },
        "protection_groups": {
            f"group_{wave.number}": {
                "target": wave.place,
                "servers": [server.id for server in wave.servers],
            }
            for wave in spec.waves
        },
        "recovery": {"initiators": ["dr-operator"], "approvers": list(APPROVERS)},
        "waves": [_wave(spec, wave) for wave in spec.waves],
        "drill": {"hold": {"timeout_minutes": 30}, "cleanup": "terminate"},
    }


def _wave(spec: RunSpec, wave: Wave) -> dict[str, Any]:
    content: dict[str, Any] = {
        "name": wave.name,
        "groups": [f"group_{wave.number}"],
        "depends_on": [spec.wave(number).name for number in wave.depends_on],
        "timeout_minutes": 10,
        "queue_timeout_minutes": 5,
    }
    optional = [server.id for server in wave.servers if not server.critical]
    if optional:
        content["optional"] = {"servers": optional}
    if wave.min_launched:
        content["min_launched"] = wave.min_launched
    if wave.runbook:
        # Failures are not asked about: each of these passes, sooner or later, whatever is injected.
        content["after"] = [
            {"check": "ec2_status", "timeout_minutes": 5, "on_failure": "fail"},
            {
                "run": "ssm_automation",
                "name": "runbook",
                "document": wave.runbook,
                "modes": ["drill", "recovery"],
                "on_failure": "fail",
            },
        ]
    if wave.gate:
        content["gate"] = {"message": "Go on?", "approvers": list(APPROVERS), "timeout_minutes": 30}
    return content


def _target(place: Place) -> dict[str, Any]:
    target: dict[str, Any] = {
        "account_id": place.account,
        "region": place.region,
        "connection": CONNECTION,
    }
    if place.role:
        return target | {"role": place.role, "external_id": EXTERNAL_ID}
    return target | {"own_account": True}


def _network(place: Place) -> dict[str, str]:
    number = list(PLACES).index(place.key)
    return {
        "vpc": f"vpc-0d5{number}11aa",
        "subnet": f"subnet-0d5{number}11a1",
        "security_group": f"sg-0d5{number}11aa",
    }


def conf_of(spec: RunSpec) -> dict[str, Any]:
    """Return the run configuration with which an execution is triggered."""
    conf: dict[str, Any] = {"execution_type": spec.execution_type, "reason": f"chaos, seed {spec.seed}"}
    if not spec.is_drill:
        conf |= {"confirm_plan": spec.plan, "source_state": "lost"}
    return conf


def bystanders(place: Place) -> list[dict[str, Any]]:
    """Return servers of a place that no plan names, with instances that nobody may touch."""
    number = list(PLACES).index(place.key)
    return [
        {
            "id": f"s-b{number}{kind}".ljust(19, "0"),
            "name": f"bystander-{place.key}-{kind}",
            "live_instance": {"is_drill": kind == 1},
        }
        for kind in (0, 1)
    ]


def scenario_of(specs: Sequence[RunSpec], seed: int) -> dict[str, Any]:
    """Return the simulated world in which all executions of a campaign take place."""
    groups: dict[str, list[dict[str, Any]]] = {
        key: [*bystanders(place), *block_servers(place)] for key, place in PLACES.items()
    }
    for spec in specs:
        for wave in spec.waves:
            groups[wave.place] += [_server(server) for server in wave.servers]
    accounts: dict[str, dict[str, Any]] = {
        OWN_ACCOUNT: {"regions": {}},
        BRANCH_ACCOUNT: {
            "regions": {},
            "roles": {ROLE: {"trusts": [OWN_ACCOUNT], "external_id": EXTERNAL_ID}},
        },
    }
    for key, place in PLACES.items():
        region: dict[str, Any] = {"servers": [key], "networks": {"drill": _network(place)}}
        if place.late:
            region |= {"visibility_delay_seconds": LATE_SECONDS, "tags_delay_seconds": "never"}
        accounts[place.account]["regions"][place.region] = region
    return {
        "seed": seed,
        "visibility_delay_seconds": 0.5,
        "tags_delay_seconds": 1.0,
        "profile": PROFILE,
        "accounts": accounts,
        "servers": groups,
        "services": {
            "automations": [
                {"document": wave.runbook, "seconds": RUNBOOK_SECONDS}
                for spec in specs
                for wave in spec.waves
                if wave.runbook
            ]
        },
        "faults": [
            {**operation, "kind": "reset", "after": True, "probability": LOST_ANSWERS}
            for operation in (
                {"operation": "StartRecovery"},
                {"operation": "TerminateRecoveryInstances"},
                {"service": "ssm", "operation": "StartAutomationExecution"},
            )
        ],
    }


_SPECIAL: dict[Behaviour, dict[str, Any]] = {
    Behaviour.LAUNCHES: {},
    Behaviour.FAILS_ONCE: {"fail": {"at": "CONVERSION_FAIL", "attempts": [1], "error": "Out of capacity"}},
    Behaviour.FAILS_ALWAYS: {"fail": {"at": "LAUNCH_FAILED", "error": "InsufficientInstanceCapacity"}},
    Behaviour.NO_INSTANCE: {"no_instance": True},
    Behaviour.NAMED_INSTANCE: {"instance_id_in_job": True},
}


def _server(server: Server) -> dict[str, Any]:
    content = {"id": server.id, "name": server.name, **_SPECIAL[server.behaviour]}
    if server.live:
        content["live_instance"] = {"is_drill": server.live == "drill"}
    return content

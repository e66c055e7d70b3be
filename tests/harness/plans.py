"""Plans for tests: small ones, built from data."""

from __future__ import annotations

from typing import Any

from drs_provider.plan.model import Plan

MAIN = {"account_id": "111122223333", "region": "eu-west-1", "connection": "aws_dr", "own_account": True}
WIKI = ("s-4444444444444444a", "s-4444444444444444b")
DATABASES = ("s-1111111111111111a", "s-1111111111111111b")
APPLICATIONS = ("s-2222222222222222a", "s-2222222222222222b", "s-2222222222222222c")
DRILL_NETWORK = {
    "drill": {
        "allowed_vpcs": ["vpc-0d5111aa"],
        "allowed_subnets": ["subnet-0d5111a1"],
        "allowed_security_groups": ["sg-0d5111aa"],
    }
}


def plan(*waves: dict[str, Any], **fields: Any) -> Plan:
    """Return a plan over the servers of three_tier; by default one wave with both wiki servers.

    A wave may carry ``servers``, which become its protection group.
    """
    groups: dict[str, Any] = {}
    made = []
    for wave in waves or ({"name": "everything", "servers": WIKI},):
        given = dict(wave)
        group = f"group_{given['name']}"
        if "servers" in given:
            groups[group] = {"target": "main", "servers": list(given.pop("servers"))}
            given["groups"] = [group]
        made.append(given)
    content = {
        "name": "small",
        "targets": {"main": MAIN},
        "network": DRILL_NETWORK,
        "protection_groups": groups,
        "waves": made,
        **fields,
    }
    return Plan.model_validate(content)


def two_waves(*, first: dict[str, Any] | None = None, second: dict[str, Any] | None = None) -> Plan:
    """Return a plan of two waves with one wiki server each, the second behind the first."""
    return plan(
        {"name": "first", "servers": WIKI[:1], **(first or {})},
        {"name": "second", "servers": WIKI[1:], **(second or {})},
    )


def recovery_of(given: Plan, **conf: Any) -> dict[str, Any]:
    """Return the configuration of a RECOVERY of a plan whose source is lost."""
    return {
        "execution_type": "RECOVERY",
        "confirm_plan": given.name,
        "source_state": "lost",
        "reason": "site lost",
        **conf,
    }

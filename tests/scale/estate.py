"""A large estate as data: ten waves of the same size over three accounts and three Regions, and the plan over it."""

from __future__ import annotations

from typing import Any

from drs_provider.plan.model import Plan
from tests.harness.plans import MAIN

ROLE = "DRSOrchestrationRole"
EXTERNAL_ID = "erp-dr-7f3a"
#: target -> account, Region, address block, and the numbers of its waves
SITES: dict[str, tuple[str, str, str, range]] = {
    "main": ("111122223333", "eu-west-1", "10.1.0.0/16", range(1, 5)),
    "central": ("222233334444", "eu-central-1", "10.2.0.0/16", range(5, 8)),
    "north": ("333344445555", "eu-north-1", "10.3.0.0/16", range(8, 11)),
}
#: The first wave of each site runs beside those of the other sites, the others follow it.
DEPENDS_ON: dict[int, list[str]] = {5: ["wave_01"], 8: ["wave_01"]}


def network_of(site: str) -> dict[str, str]:
    """Return the drill network of a site."""
    ending = f"0d51{list(SITES).index(site)}1aa"
    return {"vpc": f"vpc-{ending}", "subnet": f"subnet-{ending}", "security_group": f"sg-{ending}"}


def scenario(servers_per_wave: int, **fields: Any) -> dict[str, Any]:
    """Return the simulated world."""
    accounts: dict[str, Any] = {}
    for site, (account, region, cidr, waves) in SITES.items():
        spec = {
            "servers": [f"wave_{number:02}" for number in waves],
            "networks": {"drill": {**network_of(site), "cidr": cidr}},
        }
        accounts[account] = {"regions": {region: spec}}
        if site != "main":
            role = {"trusts": [MAIN["account_id"]], "external_id": EXTERNAL_ID}
            accounts[account]["roles"] = {ROLE: role}
    numbers = [number for *_, waves in SITES.values() for number in waves]
    return {
        "seed": 1,
        "visibility_delay_seconds": 1,
        "profile": "sample_drill",
        "accounts": accounts,
        "servers": {
            f"wave_{number:02}": {
                "generate": servers_per_wave,
                "name": f"app-{number:02}-{{n}}",
                "tags": {"Application": "estate", "Wave": f"{number:02}"},
                "instance_id_in_job": "10%",
            }
            for number in numbers
        },
        **fields,
    }


def estate_plan(**fields: Any) -> Plan:
    """Return the plan over the estate."""
    targets = {
        site: {"account_id": account, "region": region, "connection": "aws_dr"}
        | ({"own_account": True} if site == "main" else {"role": ROLE, "external_id": EXTERNAL_ID})
        for site, (account, region, _, _) in SITES.items()
    }
    networks = [network_of(site) for site in SITES]
    waves = []
    groups: dict[str, Any] = {}
    for site, (*_, numbers) in SITES.items():
        for number in numbers:
            name = f"wave_{number:02}"
            groups[name] = {
                "target": site,
                "tags": {"Application": "estate", "Wave": f"{number:02}"},
            }
            wave: dict[str, Any] = {"name": name, "groups": [name], "timeout_minutes": 1440}
            if number in DEPENDS_ON:
                wave["depends_on"] = DEPENDS_ON[number]
            waves.append(wave)
    return Plan.model_validate(
        {
            "name": "estate",
            "targets": targets,
            "network": {
                "drill": {
                    "allowed_vpcs": [network["vpc"] for network in networks],
                    "allowed_subnets": [network["subnet"] for network in networks],
                    "allowed_security_groups": [network["security_group"] for network in networks],
                }
            },
            "protection_groups": groups,
            "waves": waves,
            **fields,
        }
    )

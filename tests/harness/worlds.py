"""Simulated worlds for tests, as data: two wiki servers and two databases, some of which misbehave."""

from __future__ import annotations

from typing import Any

from tests.harness.plans import DATABASES, WIKI

NETWORK = {"vpc": "vpc-0d5111aa", "subnet": "subnet-0d5111a1", "security_group": "sg-0d5111aa"}
ONCE = {"at": "CONVERSION_FAIL", "attempts": [1], "error": "Conversion server terminated"}
ALWAYS = {"at": "LAUNCH_FAILED", "error": "InsufficientInstanceCapacity"}


def world(servers: dict[str, dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    """Return a scenario.

    :param servers: what is special about servers, by id
    :param fields: of the scenario, such as ``quotas``
    """
    special = servers or {}
    names = {
        WIKI[0]: "wiki-1",
        WIKI[1]: "wiki-2",
        DATABASES[0]: "erp-db-1",
        DATABASES[1]: "erp-db-2",
    }
    return {
        "seed": 1,
        "visibility_delay_seconds": 1,
        "profile": "sample_drill",
        "accounts": {
            "111122223333": {"regions": {"eu-west-1": {"servers": ["all"], "networks": {"drill": NETWORK}}}}
        },
        "servers": {
            "all": [{"id": server, "name": name, **special.get(server, {})} for server, name in names.items()]
        },
        **fields,
    }

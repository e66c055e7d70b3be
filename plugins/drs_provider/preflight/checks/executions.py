"""Findings about servers on which other executions are at work; whoever knows of them adds them to the report."""

from __future__ import annotations

from collections.abc import Collection

from drs_provider.preflight.findings import Finding, ServerRef, Severity


def held_by_execution(holder: str, server_ids: Collection[str], remedy: str) -> Finding:
    """Return the finding that another execution holds servers of this run; nothing overrides it.

    :param holder: the other execution: plan, run and type
    :param server_ids: the servers in common
    :param remedy: the way out
    """
    return Finding(
        "server_in_execution",
        Severity.BLOCK,
        "other executions",
        f"servers are in the execution {holder}",
        remedy,
        servers=tuple(ServerRef(server) for server in server_ids),
    )

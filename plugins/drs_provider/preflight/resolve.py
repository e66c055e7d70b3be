"""Which source servers the groups of a plan hold at this moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from drs_provider.core.account import AwsTarget
from drs_provider.core.answers import Members
from drs_provider.core.states import ExecutionType
from drs_provider.plan.model import ProtectionGroup
from drs_provider.preflight.catalog import found
from drs_provider.preflight.findings import Finding, ServerRef
from drs_provider.preflight.source_server import SourceServer


def resolve_group(group: ProtectionGroup, rows: Mapping[str, Mapping[str, Any]]) -> tuple[SourceServer, ...]:
    """Return the group's servers: listed ones in the plan's order, selected ones by name.

    :param rows: every source server of the group's target, by id
    """
    if group.tags is None:
        return tuple(SourceServer.from_api(rows[server]) for server in group.servers if server in rows)
    wanted = group.tags.items()
    chosen = [SourceServer.from_api(row) for row in rows.values() if wanted <= Members(row).tags().items()]
    return tuple(sorted(chosen, key=lambda server: (server.name, server.source_server_id)))


def unnamed_findings(
    kind: ExecutionType, name: str, group: ProtectionGroup, unnamed: Iterable[Mapping[str, Any]]
) -> Iterator[Finding]:
    """Yield a finding if a group's tags select servers that DRS lists without their id."""
    wanted = (group.tags or {}).items()
    chosen = [row for row in unnamed if wanted and wanted <= Members(row).tags().items()]
    if chosen:
        yield found(
            kind,
            "server_without_id",
            f"group {name}",
            f"its tags match {len(chosen)} source servers that DRS lists without sourceServerID; they are left out",
            "Look at these servers in DRS: without an id nothing can launch them.",
        )


def group_findings(
    kind: ExecutionType,
    name: str,
    group: ProtectionGroup,
    target: AwsTarget,
    members: tuple[SourceServer, ...],
) -> Iterator[Finding]:
    """Yield what is wrong with a resolved group: unknown servers, tags that match nothing."""
    place = f"account {target.account_id}, Region {target.region}"
    known = {server.source_server_id for server in members}
    unknown = [server for server in group.servers if server not in known]
    if unknown:
        yield found(
            kind,
            "unknown_server",
            f"group {name}",
            f"it lists {len(unknown)} servers that DRS does not know in {place}",
            f"Correct protection_groups.{name}.servers, or its target {target.name}.",
            servers=tuple(ServerRef(server) for server in unknown),
        )
    if group.tags is None or members:
        return
    selector = ", ".join(f"{key}={value}" for key, value in group.tags.items())
    message = f"its tags {selector} match no source server in {place}"
    if group.allow_empty:
        yield found(kind, "empty_group", f"group {name}", f"{message}; the plan allows that", milder=True)
    else:
        yield found(
            kind,
            "empty_group",
            f"group {name}",
            message,
            f"Correct protection_groups.{name}.tags or the servers' tags in DRS, or say allow_empty: true.",
        )

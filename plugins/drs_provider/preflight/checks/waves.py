"""Checks of the waves against the servers that they turned out to have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from drs_provider.plan.model import Wave
from drs_provider.preflight.findings import Finding, ServerRef
from drs_provider.preflight.scope import RunScope
from drs_provider.preflight.source_server import SourceServer


def servers_reached_twice(run: RunScope) -> Iterator[Finding]:
    """Yield a finding for every combination of groups that reach the same servers."""
    reached: dict[str, list[str]] = defaultdict(list)
    for wave in run.waves:
        for group in wave.groups:
            for server in run.groups.get(group, ()):
                reached[server.source_server_id].append(f"{group} (wave {wave.name})")
    servers = run.servers
    for server_id, places in reached.items():
        if len(places) > 1:
            yield run.finding(
                "server_reached_twice",
                "plan",
                f"the groups {' and '.join(places)} reach the same servers",
                "Narrow the tags of one of these groups, or remove the server from it: a server is launched "
                "once.",
                servers=(servers[server_id].ref(),),
            )


def min_launched_reachable(run: RunScope) -> Iterator[Finding]:
    """Yield a finding for every wave that asks for more launched servers than it has."""
    for wave in run.waves:
        servers = run.servers_of(wave)
        if servers is None:
            continue
        wanted = wave.min_launched_of(len(servers))
        if wanted > len(servers):
            yield run.finding(
                "min_launched_unreachable",
                f"wave {wave.name}",
                f"min_launched asks for {wanted} servers, but its groups {', '.join(wave.groups)} hold "
                f"{len(servers)}",
                "Lower min_launched, write it as a percentage, or correct the groups' tags.",
            )


def optional_selectors(run: RunScope) -> Iterator[Finding]:
    """Yield a warning where ``optional`` names servers that the wave does not have."""
    for wave in run.waves:
        servers = run.servers_of(wave)
        if servers is not None and wave.optional is not None:
            yield from _unmatched_optional(run, wave, servers)


def _unmatched_optional(run: RunScope, wave: Wave, servers: tuple[SourceServer, ...]) -> Iterator[Finding]:
    optional = wave.optional
    if optional is None:
        return
    present = {server.source_server_id for server in servers}
    strangers = [server for server in optional.servers if server not in present]
    if strangers:
        yield run.finding(
            "optional_matches_nothing",
            f"wave {wave.name}",
            "optional.servers names servers that the wave does not have",
            "Correct optional.servers: servers of the wave that were meant count as CRITICAL.",
            servers=tuple(ServerRef(server) for server in strangers),
        )
    tags = optional.tags
    if tags is not None and not any(tags.items() <= server.tags.items() for server in servers):
        selector = ", ".join(f"{key}={value}" for key, value in tags.items())
        yield run.finding(
            "optional_matches_nothing",
            f"wave {wave.name}",
            f"optional.tags {selector} match none of its {len(servers)} servers, so that all of them are "
            "CRITICAL",
            "Correct optional.tags or the servers' tags in DRS, or remove it.",
        )

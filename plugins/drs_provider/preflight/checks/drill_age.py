"""Whether servers were tested as often as the plan promises."""

from __future__ import annotations

from collections.abc import Iterator

from drs_provider.core.times import format_time
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import TargetScope
from drs_provider.preflight.source_server import SourceServer

SECONDS_PER_DAY = 86_400


def drills_overdue(scope: TargetScope) -> Iterator[Finding]:
    """Yield a finding for servers whose latest launch is older than ``drill_every_days``, or was none.

    DRS keeps only the latest launch of a server, so a failed one hides an earlier success. A note in a
    drill, which mends it; a warning in a RECOVERY, which relies on it.
    """
    days = scope.run.plan.objectives.drill_every_days
    if days is None:
        return
    drill = scope.run.kind.is_drill
    for server in scope.servers:
        detail = _overdue(server, scope.run.now - days * SECONDS_PER_DAY)
        if detail:
            yield scope.finding(
                "drill_overdue",
                server.ref(detail),
                f"no successful launch in the last {days} days is known",
                "" if drill else "Watch these servers closely: that they launch has not been shown lately.",
            )


def _overdue(server: SourceServer, limit: float) -> str:
    launch = server.last_launch
    if launch is None:
        return "never launched"
    if not launch.succeeded:
        return f"latest launch: {launch.type or 'of unknown type'}, {launch.status or 'status unknown'}"
    if launch.at is None:
        return "time of the latest launch unknown"
    return f"latest: {launch.type} of {format_time(launch.at)}" if launch.at < limit else ""

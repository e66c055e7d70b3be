"""The point in time that each server is launched from, where the run configuration asks for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from drs_provider.core.answers import Members
from drs_provider.core.times import format_time
from drs_provider.preflight.aws import Row
from drs_provider.preflight.findings import Finding, ServerRef
from drs_provider.preflight.scope import RunScope, TargetScope
from drs_provider.preflight.source_server import SourceServer

_SUBJECT = "conf snapshots"


@dataclass(frozen=True)
class PointInTime:
    """A point in time that was taken; one that is only forecast is none.

    :param at: epoch seconds of the moment that it shows
    """

    snapshot_id: str
    at: float

    @property
    def text(self) -> str:
        """Id and time, for messages."""
        return f"{self.snapshot_id} of {format_time(self.at)}"


def points_of(rows: Sequence[Row]) -> tuple[PointInTime, ...]:
    """Return the points in time among rows of DescribeRecoverySnapshots, newest first.

    :raises ValueError: if a time is malformed: left out, an older point would be chosen in silence
    """
    read = [Members(row) for row in rows]
    told = [(row.text("snapshotID"), row.moment("timestamp")) for row in read]
    if notes := [note for row in read for note in row.notes]:
        raise ValueError(f"DescribeRecoverySnapshots sent what cannot be read: {', '.join(notes)}")
    points = [PointInTime(key, at) for key, at in told if key and at is not None]
    return tuple(sorted(points, key=lambda point: point.at, reverse=True))


def choose_snapshots(scope: TargetScope) -> Iterator[Finding]:
    """Settle which point in time each server is launched from; yield findings where there is none."""
    rule = scope.run.conf.snapshots
    if rule.kind == "not_after" and rule.not_after is not None:
        yield from _newest_not_after(scope, rule.not_after)
    elif rule.kind == "named":
        yield from _named(scope)


def _newest_not_after(scope: TargetScope, limit: float) -> Iterator[Finding]:
    rows = scope.reads.snapshots(server.source_server_id for server in scope.servers)
    for server in scope.servers:
        points = points_of(rows[server.source_server_id])
        chosen = next((point for point in points if point.at <= limit), None)
        if chosen is None:
            yield _no_point_before(scope, limit, server, points)
            continue
        scope.run.chosen_snapshots[server.source_server_id] = chosen.snapshot_id
        yield from _much_older(scope, limit, server, chosen)


def _no_point_before(
    scope: TargetScope, limit: float, server: SourceServer, points: Sequence[PointInTime]
) -> Finding:
    oldest = f"the oldest is {points[-1].text}" if points else "it has none at all"
    return scope.run.finding(
        "no_snapshot_before",
        _SUBJECT,
        f"servers have no point in time at or before {format_time(limit)}",
        "Ask for a later time, for latest, or for named snapshots; or leave the waves out.",
        servers=(server.ref(oldest),),
    )


def _much_older(
    scope: TargetScope, limit: float, server: SourceServer, chosen: PointInTime
) -> Iterator[Finding]:
    minutes = scope.run.plan.objectives.rpo_minutes
    if minutes is not None and limit - chosen.at > minutes * 60:
        yield scope.run.finding(
            "snapshot_much_older",
            _SUBJECT,
            f"the newest point in time before {format_time(limit)} is older than that by more than the RPO "
            f"of {minutes} minutes",
            "Compare the servers' points in time: they may not fit each other.",
            servers=(server.ref(chosen.text),),
        )


def _named(scope: TargetScope) -> Iterator[Finding]:
    wanted = scope.run.conf.snapshots.snapshot_ids
    servers = scope.named(wanted)
    rows = scope.reads.snapshots(server.source_server_id for server in servers)
    for server in servers:
        snapshot_id = wanted[server.source_server_id]
        points = points_of(rows[server.source_server_id])
        if any(point.snapshot_id == snapshot_id for point in points):
            scope.run.chosen_snapshots[server.source_server_id] = snapshot_id
        else:
            newest = f"the newest is {points[0].text}" if points else "it has none at all"
            yield scope.run.finding(
                "unknown_snapshot",
                _SUBJECT,
                "servers do not have the point in time that is asked for",
                "Name a point in time that DRS lists for the server, or ask for latest.",
                servers=(server.ref(f"{snapshot_id} is unknown, {newest}"),),
            )


def snapshots_in_run(run: RunScope) -> Iterator[Finding]:
    """Yield a finding for snapshots of servers that the run does not launch."""
    if not run.resolved:
        return
    servers = run.servers
    strangers = [server for server in run.conf.snapshots.snapshot_ids if server not in servers]
    if strangers:
        yield run.finding(
            "snapshot_outside_run",
            _SUBJECT,
            "it names servers that the selected waves do not have",
            "Remove these servers from snapshots, or select their waves.",
            servers=tuple(ServerRef(server) for server in strangers),
        )

"""Whether replication is fit to launch from: its state, its lag, and whether the source still lives."""

from __future__ import annotations

from collections.abc import Iterator

from drs_provider.core.times import format_time
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import TargetScope
from drs_provider.preflight.source_server import SourceServer

REPLICATING = frozenset({"CONTINUOUS", "BACKLOG", "CREATING_SNAPSHOT", "RESCAN"})
# The first copy is not complete: normally there is no point in time yet.
NEVER_SYNCED = frozenset({"INITIATING", "INITIAL_SYNC"})
# StopReplication deletes the points in time, says the service model; so does (assumed) a disconnect.
_POINTS_DELETED = frozenset({"DISCONNECTED", "STOPPED"})
_SENDING = REPLICATING | NEVER_SYNCED
_SILENT = _POINTS_DELETED

SECONDS_PER_MINUTE = 60
# How old the agent's last sign of life may be before it is worth a warning (assumed: DRS does not say how
# often it updates the time).
AGENT_SILENT_SECONDS = 3600.0
# An agent that was seen, or data that arrived, as lately as this means that the source may be running.
SOURCE_ALIVE_SECONDS = 900.0


def replication_state(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings about servers whose replication does not work, or does not say whether it does.

    They stop a drill, unless overridden. In a RECOVERY they only warn: the source may be gone.
    """
    for server in scope.servers:
        yield from _state_findings(scope, server)
        if server.staging_error:
            yield _unfit(
                scope, server, "the staging area in another account has an error", server.staging_error
            )
        if server.unreadable:
            detail = ", ".join(server.unreadable)
            yield _unfit(scope, server, "DRS describes servers in a form that cannot be read", detail)


def _state_findings(scope: TargetScope, server: SourceServer) -> Iterator[Finding]:
    state = server.replication_state or "unknown"
    if state not in REPLICATING:
        told = [server.replication_error, f"lag {server.lag}" if server.lag else ""]
        detail = ", ".join(text for text in told if text)
        yield _unfit(scope, server, f"replication is {state}", detail)
        return
    if server.replication_error:
        yield _warning(
            scope, server, "replication_error", "replication reports an error", server.replication_error
        )
    silent_since = server.last_seen_at
    if silent_since is None:
        yield _warning(
            scope, server, "agent_not_seen", "DRS does not say when it last saw the replication agent", ""
        )
    elif scope.run.now - silent_since > AGENT_SILENT_SECONDS:
        detail = f"since {format_time(silent_since)}"
        yield _warning(
            scope, server, "agent_not_seen", "DRS has not seen the replication agent lately", detail
        )


def _unfit(scope: TargetScope, server: SourceServer, message: str, detail: str) -> Finding:
    drill = scope.run.kind.is_drill
    return scope.finding(
        "replication_unfit",
        server.ref(detail),
        message,
        "Repair replication in DRS first, leave the waves out, or start with preflight: warn to launch from "
        "the newest point in time that exists."
        if drill
        else "The newest point in time, if there is one, is launched; compare it with the objective afterwards.",
    )


def _warning(scope: TargetScope, server: SourceServer, code: str, message: str, detail: str) -> Finding:
    return scope.finding(
        code,
        server.ref(detail),
        message,
        "Look at the server in DRS: what it launches may be older than it seems.",
    )


def replication_lag(scope: TargetScope) -> Iterator[Finding]:
    """Yield a warning for servers whose lag is above the plan's recovery point objective, or unknown."""
    minutes = scope.run.plan.objectives.rpo_minutes
    if minutes is None:
        return
    for server in scope.servers:
        if server.lag_seconds is None:
            message = f"replication lag is unknown: nothing tells whether the RPO of {minutes} minutes holds"
            yield _late(scope, server, "lag_unknown", message, server.replication_state)
        elif server.lag_seconds > minutes * SECONDS_PER_MINUTE:
            message = f"replication lag is above the RPO of {minutes} minutes"
            yield _late(scope, server, "lag_above_rpo", message, f"lag {server.lag}")


def _late(scope: TargetScope, server: SourceServer, code: str, message: str, detail: str) -> Finding:
    return scope.finding(
        code,
        server.ref(detail),
        message,
        "Look at replication in DRS (bandwidth, agent, staging area), or adjust objectives.rpo_minutes.",
    )


_WAIT = "Wait until the first replication is complete, or leave these servers out of the plan."
_REPAIR = (
    "Start or repair replication in DRS (stopping it deleted the points in time; a disconnected server needs its "
    "agent anew) and wait for a full replication, or leave these servers out of the plan."
)


def point_in_time_exists(scope: TargetScope) -> Iterator[Finding]:
    """Yield a finding for servers that have nothing to launch from, in every kind of execution.

    Asks DRS only for servers whose replication gives reason to doubt it: a lag means that there is a
    consistent point which it is measured from.
    """
    doubtful = [server for server in scope.servers if _may_lack_points(server)]
    points = scope.reads.snapshots(server.source_server_id for server in doubtful)
    for server in doubtful:
        if not any(row.get("timestamp") for row in points[server.source_server_id]):
            yield scope.finding(
                "no_point_in_time",
                server.ref(server.replication_state or "replication state unknown"),
                "servers have no point in time: there is nothing to launch from",
                _WAIT if server.replication_state in NEVER_SYNCED else _REPAIR,
            )


def _may_lack_points(server: SourceServer) -> bool:
    state = server.replication_state
    if state in NEVER_SYNCED or state in _POINTS_DELETED:
        return True
    return state not in REPLICATING and server.lag_seconds is None


def source_alive(scope: TargetScope) -> Iterator[Finding]:
    """Yield a finding for a RECOVERY while sources seem to run: two masters would be the result."""
    if scope.run.conf.source_state != "unknown":
        return
    for server in scope.servers:
        sign = sign_of_life(server, scope.run.now)
        if sign:
            yield scope.finding(
                "source_alive",
                server.ref(sign),
                "replication shows that source servers are alive; recovering them beside their sources makes "
                "two masters",
                "Shut the sources down or cut them off, then start with source_state: fenced; or, if they "
                "are known to be lost, with source_state: lost.",
            )


def sign_of_life(server: SourceServer, now: float) -> str:
    """Return why the source must be taken for alive, or an empty text.

    Alive is a source whose agent was seen a short while ago, whatever state its replication has, and one
    that replicates with little lag: the lag of a lost source grows. Where DRS says that the agent is gone,
    it is believed. What DRS does not tell counts for alive.
    """
    state = server.replication_state
    if state in _SILENT or server.replication_error == "AGENT_NOT_SEEN":
        return ""
    seen = server.last_seen_at
    if seen is not None and now - seen <= SOURCE_ALIVE_SECONDS:
        return f"agent seen {format_time(seen)}, {state or 'state unknown'}"
    fresh = seen is None if server.lag_seconds is None else server.lag_seconds <= SOURCE_ALIVE_SECONDS
    return f"{state}, lag {server.lag or 'unknown'}" if fresh and state in _SENDING else ""

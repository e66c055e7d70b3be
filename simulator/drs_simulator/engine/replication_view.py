"""A source server's replication in the form of the service model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drs_simulator.engine.entities import RegionState, SourceServer
from drs_simulator.engine.snapshots import GONE, consistent_at, lag_seconds
from drs_simulator.engine.times import duration_text, stamp

GIB = 1024**3
_DEFAULT_ERRORS = {"STALLED": "NOT_CONVERGING", "DISCONNECTED": "AGENT_NOT_SEEN"}
# In the model's order; a server that shares a replication server skips what makes one.
_STEPS = (
    "WAIT",
    "CREATE_SECURITY_GROUP",
    "LAUNCH_REPLICATION_SERVER",
    "BOOT_REPLICATION_SERVER",
    "AUTHENTICATE_WITH_SERVICE",
    "DOWNLOAD_REPLICATION_SOFTWARE",
    "CREATE_STAGING_DISKS",
    "ATTACH_STAGING_DISKS",
    "PAIR_REPLICATION_SERVER_WITH_AGENT",
    "CONNECT_AGENT_TO_REPLICATION_SERVER",
    "START_DATA_TRANSFER",
)
_SKIPPED_WHEN_SHARED = frozenset(_STEPS[1:6])
# Assumed: how far a server in the state INITIATING has come.
_INITIATING_AT = _STEPS.index("CREATE_STAGING_DISKS")
_FIRST_ATTEMPT_SECONDS = 60.0
_NEXT_ATTEMPT_SECONDS = 1800.0
"""Recorded: between 29 and 31 minutes after the start."""


def device_name(index: int) -> str:
    """The name of a server's disk."""
    return f"/dev/nvme{index}n1"


def replication_view(state: RegionState, server: SourceServer, now: float) -> dict[str, Any]:
    """``dataReplicationInfo`` of a source server."""
    spec = server.spec
    gone, synced = spec.replication in GONE, consistent_at(server, now) is not None
    done = 1.0 if synced or gone else 0.4
    disks = [
        {
            "deviceName": device_name(index),
            "totalStorageBytes": size * GIB,
            "replicatedStorageBytes": int(size * GIB * done),
            # Recorded: the total, whatever the state.
            "rescannedStorageBytes": size * GIB,
            "backloggedStorageBytes": _backlog(server, size, now),
        }
        for index, size in enumerate(spec.disks)
    ]
    started = server.added_at + _FIRST_ATTEMPT_SECONDS
    view: dict[str, Any] = {
        "dataReplicationState": spec.replication,
        "replicatedDisks": disks,
        "dataReplicationInitiation": {
            "startDateTime": stamp(started),
            "nextAttemptDateTime": stamp(started + _NEXT_ATTEMPT_SECONDS),
            "steps": [{"name": name, "status": status} for name, status in _steps(server)],
        },
        "stagingAvailabilityZone": f"{state.place.region}a",
    }
    if synced:
        view["lagDuration"] = duration_text(lag_seconds(server, now))
    if (not synced and not gone) or spec.replication in {"BACKLOG", "RESCAN"}:
        view["etaDateTime"] = stamp(now + 3600)
    error = spec.replication_error or _DEFAULT_ERRORS.get(spec.replication)
    if error is not None:
        view["dataReplicationError"] = {"error": error, "rawError": f"Replication of {spec.name}: {error}"}
    return view


def _steps(server: SourceServer) -> Iterator[tuple[str, str]]:
    initiating = server.spec.replication == "INITIATING"
    for index, name in enumerate(_STEPS):
        if initiating and index >= _INITIATING_AT:
            yield name, "IN_PROGRESS" if index == _INITIATING_AT else "NOT_STARTED"
        elif server.shares_replicator and name in _SKIPPED_WHEN_SHARED:
            yield name, "SKIPPED"
        else:
            yield name, "SUCCEEDED"


def _backlog(server: SourceServer, size: int, now: float) -> int:
    # Assumed: about one MiB of changes a second, never more than the disk.
    return min(size * GIB, int(lag_seconds(server, now)) * 1024 * 1024)

"""Points in time of a source server, computed from the clock: nothing is stored, the same ask same answer.

The schedule is DRS's default one: every ten minutes for an hour, hourly for a day, daily for a week.
A replication that stalls or pauses makes no new ones and (assumed) loses none of the old; one that was stopped has
none left (the service model says that StopReplication deletes them), nor (assumed) one that is disconnected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from drs_simulator.engine.entities import SourceServer
from drs_simulator.engine.ids import digest_id

_SCHEDULE = ((600.0, 3600.0), (3600.0, 86400.0), (86400.0, 7 * 86400.0))
BROKEN = frozenset({"STALLED", "DISCONNECTED", "STOPPED", "PAUSED"})
GONE = frozenset({"DISCONNECTED", "STOPPED"})
NEVER_SYNCED = frozenset({"INITIATING", "INITIAL_SYNC"})
_TAKING_SECONDS = 4.0
"""How long after its planned time a snapshot is taken (assumed)."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point in time; one that is only forecast has no ``taken_at`` yet."""

    snapshot_id: str
    server_id: str
    expected_at: float
    taken_at: float | None
    ebs_snapshots: tuple[str, ...]


def lag_seconds(server: SourceServer, now: float) -> float:
    """The replication's lag; it grows with time when the replication is broken."""
    base = server.spec.lag
    return base + max(0.0, now - server.lag_at) if server.spec.replication in BROKEN else base


def consistent_at(server: SourceServer, now: float) -> float | None:
    """The latest moment of which a consistent copy exists, None if the first sync never ended or the copy is gone."""
    if server.spec.replication in NEVER_SYNCED | GONE:
        return None
    return now - lag_seconds(server, now)


def snapshots_of(server: SourceServer, now: float) -> list[Snapshot]:
    """All points in time at ``now``, oldest first, with the next forecast one last."""
    newest = consistent_at(server, now)
    if newest is None:
        return []
    times: set[float] = set()
    for step, keep in _SCHEDULE:
        first = math.ceil((newest - keep) / step)
        last = math.floor((newest - _TAKING_SECONDS) / step)
        times.update(step * n for n in range(first, last + 1))
    taken = [_snapshot(server, at, at + _TAKING_SECONDS) for at in sorted(times) if at >= server.added_at]
    if server.spec.replication in BROKEN:
        return taken
    step = _SCHEDULE[0][0]
    return [*taken, _snapshot(server, step * (math.floor((newest - _TAKING_SECONDS) / step) + 1), None)]


def find_snapshot(server: SourceServer, snapshot_id: str, now: float) -> Snapshot | None:
    """A snapshot that has been taken and is kept, by its id."""
    return next(
        (s for s in snapshots_of(server, now) if s.snapshot_id == snapshot_id and s.taken_at is not None),
        None,
    )


def latest_snapshot(server: SourceServer, now: float) -> Snapshot | None:
    """The newest snapshot that has been taken."""
    taken = [s for s in snapshots_of(server, now) if s.taken_at is not None]
    return taken[-1] if taken else None


def _snapshot(server: SourceServer, expected: float, taken: float | None) -> Snapshot:
    key = (server.arn, int(expected))
    disks = range(len(server.spec.disks))
    return Snapshot(
        snapshot_id=digest_id("pit-", *key),
        server_id=server.server_id,
        expected_at=expected,
        taken_at=taken,
        ebs_snapshots=tuple(digest_id("snap-", *key, n) for n in disks) if taken is not None else (),
    )

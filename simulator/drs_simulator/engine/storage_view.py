"""Storage figures: of a recovery instance's disks, and of what was disconnected."""

from __future__ import annotations

from typing import Any

from drs_simulator.engine.entities import SourceServer

_GIB = 1024**3


def instance_disks(server: SourceServer | None) -> list[dict[str, Any]]:
    """The disks of a recovery instance that replicates nothing back (assumed: with their sizes)."""
    return [
        {
            "deviceName": f"/dev/xvd{chr(ord('a') + index)}",
            "totalStorageBytes": size * _GIB,
            "replicatedStorageBytes": 0,
            "rescannedStorageBytes": 0,
            "backloggedStorageBytes": 0,
        }
        for index, size in enumerate(server.spec.disks if server is not None else ())
    ]


def release_storage(replication: dict[str, Any]) -> None:
    """Take the storage and the lag out of a ``dataReplicationInfo``, as disconnecting does at once.

    The service model's descriptions of DisconnectRecoveryInstance and DisconnectSourceServer tell of the total and
    of the lag; that the parts of the total are 0 as well is assumed.
    """
    replication.pop("lagDuration", None)
    for disk in replication["replicatedDisks"]:
        disk.update({name: 0 for name in disk if name.endswith("StorageBytes")})

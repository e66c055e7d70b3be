"""A source server as preflight reads it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from drs_provider.plan.drs_time import parse_duration, parse_time
from drs_provider.plan.freezing import ResolvedServer
from drs_provider.preflight.findings import ServerRef

T = TypeVar("T")


@dataclass(frozen=True)
class LastLaunch:
    """The latest launch of a server; DRS keeps no earlier one.

    :param at: epoch seconds of the call that asked for it, None if DRS does not say
    :param type: RECOVERY or DRILL
    :param status: PENDING, IN_PROGRESS, LAUNCHED, FAILED or TERMINATED
    """

    at: float | None
    type: str
    status: str

    @property
    def succeeded(self) -> bool:
        """Whether it brought an instance up, which may be gone again."""
        return self.status in ("LAUNCHED", "TERMINATED")


@dataclass(frozen=True)
class SourceServer:
    """A source server; times are epoch seconds.

    :param replication_state: ``dataReplicationState``, empty if DRS does not say
    :param replication_error: ``dataReplicationError.error``, empty if there is none
    :param lag: ISO 8601 duration as DRS tells it
    :param lag_seconds: None if DRS does not tell it, or unreadably
    :param private_ip: first address of the source's primary network interface, empty if DRS does not know it
    :param aws_instance_id: EC2 instance that the source is, empty if it is none
    :param unreadable: members that DRS sent in a form that cannot be read, as ``member=value``
    """

    source_server_id: str
    name: str
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    replication_state: str = ""
    replication_error: str = ""
    lag: str | None = None
    lag_seconds: float | None = None
    last_seen_at: float | None = None
    last_launch: LastLaunch | None = None
    direction: str = ""
    staging_error: str = ""
    arn: str = ""
    private_ip: str = ""
    aws_instance_id: str = ""
    unreadable: tuple[str, ...] = ()

    @classmethod
    def from_api(cls, row: Mapping[str, Any]) -> SourceServer:
        """Read a row of DescribeSourceServers; a member that is malformed is noted, not an error."""
        server_id = row["sourceServerID"]
        tags = dict(row.get("tags") or {})
        replication = row.get("dataReplicationInfo") or {}
        life_cycle = row.get("lifeCycle") or {}
        reader = _Reader()
        return cls(
            source_server_id=server_id,
            name=tags.get("Name") or _hostname(row) or server_id,
            tags=tags,
            replication_state=replication.get("dataReplicationState") or "",
            replication_error=(replication.get("dataReplicationError") or {}).get("error") or "",
            lag=replication.get("lagDuration") or None,
            lag_seconds=reader.read(replication, "lagDuration", parse_duration),
            last_seen_at=reader.read(life_cycle, "lastSeenByServiceDateTime", parse_time),
            last_launch=_last_launch(life_cycle, reader),
            direction=row.get("replicationDirection") or "",
            staging_error=_staging_error(row),
            arn=row.get("arn") or "",
            private_ip=_private_ip(row),
            aws_instance_id=_hints(row).get("awsInstanceID") or "",
            unreadable=tuple(reader.unreadable),
        )

    @property
    def resolved(self) -> ResolvedServer:
        """The form in which the plan is frozen."""
        return ResolvedServer(self.source_server_id, self.name, self.tags, self.lag)

    def ref(self, detail: str = "") -> ServerRef:
        """Return the reference that findings carry."""
        name = self.name if self.name != self.source_server_id else ""
        return ServerRef(self.source_server_id, name, detail)


class _Reader:
    """Reads members that may be malformed, and remembers which were."""

    def __init__(self) -> None:
        self.unreadable: list[str] = []

    def read(self, data: Mapping[str, Any], member: str, parse: Callable[[Any], T]) -> T | None:
        value = data.get(member)
        if value is None or value == "":
            return None
        try:
            return parse(value)
        except ValueError:
            self.unreadable.append(f"{member}={value}")
            return None


def _last_launch(life_cycle: Mapping[str, Any], reader: _Reader) -> LastLaunch | None:
    launch = life_cycle.get("lastLaunch") or {}
    initiated = launch.get("initiated") or {}
    if not initiated and not launch.get("status"):
        return None  # recorded of servers that never were: {"initiated": {}}
    at = reader.read(initiated, "apiCallDateTime", parse_time)
    return LastLaunch(at, initiated.get("type") or "", launch.get("status") or "")


def _hints(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return (row.get("sourceProperties") or {}).get("identificationHints") or {}


def _hostname(row: Mapping[str, Any]) -> str:
    hints = _hints(row)
    return str(hints.get("hostname") or hints.get("fqdn") or "")


def _private_ip(row: Mapping[str, Any]) -> str:
    interfaces = (row.get("sourceProperties") or {}).get("networkInterfaces") or []
    primary = [item for item in interfaces if item.get("isPrimary")] or interfaces[:1]
    addresses = [address for item in primary for address in item.get("ips") or ()]
    return next((str(address) for address in addresses if ":" not in address), "")


def _staging_error(row: Mapping[str, Any]) -> str:
    staging = row.get("stagingArea") or {}
    if staging.get("status") != "EXTENSION_ERROR":
        return ""
    return str(staging.get("errorMessage") or "EXTENSION_ERROR")

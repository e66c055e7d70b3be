"""A source server as preflight reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drs_provider.core.answers import Members
from drs_provider.core.times import parse_duration
from drs_provider.preflight.findings import ServerRef
from drs_provider.rules.execution.freezing import ResolvedServer
from drs_provider.rules.execution.frozen import Origin


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
    :param origin: where in AWS the source is; None if it is not, or DRS does not say
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
    origin: Origin | None = None
    unreadable: tuple[str, ...] = ()

    @classmethod
    def from_api(cls, row: Mapping[str, Any]) -> SourceServer:
        """Read a row of DescribeSourceServers; a member that is malformed is noted, not an error."""
        server = Members(row)
        server_id, tags = server.text("sourceServerID"), server.tags()
        replication, life_cycle = server.part("dataReplicationInfo"), server.part("lifeCycle")
        properties = server.part("sourceProperties")
        hints = properties.part("identificationHints")
        return cls(
            source_server_id=server_id,
            name=tags.get("Name") or hints.text("hostname") or hints.text("fqdn") or server_id,
            tags=tags,
            replication_state=replication.text("dataReplicationState"),
            replication_error=replication.part("dataReplicationError").text("error"),
            lag=replication.text("lagDuration") or None,
            lag_seconds=replication.read("lagDuration", parse_duration),
            last_seen_at=life_cycle.moment("lastSeenByServiceDateTime"),
            last_launch=_last_launch(life_cycle.part("lastLaunch")),
            direction=server.text("replicationDirection"),
            staging_error=_staging_error(server.part("stagingArea")),
            arn=server.text("arn"),
            private_ip=_private_ip(properties.parts("networkInterfaces")),
            aws_instance_id=hints.text("awsInstanceID"),
            origin=_origin(server.part("sourceCloudProperties")),
            unreadable=tuple(server.notes),
        )

    @property
    def resolved(self) -> ResolvedServer:
        """The form in which the plan is frozen."""
        return ResolvedServer(self.source_server_id, self.name, self.tags, self.lag, self.origin)

    def ref(self, detail: str = "") -> ServerRef:
        """Return the reference that findings carry."""
        name = self.name if self.name != self.source_server_id else ""
        return ServerRef(self.source_server_id, name, detail)


def _last_launch(launch: Members) -> LastLaunch | None:
    initiated, status = launch.part("initiated"), launch.text("status")
    if not initiated and not status:
        return None  # recorded of servers that never were: {"initiated": {}}
    return LastLaunch(initiated.moment("apiCallDateTime"), initiated.text("type"), status)


def _origin(cloud: Members) -> Origin | None:
    account_id, region = cloud.text("originAccountID"), cloud.text("originRegion")
    if not account_id and not region:
        return None
    return Origin(account_id=account_id, region=region, zone=cloud.text("originAvailabilityZone"))


def _private_ip(interfaces: tuple[Members, ...]) -> str:
    primary = [item for item in interfaces if item.flag("isPrimary")] or interfaces[:1]
    addresses = [address for item in primary for address in item.texts("ips")]
    return next((address for address in addresses if ":" not in address), "")


def _staging_error(staging: Members) -> str:
    if staging.text("status") != "EXTENSION_ERROR":
        return ""
    return staging.text("errorMessage") or "EXTENSION_ERROR"

"""Which servers of a plan run in recovery: what DRS shows, and what is kept of the RECOVERY that brought them up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from drs_provider.core.states import ExecutionType
from drs_provider.rules.plan_state.kept import FailedOverServer, Failover
from drs_provider.rules.record.merging import recovered

#: What a RECOVERY is asked about at its start; it says nothing of whether the plan is ready
_OF_THE_MOMENT: Final = frozenset({"source_alive"})
#: Findings that leave open what DRS would have told
_UNREAD: Final = frozenset(
    {
        "connection_missing",
        "connection_invalid",
        "identity_not_proven",
        "drs_not_initialized",
        "configuration_wrong",
        "could_not_be_checked",
    }
)
BLOCK: Final = "BLOCK"


class FindingView(Protocol):
    """The part of a finding of preflight that is looked at here."""

    @property
    def code(self) -> str:
        """Its kind."""

    @property
    def severity(self) -> str:
        """BLOCK, WARN or INFO."""

    @property
    def message(self) -> str:
        """What is wrong."""

    @property
    def overridden(self) -> bool:
        """Whether it would stop the execution, but the run configuration says otherwise."""

    @property
    def passing(self) -> bool:
        """Whether it may be gone in a moment."""

    @property
    def server_ids(self) -> Collection[str]:
        """The servers that it is about."""


@dataclass
class Look:
    """What a preflight saw of instances that run in recovery.

    :param looked_at: servers of which DRS told whether they have an instance
    :param live: those that a RECOVERY of this plan launched, and that are there
    :param outside: servers whose kept instance EC2 still has, or may have, though DRS lists it no more
    """

    looked_at: set[str] = field(default_factory=set)
    live: list[FailedOverServer] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Preflighted:
    """A preflight that is over.

    :param whole: whether it looked at all waves of the plan
    :param failed_back: why people say that the plan has failed back; empty if they do not
    """

    execution_type: ExecutionType
    at: float
    run_id: str
    findings: Sequence[FindingView]
    look: Look
    whole: bool
    failed_back: str = ""

    @property
    def stopping(self) -> list[FindingView]:
        """The findings that stop an execution, or would if nobody had overridden them."""
        found = (each for each in self.findings if each.severity == BLOCK or each.overridden)
        return [finding for finding in found if finding.code not in _OF_THE_MOMENT]

    @property
    def complete(self) -> bool:
        """Whether it looked at all waves, and AWS told all that was asked."""
        return self.whole and not any(finding.code in _UNREAD for finding in self.stopping)


def failover_after(known: Failover | None, done: Preflighted) -> Failover | None:
    """Return which servers run in recovery: what DRS shows, and what is kept of servers that were not looked at.

    A server is back only if DRS was asked and shows no instance, and EC2 has none of the kept one either, or people say
    that the plan has failed back. In doubt it stays. Servers that the plan does not hold any more are no concern of it.
    """
    kept = {server.source_server_id: server for server in (known.servers if known else ())}
    rows: dict[str, FailedOverServer] = {}
    for server_id, server in kept.items():
        outside = server_id in done.look.outside and not done.failed_back
        if outside or (server_id not in done.look.looked_at and not done.complete):
            rows[server_id] = server
    for seen in done.look.live:
        earlier = kept.get(seen.source_server_id)
        same = earlier is not None and earlier.ec2_id == seen.ec2_id
        told = seen.model_dump(exclude_defaults=True)
        rows[seen.source_server_id] = earlier.model_copy(update=told) if earlier and same else seen
    if not rows:
        return None
    servers = tuple(rows[server_id] for server_id in dict.fromkeys((*kept, *rows)) if server_id in rows)
    return (
        known.model_copy(update={"servers": servers}) if known else Failover(since=done.at, servers=servers)
    )


def failover_of(record: Mapping[str, Any], earlier: Failover | None) -> Failover | None:
    """Return which servers run in recovery after a RECOVERY has ended; None if none ever did."""
    found = {server.source_server_id: server for server in (earlier.servers if earlier else ())}
    new = [
        _of_row(wave, row)
        for wave in record["waves"]
        for row in wave.get("serverStatuses", ())
        if recovered(row)
    ]
    if not new:
        return earlier
    found |= {server.source_server_id: server for server in new}
    same = earlier is not None and earlier.execution_id == record["executionId"]
    return Failover(
        execution_id=record["executionId"],
        run_id=record.get("dagRunId", ""),
        since=earlier.since if earlier and same else record["endTime"],
        servers=tuple(found.values()),
    )


def _of_row(wave: Mapping[str, Any], row: Mapping[str, Any]) -> FailedOverServer:
    names = {
        "origin_account_id": "originAccountId",
        "origin_region": "originRegion",
        "origin_zone": "originZone",
        "recovery_instance_id": "recoveryInstanceId",
        "instance_id": "instanceId",
        "private_ip": "privateIp",
        "hostname": "hostname",
        "point_in_time": "pointInTime",
    }
    return FailedOverServer(
        source_server_id=row["sourceServerId"],
        name=row.get("serverName", ""),
        account_id=wave.get("accountContext", {}).get("accountId", ""),
        region=wave.get("region", ""),
        **{name: row.get(key) for name, key in names.items()},
    )


def skip_reason(failover: Failover | None, look: Look, plan_name: str) -> str | None:
    """Return why a scheduled drill of a plan is left out; None if it is not.

    :param look: what is kept alone leaves out no drill: AWS must have shown an instance just now
    """
    if failover is None or not (look.live or look.outside):
        return None
    return (
        f"{plan_name} has failed over ({failover.text()}): a drill would destroy what runs there. Scheduled drills "
        "begin again when DRS shows no recovery instance of it any more"
    )


def instances_of(servers: Iterable[FailedOverServer]) -> dict[str, str]:
    """Return the EC2 instances of servers that run in recovery, by source server."""
    return {server.source_server_id: server.ec2_id for server in servers if server.ec2_id}

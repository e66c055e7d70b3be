"""Pre-provisioned instances that servers are launched into: their disks are replaced by the server's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drs_provider.core.answers import Members
from drs_provider.hooks.ec2.ec2_rows import instance_exists
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import TargetScope
from drs_provider.preflight.source_server import SourceServer
from drs_provider.rules.drs.launch_into import LAUNCH_INTO_TAG, may_be_launched_into


def drill_overwrites(scope: TargetScope) -> Iterator[Finding]:
    """Yield a finding for servers that a drill would launch into an existing instance, overwriting it."""
    for server, instance in _into(scope):
        yield scope.finding(
            "launch_into_instance",
            server.ref(f"instance {instance}"),
            "servers are set to launch into a pre-provisioned instance, which a drill would overwrite",
            "Remove the launch-into instance from the servers' launch settings before a drill.",
        )


def recovery_overwrites(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings for pre-provisioned instances: that they are overwritten, and why one must not be.

    An instance that runs, that serves another server, or that DRS itself protects is in use by somebody. One
    that is not there, or lacks the tag with which its owner allows it, is refused by DRS when the job has
    come that far.
    """
    into = list(_into(scope))
    rows = scope.reads.instances(instance for _, instance in into)
    for server, instance in into:
        holder = scope.run.ledger.instances.setdefault(instance, server.ref())
        row = rows.get(instance)
        used = "" if holder == server.ref() else f"{holder} is launched into it, too"
        used = used or _use(scope, instance, row)
        if used:
            yield _in_use(scope, server, f"{instance}: {used}")
        elif unfit := _unfit(row):
            yield _unusable(scope, server, f"{instance}: {unfit}")
        else:
            yield scope.finding(
                "launch_into_overwrites",
                server.ref(f"instance {instance}"),
                "servers are launched into pre-provisioned instances, whose disks are replaced",
            )


def _into(scope: TargetScope) -> Iterator[tuple[SourceServer, str]]:
    settings = scope.settings
    for server in scope.servers:
        instance = settings[server.source_server_id].into_instance
        if instance:
            yield server, instance


def _use(scope: TargetScope, instance: str, row: Mapping[str, Any] | None) -> str:
    """Return by what an instance is in use, or an empty text."""
    for server_id, source in scope.reads.source_servers.items():
        if SourceServer.from_api(source).aws_instance_id == instance:
            return f"it is the source server {server_id} that DRS protects"
    if row is None or not instance_exists(row):
        return ""
    state = Members(row).part("State").text("Name") or "unknown"
    return "" if state == "stopped" else f"its state is {state}, not stopped"


def _unfit(row: Mapping[str, Any] | None) -> str:
    if row is None or not instance_exists(row):
        return "EC2 knows no such instance"
    return "" if may_be_launched_into(row) else f"it lacks the tag {LAUNCH_INTO_TAG}"


def _in_use(scope: TargetScope, server: SourceServer, detail: str) -> Finding:
    return scope.finding(
        "launch_into_in_use",
        server.ref(detail),
        "servers are set to launch into instances that are in use, which would be overwritten",
        "Stop the instance if it may be overwritten, or set another one, or none, in the servers' launch settings.",
    )


def _unusable(scope: TargetScope, server: SourceServer, detail: str) -> Finding:
    return scope.finding(
        "launch_into_unfit",
        server.ref(detail),
        "servers are set to launch into instances that DRS will not take",
        f"Correct the servers' launch settings, or give the instance the tag {LAUNCH_INTO_TAG}.",
    )

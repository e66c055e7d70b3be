"""Whether AWS itself answers: a rehearsal against a simulator never counts as a drill."""

from __future__ import annotations

from collections.abc import Iterable

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.clients import aws_clients
from drs_provider.partitions import is_aws_host


def simulated_by(targets: Iterable[AwsTarget], *, session_name: str) -> tuple[str, ...]:
    """Return the hosts that DRS's calls go to in the place of AWS's endpoints; empty if there are none."""
    hosts = {aws_clients(target, session_name=session_name).host("drs") for target in targets}
    return tuple(sorted(host for host in hosts if not is_aws_host(host)))

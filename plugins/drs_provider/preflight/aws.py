"""What preflight asks AWS: reads only, of one target, each at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Protocol, TypeVar

from drs_provider.hooks.ec2_api import LaunchNetworks, Subnet
from drs_provider.hooks.quotas import DrsQuotas
from drs_provider.plan.account import AwsTarget
from drs_provider.plan.drs_model import JobView, parse_jobs

Row = dict[str, Any]
T = TypeVar("T")

# How many calls about single servers are under way at a time: few enough not to starve the other users of
# the account's request rate, and below the ten connections that botocore keeps.
MAX_PARALLEL_CALLS = 8


class DrsReads(Protocol):
    """The part of :class:`~drs_provider.hooks.drs_api.DrsApi` that preflight needs."""

    def source_servers(self) -> list[Row]:
        """Return all source servers of the target."""

    def recovery_instances(self, source_server_ids: Iterable[str]) -> list[Row]:
        """Return the recovery instances of these servers."""

    def active_jobs(self) -> list[Row]:
        """Return every job that is not COMPLETED."""

    def recovery_snapshots(self, source_server_id: str) -> list[Row]:
        """Return the points in time of a server, newest first."""

    def launch_configuration(self, source_server_id: str) -> Row:
        """Return the launch configuration of a server."""

    def quotas(self) -> DrsQuotas:
        """Return the account's DRS quotas."""


class Ec2Reads(Protocol):
    """The part of :class:`~drs_provider.hooks.ec2_api.Ec2Api` that preflight needs."""

    def launch_template_networks(self, template_id: str) -> LaunchNetworks:
        """Return the networks of a launch template's default version, which DRS launches with."""

    def subnets(self, ids: Iterable[str]) -> Mapping[str, Subnet]:
        """Return the subnets that EC2 knows of these."""


class TargetReads:
    """One target's answers, read when first asked for and kept for the rest of the preflight.

    Methods raise what the API raises; an error is not kept.
    """

    def __init__(
        self,
        target: AwsTarget,
        drs: Callable[[AwsTarget], DrsReads],
        ec2: Callable[[AwsTarget], Ec2Reads],
    ) -> None:
        self.target = target
        self._make_drs = drs
        self._make_ec2 = ec2
        self._snapshots: dict[str, list[Row]] = {}
        self._launch_configurations: dict[str, Row] = {}

    @cached_property
    def drs(self) -> DrsReads:
        """DRS of the target."""
        return self._make_drs(self.target)

    @cached_property
    def ec2(self) -> Ec2Reads:
        """EC2 of the target."""
        return self._make_ec2(self.target)

    @cached_property
    def source_servers(self) -> dict[str, Row]:
        """All source servers by id; the first call of a target, so that it proves the identity.

        :raises ValueError: if DRS sent a server without an id
        """
        return {_server_id(row): row for row in self.drs.source_servers()}

    @cached_property
    def active_jobs(self) -> tuple[JobView, ...]:
        """Jobs that are not COMPLETED, whoever started them."""
        return parse_jobs(self.drs.active_jobs())

    @cached_property
    def quotas(self) -> DrsQuotas:
        """The account's DRS quotas."""
        return self.drs.quotas()

    def snapshots(self, server_ids: Iterable[str]) -> dict[str, list[Row]]:
        """Return the points in time of each of these servers, newest first."""
        return _kept(self._snapshots, server_ids, self.drs.recovery_snapshots)

    def launch_configurations(self, server_ids: Iterable[str]) -> dict[str, Row]:
        """Return the launch configuration of each of these servers."""
        return _kept(self._launch_configurations, server_ids, self.drs.launch_configuration)


def _kept(known: dict[str, T], keys: Iterable[str], call: Callable[[str], T]) -> dict[str, T]:
    wanted = tuple(keys)
    known.update(each((key for key in wanted if key not in known), call))
    return {key: known[key] for key in wanted}


def each(keys: Iterable[str], call: Callable[[str], T]) -> dict[str, T]:
    """Return the answer of one call per key, a few at a time; the first error stops what has not begun.

    :raises Exception: whatever a call raises
    """
    distinct = list(dict.fromkeys(keys))
    if not distinct:
        return {}
    with ThreadPoolExecutor(min(MAX_PARALLEL_CALLS, len(distinct)), thread_name_prefix="preflight") as pool:
        futures = [pool.submit(call, key) for key in distinct]
        try:
            return {key: future.result() for key, future in zip(distinct, futures, strict=True)}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _server_id(row: Row) -> str:
    server_id = row.get("sourceServerID")
    if not isinstance(server_id, str) or not server_id:
        raise ValueError("DescribeSourceServers sent a server without sourceServerID")
    return server_id

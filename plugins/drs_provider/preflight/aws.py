"""What preflight asks AWS: reads only, of one target, each at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Generic, Protocol, TypeVar

from drs_provider.core.account import AwsTarget
from drs_provider.core.answers import Members
from drs_provider.core.quotas import DrsQuotas
from drs_provider.hooks.ec2.ec2_api import Subnet
from drs_provider.hooks.ec2.launch_templates import LaunchTemplate
from drs_provider.hooks.iam_api import Right, RightsQuestion
from drs_provider.rules.drs.jobs import JobView, parse_jobs
from drs_provider.rules.drs.recovery_instances import RecoveryInstanceView, instances_of

Row = dict[str, Any]
T = TypeVar("T")

# How many calls about single servers are under way at a time: few enough not to starve the other users of
# the account's request rate, and below the ten connections that botocore keeps.
MAX_PARALLEL_CALLS = 8


class DrsReads(Protocol):
    """The part of :class:`~drs_provider.hooks.drs.drs_api.DrsApi` that preflight needs."""

    def source_servers(self) -> list[Row]:
        """Return all source servers of the target."""

    def recovery_instances(self, source_server_ids: Iterable[str]) -> list[Row]:
        """Return the recovery instances of these servers."""

    def active_jobs(self) -> list[Row]:
        """Return every job that is not COMPLETED."""

    def jobs(self, job_ids: Iterable[str]) -> list[Row]:
        """Return the given jobs, as far as DRS knows them."""

    def recovery_snapshots(self, source_server_id: str) -> list[Row]:
        """Return the points in time of a server, newest first."""

    def launch_configuration(self, source_server_id: str) -> Row:
        """Return the launch configuration of a server."""

    def quotas(self) -> DrsQuotas:
        """Return the account's DRS quotas."""


class Ec2Reads(Protocol):
    """The part of :class:`~drs_provider.hooks.ec2.ec2_api.Ec2Api` that preflight needs."""

    def launch_templates(self, ids: Iterable[str]) -> Mapping[str, LaunchTemplate]:
        """Return the default versions, which DRS launches with, of the launch templates that EC2 knows."""

    def subnets(self, ids: Iterable[str]) -> Mapping[str, Subnet]:
        """Return the subnets that EC2 knows of these."""

    def instances(self, ids: Iterable[str]) -> Mapping[str, Row]:
        """Return the instances that EC2 knows of these."""

    def running_instances(self) -> list[Row]:
        """Return every instance of the account and Region that runs."""

    def default_vcpus(self, instance_types: Iterable[str]) -> Mapping[str, int | None]:
        """Return the vCPUs of the instance types that the Region offers of these, None where EC2 tells none."""

    def network_interfaces_with(self, private_ips: Iterable[str]) -> list[Row]:
        """Return the network interfaces that have one of these private addresses."""

    def vcpu_quotas(self) -> Mapping[str, float]:
        """Return the account's EC2 quotas by quota code."""


class IamReads(Protocol):
    """The part of :class:`~drs_provider.hooks.iam_api.IamApi` that preflight needs."""

    @property
    def caller_arn(self) -> str:
        """The proven identity."""

    def simulate(self, question: RightsQuestion) -> list[Right]:
        """Return IAM's verdict on each action of a question."""


class StepReads(Protocol):
    """The part of :class:`~drs_provider.hooks.step_resources.StepResourcesApi` that preflight needs."""

    def document_type(self, name: str) -> str | None:
        """Return the type of a document of Systems Manager, None if there is none."""

    def function_exists(self, name: str) -> bool:
        """Tell whether there is a Lambda function of this name."""

    def hosted_zone_name(self, zone_id: str) -> str | None:
        """Return the domain of a hosted zone, None if there is none."""

    def alarms(self, names: Sequence[str]) -> frozenset[str]:
        """Return which of these alarms exist."""


@dataclass(frozen=True)
class AwsApis:
    """Gives the APIs of a target; the first call of each proves the identity."""

    drs: Callable[[AwsTarget], DrsReads]
    ec2: Callable[[AwsTarget], Ec2Reads]
    iam: Callable[[AwsTarget], IamReads]
    steps: Callable[[AwsTarget], StepReads]


class TargetReads:
    """One target's answers, read when first asked for and kept for the rest of the preflight.

    Methods raise what the API raises; an error is not kept.
    """

    def __init__(self, target: AwsTarget, apis: AwsApis) -> None:
        self.target = target
        self._apis = apis

    @cached_property
    def drs(self) -> DrsReads:
        """DRS of the target."""
        return self._apis.drs(self.target)

    @cached_property
    def ec2(self) -> Ec2Reads:
        """EC2 of the target."""
        return self._apis.ec2(self.target)

    @cached_property
    def iam(self) -> IamReads:
        """IAM of the target."""
        return self._apis.iam(self.target)

    @cached_property
    def steps(self) -> StepReads:
        """What steps name in the target."""
        return self._apis.steps(self.target)

    @cached_property
    def source_servers(self) -> dict[str, Row]:
        """All source servers by id; the first call of a target, so that it proves the identity."""
        return {key: row for row in self._source_rows if (key := server_id(row))}

    @cached_property
    def unnamed_servers(self) -> list[Row]:
        """Source servers that DRS lists without their id: nobody can launch them."""
        return [row for row in self._source_rows if not server_id(row)]

    @cached_property
    def _source_rows(self) -> list[Row]:
        return self.drs.source_servers()

    @cached_property
    def active_jobs(self) -> tuple[JobView, ...]:
        """Jobs that are not COMPLETED, whoever started them."""
        return parse_jobs(self.drs.active_jobs())

    @cached_property
    def quotas(self) -> DrsQuotas:
        """The account's DRS quotas."""
        return self.drs.quotas()

    @cached_property
    def snapshots(self) -> Known[list[Row]]:
        """The points in time of each server, newest first."""
        return Known(partial(each, call=self.drs.recovery_snapshots))

    @cached_property
    def launch_configurations(self) -> Known[Row]:
        """The launch configuration of each server."""
        return Known(partial(each, call=self.drs.launch_configuration))

    @cached_property
    def recovery_instances(self) -> RecoveryInstances:
        """The recovery instances of servers."""
        return RecoveryInstances(self.drs)

    @cached_property
    def launch_templates(self) -> Known[LaunchTemplate]:
        """The default versions of launch templates; those that EC2 does not know are absent."""
        return Known(self.ec2.launch_templates)

    @cached_property
    def subnets(self) -> Known[Subnet]:
        """Subnets; those that EC2 does not know are absent."""
        return Known(self.ec2.subnets)

    @cached_property
    def instances(self) -> Known[Row]:
        """Instances; those that EC2 does not know are absent."""
        return Known(self.ec2.instances)

    @cached_property
    def default_vcpus(self) -> Known[int | None]:
        """The vCPUs of instance types; those that the Region does not offer are absent."""
        return Known(self.ec2.default_vcpus)

    @cached_property
    def running_instances(self) -> list[Row]:
        """Every instance of the account and Region that runs."""
        return self.ec2.running_instances()

    @cached_property
    def vcpu_quotas(self) -> Mapping[str, float]:
        """The account's EC2 quotas by quota code."""
        return self.ec2.vcpu_quotas()


class RecoveryInstances:
    """The recovery instances of servers, as DRS lists them; asked for once."""

    def __init__(self, drs: DrsReads) -> None:
        self._drs = drs
        self._asked: frozenset[str] = frozenset()
        self._views: tuple[RecoveryInstanceView, ...] = ()

    def of(self, server_ids: Iterable[str]) -> list[RecoveryInstanceView]:
        """Return what these servers have, or may have."""
        wanted = dict.fromkeys(server_ids)
        if not self._asked.issuperset(wanted):
            self._views = instances_of(self._drs.recovery_instances(wanted), tuple(wanted))
            self._asked = frozenset(wanted)
        return [view for view in self._views if view.source_server_id in wanted]


class Known(Generic[T]):
    """Answers by id, each id asked for once; ids that AWS does not know are absent."""

    def __init__(self, ask: Callable[[list[str]], Mapping[str, T]]) -> None:
        self._ask = ask
        self._found: dict[str, T] = {}
        self._asked: set[str] = set()

    def __call__(self, ids: Iterable[str]) -> dict[str, T]:
        """Return what is known of these.

        :raises Exception: whatever asking raises
        """
        wanted = dict.fromkeys(ids)
        new = [key for key in wanted if key not in self._asked]
        if new:
            self._found.update(self._ask(new))
            self._asked.update(new)
        return {key: self._found[key] for key in wanted if key in self._found}


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


def server_id(row: Row) -> str:
    """Return the id of a source server, empty if DRS does not tell it."""
    return Members(row).text("sourceServerID")

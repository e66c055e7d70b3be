"""Typed, paginated EC2 calls of one target: recovered instances, launch templates, subnets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.hooks.clients import AwsClients
from drs_provider.hooks.drs_requests import chunks
from drs_provider.hooks.errors import error_code, explained, required_member
from drs_provider.plan.account import AwsTarget

Row = dict[str, Any]

_CHUNK = 200
_INSTANCE_ID = re.compile(r"\bi-[0-9a-f]+\b")


@dataclass(frozen=True)
class LaunchNetworks:
    """Where a launch template version puts an instance.

    :param template_id: launch template id
    :param version: number of the version that was read
    :param subnet_ids: subnets of its network interfaces; empty means EC2's default subnet
    :param security_group_ids: security groups; empty means the VPC's default group
    :param private_ips: fixed private addresses
    :param unresolved: what of the networks the template does not tell by id, in words
    """

    template_id: str
    version: int
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]
    private_ips: tuple[str, ...]
    unresolved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subnet:
    """A subnet.

    :param free_addresses: private IPv4 addresses that are not in use
    """

    subnet_id: str
    vpc_id: str
    availability_zone: str
    cidr_block: str
    free_addresses: int


class Ec2Api:
    """EC2 of one target; raises what :class:`DrsApi` raises.

    Ids that EC2 does not know are absent from the answers, while an EC2 that cannot answer raises: "there is
    no such instance" and "nobody can say" are different findings.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    @property
    def target(self) -> AwsTarget:
        """The account context of every call."""
        return self._clients.target

    def instances(self, ids: Iterable[str]) -> dict[str, Row]:
        """Return instances by id as AWS gives them; ids that EC2 does not know are absent."""
        found: dict[str, Row] = {}
        for chunk in chunks(ids, _CHUNK):
            found.update(self._known_instances(chunk))
        return found

    def subnets(self, ids: Iterable[str]) -> dict[str, Subnet]:
        """Return subnets by id; ids that EC2 does not know are absent."""
        rows: list[Row] = []
        for chunk in chunks(ids, _CHUNK):
            request = {"Filters": [{"Name": "subnet-id", "Values": chunk}]}
            rows.extend(self._pages("describe_subnets", "Subnets", request))
        return {
            row["SubnetId"]: Subnet(
                subnet_id=row["SubnetId"],
                vpc_id=row["VpcId"],
                availability_zone=row.get("AvailabilityZone", ""),
                cidr_block=row.get("CidrBlock", ""),
                free_addresses=row["AvailableIpAddressCount"],
            )
            for row in rows
        }

    def launch_template_networks(self, template_id: str, version: str = "$Default") -> LaunchNetworks:
        """Return the networks of a launch template version.

        :param version: number, ``$Default`` (what DRS launches with) or ``$Latest``
        :raises botocore.exceptions.ClientError: if template or version does not exist
        """
        request = {"LaunchTemplateId": template_id, "Versions": [version]}
        rows = self._pages("describe_launch_template_versions", "LaunchTemplateVersions", request)
        if len(rows) != 1:
            raise ValueError(f"launch template {template_id} has {len(rows)} versions {version!r}, not one")
        data = rows[0].get("LaunchTemplateData", {})
        interfaces = data.get("NetworkInterfaces", [])
        groups = [*data.get("SecurityGroupIds", []), *(g for i in interfaces for g in i.get("Groups", []))]
        return LaunchNetworks(
            template_id=template_id,
            version=int(rows[0]["VersionNumber"]),
            subnet_ids=_distinct(interface.get("SubnetId") for interface in interfaces),
            security_group_ids=_distinct(groups),
            private_ips=_distinct(address for interface in interfaces for address in _addresses(interface)),
            unresolved=tuple(_unresolved(data, interfaces)),
        )

    def _known_instances(self, ids: list[str]) -> dict[str, Row]:
        """Ask for ids, without those that EC2 names as unknown: one unknown id fails the whole call.

        Not by a filter, which EC2 answers without complaint but slowly where there are many instances.
        """
        asked = ids
        while asked:
            try:
                reservations = self._pages("describe_instances", "Reservations", {"InstanceIds": asked})
            except ClientError as error:
                if error_code(error) != "InvalidInstanceID.NotFound":
                    raise
                named = set(_INSTANCE_ID.findall(error.response["Error"].get("Message", "")))
                left = [instance_id for instance_id in asked if instance_id not in named]
                if len(left) == len(asked):
                    raise  # the message names none of ours: dropping nothing would ask for ever
                asked = left
            else:
                return {row["InstanceId"]: row for group in reservations for row in group["Instances"]}
        return {}

    def _pages(self, operation: str, member: str, request: Row) -> list[Row]:
        rows: list[Row] = []
        client = self._clients.client("ec2")
        with explained(self.target, self._clients.caller_arn):
            for page in client.get_paginator(operation).paginate(**request):
                rows.extend(required_member(page, member, operation))
        return rows


def _unresolved(data: Row, interfaces: list[Row]) -> Iterator[str]:
    if data.get("SecurityGroups"):
        yield f"security groups by name: {', '.join(data['SecurityGroups'])}"
    for interface in interfaces:
        if existing := interface.get("NetworkInterfaceId"):
            yield f"existing network interface {existing}"
        elif len(interfaces) > 1 and not interface.get("SubnetId"):
            yield f"network interface {interface.get('DeviceIndex', 0)} without a subnet"


def _addresses(interface: Row) -> list[str | None]:
    addresses = [row.get("PrivateIpAddress") for row in interface.get("PrivateIpAddresses", [])]
    return [interface.get("PrivateIpAddress"), *addresses]


def _distinct(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))

"""Typed, paginated EC2 calls of one target: instances and their types, launch templates, subnets, addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.core.account import AwsTarget
from drs_provider.core.answers import Members
from drs_provider.hooks.aws.chunks import chunks
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import error_code, explained, required_member
from drs_provider.hooks.aws.service_quotas import applied_quotas
from drs_provider.hooks.ec2.ec2_rows import status_checks
from drs_provider.hooks.ec2.launch_templates import LaunchTemplate
from drs_provider.rules.drs.unlisted import JOB_TAG

Row = dict[str, Any]

_CHUNK = 200
_LARGEST_PAGE = 1000
# The most ids that DescribeInstanceStatus takes.
_STATUS_CHUNK = 100
# Up to so many launch templates are asked for one by one, which spares accounts with thousands of others.
_SINGLE_TEMPLATES = 8
_OPERATION = "DescribeInstances"
_INSTANCE_ID = re.compile(r"\bi-[0-9a-f]+\b")


@dataclass(frozen=True)
class Subnet:
    """A subnet.

    :param vpc_id: empty if EC2 does not tell it
    :param cidr_block: IPv4 block, empty for a subnet of IPv6 only, or if EC2 does not tell it
    :param free_addresses: private IPv4 addresses that are not in use, None if EC2 does not tell it
    :param ipv6_only: whether it has no IPv4 addresses at all
    """

    subnet_id: str
    vpc_id: str
    availability_zone: str
    cidr_block: str
    free_addresses: int | None
    ipv6_only: bool = False

    @classmethod
    def from_api(cls, row: Mapping[str, Any]) -> Subnet:
        """Read one of ``Subnets``; one without an id gets an empty one."""
        subnet = Members(row)
        return cls(
            subnet_id=subnet.text("SubnetId"),
            vpc_id=subnet.text("VpcId"),
            availability_zone=subnet.text("AvailabilityZone"),
            cidr_block=subnet.text("CidrBlock"),
            free_addresses=subnet.count("AvailableIpAddressCount"),
            ipv6_only=subnet.flag("Ipv6Native") is True,
        )


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

    def status_checks(self, ids: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return the states of the status checks (:func:`~drs_provider.hooks.ec2.ec2_rows.status_checks`) by instance.

        :param ids: instances that exist: one that EC2 does not know fails the call
        """
        rows: list[Row] = []
        for chunk in chunks(ids, _STATUS_CHUNK):
            request = {"InstanceIds": chunk, "IncludeAllInstances": True}
            rows.extend(self._pages("describe_instance_status", "InstanceStatuses", request))
        return {key: status_checks(row) for row in rows if (key := Members(row).text("InstanceId"))}

    def subnets(self, ids: Iterable[str]) -> dict[str, Subnet]:
        """Return subnets by id; ids that EC2 does not know are absent."""
        rows: list[Row] = []
        for chunk in chunks(ids, _CHUNK):
            request = {"Filters": [{"Name": "subnet-id", "Values": chunk}]}
            rows.extend(self._pages("describe_subnets", "Subnets", request))
        found = [Subnet.from_api(row) for row in rows]
        return {subnet.subnet_id: subnet for subnet in found if subnet.subnet_id}

    def launch_templates(self, ids: Iterable[str]) -> dict[str, LaunchTemplate]:
        """Return the default version, which DRS launches with, of launch templates; unknown ids are absent.

        A few are asked for one by one; more are picked from all templates of the account and Region, which EC2
        gives in pages of 200: it takes no list of ids.
        """
        wanted = list(dict.fromkeys(ids))
        found: dict[str, LaunchTemplate] = {}
        if len(wanted) > _SINGLE_TEMPLATES:
            request = {"Versions": ["$Default"], "PaginationConfig": {"PageSize": _CHUNK}}
            known = self._template_versions(request)
            found = {
                template.template_id: template for template in known if template.template_id in set(wanted)
            }
        missing = [template_id for template_id in wanted if template_id not in found]
        if len(missing) > _SINGLE_TEMPLATES:
            return found
        for template_id in missing:
            # Also the few that the list lacks: it may lag behind a template that was made just now.
            if template := self._launch_template(template_id):
                found[template_id] = template
        return found

    def _launch_template(self, template_id: str) -> LaunchTemplate | None:
        try:
            rows = self._template_versions({"LaunchTemplateId": template_id, "Versions": ["$Default"]})
        except ClientError as error:
            if error_code(error).startswith("InvalidLaunchTemplate"):
                return None
            raise
        return replace(rows[0], template_id=template_id) if rows else None

    def _template_versions(self, request: Row) -> list[LaunchTemplate]:
        rows = self._pages("describe_launch_template_versions", "LaunchTemplateVersions", request)
        return [LaunchTemplate.from_api(row) for row in rows]

    def running_instances(self) -> list[Row]:
        """Return every instance of the account and Region that runs or is about to."""
        states = {"Name": "instance-state-name", "Values": ["pending", "running"]}
        request = {"Filters": [states], "PaginationConfig": {"PageSize": _LARGEST_PAGE}}
        reservations = self._pages("describe_instances", "Reservations", request)
        return list(_instances(reservations))

    def instances_of_jobs(self, job_ids: Iterable[str]) -> dict[str, Row]:
        """Return the instances that DRS made in launch jobs, by id, as their EC2 tags tell; also terminated ones."""
        found: dict[str, Row] = {}
        for chunk in chunks(job_ids, _CHUNK):
            request = {
                "Filters": [{"Name": f"tag:{JOB_TAG}", "Values": chunk}],
                "PaginationConfig": {"PageSize": _LARGEST_PAGE},
            }
            rows = _instances(self._pages("describe_instances", "Reservations", request))
            found |= {required_member(row, "InstanceId", _OPERATION): row for row in rows}
        return found

    def default_vcpus(self, instance_types: Iterable[str]) -> dict[str, int | None]:
        """Return the vCPUs of instance types, None where EC2 does not tell them; types not offered are absent."""
        rows: list[Row] = []
        for chunk in chunks(instance_types, _CHUNK):
            # By a filter: an unknown name in a list fails the whole call.
            request = {"Filters": [{"Name": "instance-type", "Values": chunk}]}
            rows.extend(self._pages("describe_instance_types", "InstanceTypes", request))
        types = [Members(row) for row in rows]
        return {
            item.text("InstanceType"): item.part("VCpuInfo").count("DefaultVCpus")
            for item in types
            if item.text("InstanceType")
        }

    def network_interfaces_with(self, private_ips: Iterable[str]) -> list[Row]:
        """Return the network interfaces, of all subnets, that have one of these private addresses."""
        rows: list[Row] = []
        for chunk in chunks(private_ips, _CHUNK):
            request = {"Filters": [{"Name": "addresses.private-ip-address", "Values": chunk}]}
            rows.extend(self._pages("describe_network_interfaces", "NetworkInterfaces", request))
        return rows

    def vcpu_quotas(self) -> dict[str, float]:
        """Return the account's EC2 quotas by quota code, as Service Quotas lists them."""
        with explained(self._clients.target, self._clients.caller_arn):
            return applied_quotas(self._clients, "ec2")

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
                named = set(_INSTANCE_ID.findall(error.response.get("Error", {}).get("Message", "")))
                left = [instance_id for instance_id in asked if instance_id not in named]
                if len(left) == len(asked):
                    raise  # the message names none of ours: dropping nothing would ask for ever
                asked = left
            else:
                # Left out, an instance without an id would count as one that does not exist.
                return {
                    required_member(row, "InstanceId", _OPERATION): row for row in _instances(reservations)
                }
        return {}

    def _pages(self, operation: str, member: str, request: Row) -> list[Row]:
        rows: list[Row] = []
        client = self._clients.client("ec2")
        with explained(self.target, self._clients.caller_arn):
            for page in client.get_paginator(operation).paginate(**request):
                rows.extend(required_member(page, member, operation))
        return rows


def _instances(reservations: Iterable[Row]) -> Iterator[Row]:
    return (row for reservation in reservations for row in reservation.get("Instances") or ())

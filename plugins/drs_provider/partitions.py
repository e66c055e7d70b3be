"""AWS partitions, from botocore's own data: what a Region's ARNs begin with."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsIdentityError


@cache
def _partitions() -> list[dict[str, Any]]:
    from botocore.loaders import create_loader  # boto3 stays out of DAG parsing

    partitions: list[dict[str, Any]] = create_loader().load_data("partitions")["partitions"]
    return partitions


def partition_of(region: str) -> str | None:
    """Return the AWS partition that a Region belongs to, such as ``aws`` or ``aws-eusc``, or None if no one fits.

    By pattern, so that a Region that is newer than botocore has the partition of its neighbours.
    """
    for partition in _partitions():
        if region in partition["regions"] or re.fullmatch(partition["regionRegex"], region, re.ASCII):
            return str(partition["id"])
    return None


def is_aws_host(host: str) -> bool:
    """Return whether a host is an endpoint of AWS, by its partitions' DNS suffixes; those in a VPC have them, too."""
    suffixes = {
        suffix
        for partition in _partitions()
        for suffix in (partition["outputs"]["dnsSuffix"], partition["outputs"]["dualStackDnsSuffix"])
    }
    return any(host.lower().endswith(f".{suffix}") for suffix in suffixes)


def known_partition(target: AwsTarget) -> str:
    """Return the partition of a target's Region.

    :raises DrsIdentityError: if no partition's pattern fits the Region
    """
    partition = partition_of(target.region)
    if partition is None:
        known = ", ".join(str(each["id"]) for each in _partitions())
        raise DrsIdentityError(
            f"Region {target.region!r} of target {target.name!r} is in no AWS partition that botocore knows ({known}).",
            "Correct the target's region, for example to eu-west-1; if the partition is new, upgrade botocore.",
        )
    return partition


def role_arn(target: AwsTarget) -> str | None:
    """Return the ARN of the role to assume, or None if the target is its connection's own account.

    :raises DrsIdentityError: if no partition's pattern fits the Region
    """
    if target.role is None:
        return None
    return f"arn:{known_partition(target)}:iam::{target.account_id}:role/{target.role}"

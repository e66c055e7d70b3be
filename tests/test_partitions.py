"""What an ARN begins with, from botocore's data and by pattern."""

from __future__ import annotations

import pytest

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsIdentityError
from drs_provider.partitions import partition_of, role_arn


def remote(region: str) -> AwsTarget:
    return AwsTarget("branch", "aws_dr", "222233334444", region, role="dr/Recovery")


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-west-1", "aws"),
        ("mx-central-1", "aws"),
        ("us-gov-east-1", "aws-us-gov"),
        ("cn-northwest-1", "aws-cn"),
        ("eusc-de-east-1", "aws-eusc"),
        ("us-iso-west-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eu-isoe-west-1", "aws-iso-e"),
        ("us-isof-south-1", "aws-iso-f"),
        # Newer than botocore: its neighbours' pattern decides.
        ("eu-southwest-7", "aws"),
        ("us-gov-north-3", "aws-us-gov"),
        ("eusc-de-west-2", "aws-eusc"),
    ],
)
def test_every_partition_that_botocore_knows(region, partition):
    assert partition_of(region) == partition
    assert role_arn(remote(region)) == f"arn:{partition}:iam::222233334444:role/dr/Recovery"


@pytest.mark.parametrize("region", ["xx-west-1", "euw-west-1", "eusc-west-1", "us-gov-west-east-1"])
def test_a_region_of_no_partition_is_refused_by_name_and_never_taken_for_aws(region):
    assert partition_of(region) is None
    with pytest.raises(DrsIdentityError) as caught:
        role_arn(remote(region))
    for part in (repr(region), "'branch'", "aws-eusc", "Correct the target's region", "upgrade botocore"):
        assert part in str(caught.value)


def test_an_own_account_has_no_role():
    assert role_arn(AwsTarget("main", "aws_dr", "111122223333", "eu-west-1", own_account=True)) is None

"""The rights that an execution needs in a target's account; docs/iam.md has them as a policy. Data."""

from __future__ import annotations

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.iam_api import RightsQuestion

#: What this provider calls itself.
OWN_CALLS = (
    "drs:DescribeJobLogItems",
    "drs:DescribeJobs",
    "drs:DescribeRecoveryInstances",
    "drs:DescribeRecoverySnapshots",
    "drs:DescribeSourceServers",
    "drs:GetLaunchConfiguration",
    "drs:ListTagsForResource",
    "drs:TagResource",
    "drs:TerminateRecoveryInstances",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
)
#: The one call that may be narrowed to source servers.
START = "drs:StartRecovery"
#: What DRS reads in the caller's name.
READ_BY_DRS = (
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceAttribute",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeVolumes",
)
#: What DRS does in the caller's name.
DONE_BY_DRS = (
    "drs:CreateRecoveryInstanceForDrs",
    "ec2:AttachVolume",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateLaunchTemplate",
    "ec2:CreateLaunchTemplateVersion",
    "ec2:CreateSnapshot",
    "ec2:CreateTags",
    "ec2:CreateVolume",
    "ec2:DeleteLaunchTemplateVersions",
    "ec2:DeleteSnapshot",
    "ec2:DeleteVolume",
    "ec2:DetachVolume",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyLaunchTemplate",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:RunInstances",
    "ec2:StartInstances",
    "ec2:StopInstances",
    "ec2:TerminateInstances",
)
#: The roles that DRS's machines run with.
PASSED_ROLES = (
    "service-role/AWSElasticDisasterRecoveryConversionServerRole",
    "service-role/AWSElasticDisasterRecoveryRecoveryInstanceRole",
)
_SAMPLE = 20


def questions(target: AwsTarget, caller_arn: str, server_arns: tuple[str, ...]) -> tuple[RightsQuestion, ...]:
    """Return what IAM is asked about a target's identity.

    :param server_arns: the source servers to be launched; some of them stand for all
    """
    partition = caller_arn.split(":", 2)[1]
    roles = tuple(f"arn:{partition}:iam::{target.account_id}:role/{name}" for name in PASSED_ROLES)
    return (
        RightsQuestion(OWN_CALLS + READ_BY_DRS),
        RightsQuestion((START,), server_arns[:_SAMPLE] or ("*",)),
        RightsQuestion(DONE_BY_DRS, context={"aws:ViaAWSService": ("boolean", "true")}),
        RightsQuestion(
            ("iam:PassRole",), roles, context={"iam:PassedToService": ("string", "ec2.amazonaws.com")}
        ),
    )

"""The rights that an execution needs in a target's account; docs/iam.md has them as a policy. Data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
_COMMANDS = ("ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation", "ssm:SendCommand")
#: What steps of a kind call, beside what every execution does; `from: server` and `from: probe` as kinds of their own.
STEP_CALLS: dict[str, tuple[str, ...]] = {
    "ec2_status": (),
    "tcp": (),
    "http": (),
    "from: server": _COMMANDS,
    "from: probe": ("lambda:InvokeFunction",),
    "ssm_command": (*_COMMANDS, "ssm:CancelCommand", "ssm:ListCommandInvocations", "ssm:ListCommands"),
    "cloudwatch_alarm": ("cloudwatch:DescribeAlarms",),
    "ssm_automation": (
        "ssm:AddTagsToResource",
        "ssm:DescribeAutomationExecutions",
        "ssm:GetAutomationExecution",
        "ssm:StartAutomationExecution",
        "ssm:StopAutomationExecution",
    ),
    "lambda": ("lambda:InvokeFunction",),
    "dns_change": ("route53:ChangeResourceRecordSets", "route53:GetChange"),
    "trigger_dag": (),
    "operator": (),
    "manual": (),
}
#: What preflight asks about steps; without it, it says what it could not check.
STEP_READS = (
    "cloudwatch:DescribeAlarms",
    "lambda:GetFunctionConfiguration",
    "route53:GetHostedZone",
    "ssm:DescribeDocument",
)
_SAMPLE = 20


def step_rights(kind: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a step calls.

    :param settings: the kind's own fields
    """
    return (*STEP_CALLS[kind], *STEP_CALLS.get(f"from: {settings.get('from')}", ()))


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

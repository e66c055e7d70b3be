"""The rights in AWS that executions need, as data: docs/iam.md, the templates and preflight are made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

#: What this provider calls itself in a target's account, and can be narrowed to nothing that is known before.
OWN_CALLS: Final = (
    "drs:DescribeJobLogItems",
    "drs:DescribeJobs",
    "drs:DescribeRecoveryInstances",
    "drs:DescribeRecoverySnapshots",
    "drs:DescribeSourceServers",
    "drs:GetLaunchConfiguration",
    "drs:TagResource",
    "drs:TerminateRecoveryInstances",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
)
#: What the import of native plans calls; no execution needs it (docs/imports.md).
IMPORT_CALLS: Final = ("drs:GetRecoveryPlan", "drs:ListRecoveryPlanSteps", "drs:ListRecoveryPlans")
#: The one call that may be narrowed to source servers.
START: Final = "drs:StartRecovery"
#: Without these, preflight says what it could not check.
DONE_WITHOUT: Final = ("iam:GetRole", "iam:SimulatePrincipalPolicy", "servicequotas:ListServiceQuotas")
#: What DRS reads in the caller's name: dependent actions of StartRecovery and TerminateRecoveryInstances
#: (docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticdisasterrecovery.html).
READ_BY_DRS: Final = (
    "drs:DescribeSourceServers",
    "drs:ListTagsForResource",
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceAttribute",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSnapshots",
    "ec2:DescribeSubnets",
    "ec2:DescribeVolumes",
)
#: What DRS does in the caller's name, from the same list.
DONE_BY_DRS: Final = (
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
#: The condition under which DRS does it.
THROUGH_DRS: Final = ("aws:ViaAWSService", "true")
PASS_ROLE: Final = "iam:PassRole"
PASSED_TO: Final = ("iam:PassedToService", "ec2.amazonaws.com")
#: The roles that DRS's machines run with.
PASSED_ROLES: Final = (
    "service-role/AWSElasticDisasterRecoveryConversionServerRole",
    "service-role/AWSElasticDisasterRecoveryRecoveryInstanceRole",
)


@dataclass(frozen=True)
class StepRights:
    """What steps call beside :data:`OWN_CALLS`.

    :param named: actions on what plans name; the template narrows them to a parameter's ARNs
    :param resources: what these are ARNs of
    :param other: actions that IAM cannot narrow, or on what has no name before it runs
    :param reads: what preflight asks about what plans name; without it, it says what it could not check
    """

    named: tuple[str, ...] = ()
    resources: str = ""
    other: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


_SERVERS: Final = StepRights(
    named=("ssm:SendCommand",),
    resources="the instances, and of the documents AWS-RunShellScript and AWS-RunPowerShellScript",
    other=("ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation"),
)
#: Kind of a step, or `from: server` and `from: probe` of those that look → its rights. `make docs` makes a parameter
#: of the template, and a row of docs/iam.md, of each that needs any.
STEP_RIGHTS: Final[Mapping[str, StepRights]] = {
    "ec2_status": StepRights(),
    "tcp": StepRights(),
    "http": StepRights(),
    "from: server": _SERVERS,
    "from: probe": StepRights(
        named=("lambda:InvokeFunction",), resources="the probes", reads=("lambda:GetFunctionConfiguration",)
    ),
    "ssm_command": replace(
        _SERVERS,
        other=(*_SERVERS.other, "ssm:CancelCommand", "ssm:ListCommandInvocations", "ssm:ListCommands"),
    ),
    "cloudwatch_alarm": StepRights(other=("cloudwatch:DescribeAlarms",)),
    "ssm_automation": StepRights(
        named=("ssm:StartAutomationExecution",),
        resources="the runbooks (automation-definition/NAME:*)",
        other=(
            "ssm:AddTagsToResource",
            "ssm:DescribeAutomationExecutions",
            "ssm:GetAutomationExecution",
            "ssm:StopAutomationExecution",
        ),
        reads=("ssm:DescribeDocument",),
    ),
    "lambda": StepRights(
        named=("lambda:InvokeFunction",),
        resources="the functions",
        reads=("lambda:GetFunctionConfiguration",),
    ),
    "dns_change": StepRights(
        named=("route53:ChangeResourceRecordSets",),
        resources="the hosted zones",
        other=("route53:GetChange",),
        reads=("route53:GetHostedZone",),
    ),
    "trigger_dag": StepRights(),
    "operator": StepRights(),
    "manual": StepRights(),
}


def step_calls(kind: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a step calls beside :data:`OWN_CALLS`.

    :param settings: the kind's own fields
    """
    source = STEP_RIGHTS.get(f"from: {settings.get('from')}", StepRights())
    return tuple(action for needs in (STEP_RIGHTS[kind], source) for action in (*needs.named, *needs.other))


# What the connection's identity needs, each on the one resource that is named.
ASSUME_ROLE: Final = "sts:AssumeRole"
HISTORY_CALLS: Final = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
METRICS_CALL: Final = "cloudwatch:PutMetricData"
METRICS_CONDITION: Final = "cloudwatch:namespace"
# Calls of Airflow's object storage and of the Amazon provider's notifier.
# The first is the doctor's: it asks for the bucket's lock.
BUCKET_CALLS: Final = ("s3:GetBucketObjectLockConfiguration", "s3:ListBucket")
REPORT_CALLS: Final = ("s3:GetObject", "s3:PutObject")
#: On the key of `[drs] evidence_key`, if it is one of KMS
SIGN_CALLS: Final = ("kms:GetPublicKey", "kms:Sign")
NOTIFY_CALL: Final = "sns:Publish"

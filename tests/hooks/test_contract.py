"""Every AWS operation, parameter and member that the hooks use exists in botocore's own models."""

from __future__ import annotations

import re

import botocore.session
import pytest

from drs_provider.core.quotas import MAX_SERVERS_PER_START, DrsQuotas
from drs_provider.hooks.drs import drs_requests, quotas
from drs_provider.hooks.drs.drs_requests import (
    MAX_INSTANCE_IDS,
    MAX_JOB_IDS,
    MAX_SERVER_IDS,
)

pytestmark = pytest.mark.contract

SESSION = botocore.session.get_session()

# service, operation, its paginator or None, request members, response members (dots descend, lists included)
OPERATIONS = [
    ("drs", "DescribeSourceServers", "describe_source_servers", ["filters.sourceServerIDs"], ["items.tags"]),
    (
        "drs",
        "DescribeJobs",
        "describe_jobs",
        ["filters.jobIDs", "filters.fromDate"],
        ["items.jobID", "items.status"],
    ),
    ("drs", "DescribeJobLogItems", "describe_job_log_items", ["jobID"], ["items.event"]),
    (
        "drs",
        "DescribeRecoveryInstances",
        "describe_recovery_instances",
        ["filters.sourceServerIDs", "filters.recoveryInstanceIDs"],
        ["items.recoveryInstanceID"],
    ),
    (
        "drs",
        "DescribeRecoverySnapshots",
        "describe_recovery_snapshots",
        ["sourceServerID", "order", "filters.fromDateTime", "filters.toDateTime"],
        ["items.timestamp"],
    ),
    ("drs", "GetLaunchConfiguration", None, ["sourceServerID"], ["sourceServerID", "ec2LaunchTemplateID"]),
    (
        "drs",
        "StartRecovery",
        None,
        ["sourceServers.sourceServerID", "sourceServers.recoverySnapshotID", "isDrill", "tags"],
        ["job.jobID"],
    ),
    ("drs", "TerminateRecoveryInstances", None, ["recoveryInstanceIDs"], ["job.jobID"]),
    (
        "ec2",
        "DescribeInstances",
        "describe_instances",
        ["InstanceIds"],
        ["Reservations.Instances.InstanceId"],
    ),
    (
        "ec2",
        "DescribeSubnets",
        "describe_subnets",
        ["Filters.Name", "Filters.Values"],
        ["Subnets.SubnetId", "Subnets.VpcId", "Subnets.AvailableIpAddressCount", "Subnets.CidrBlock"],
    ),
    (
        "ec2",
        "DescribeLaunchTemplateVersions",
        "describe_launch_template_versions",
        ["LaunchTemplateId", "Versions"],
        [
            "LaunchTemplateVersions.VersionNumber",
            "LaunchTemplateVersions.LaunchTemplateData.InstanceType",
            "LaunchTemplateVersions.LaunchTemplateData.InstanceRequirements",
            "LaunchTemplateVersions.LaunchTemplateData.SecurityGroupIds",
            "LaunchTemplateVersions.LaunchTemplateData.NetworkInterfaces.SecondaryPrivateIpAddressCount",
            "LaunchTemplateVersions.LaunchTemplateData.NetworkInterfaces.Ipv4PrefixCount",
            "LaunchTemplateVersions.LaunchTemplateData.NetworkInterfaces.SubnetId",
            "LaunchTemplateVersions.LaunchTemplateData.NetworkInterfaces.Groups",
            "LaunchTemplateVersions.LaunchTemplateData.NetworkInterfaces.PrivateIpAddress",
            "LaunchTemplateVersions.LaunchTemplateData.NetworkInterfaces.PrivateIpAddresses.PrivateIpAddress",
        ],
    ),
    (
        "ec2",
        "DescribeInstanceTypes",
        "describe_instance_types",
        ["Filters.Name", "Filters.Values"],
        ["InstanceTypes.InstanceType", "InstanceTypes.VCpuInfo.DefaultVCpus"],
    ),
    (
        "ec2",
        "DescribeNetworkInterfaces",
        "describe_network_interfaces",
        ["Filters.Name", "Filters.Values"],
        [
            "NetworkInterfaces.SubnetId",
            "NetworkInterfaces.PrivateIpAddresses.PrivateIpAddress",
            "NetworkInterfaces.Attachment.InstanceId",
        ],
    ),
    (
        "iam",
        "SimulatePrincipalPolicy",
        "simulate_principal_policy",
        [
            "PolicySourceArn",
            "ActionNames",
            "ResourceArns",
            "ContextEntries.ContextKeyName",
            "ContextEntries.ContextKeyType",
            "ContextEntries.ContextKeyValues",
        ],
        [
            "EvaluationResults.EvalActionName",
            "EvaluationResults.EvalResourceName",
            "EvaluationResults.EvalDecision",
            "EvaluationResults.MissingContextValues",
            "EvaluationResults.OrganizationsDecisionDetail.AllowedByOrganizations",
            "EvaluationResults.ResourceSpecificResults.EvalResourceDecision",
            "EvaluationResults.ResourceSpecificResults.MissingContextValues",
        ],
    ),
    ("iam", "GetRole", None, ["RoleName"], ["Role.Arn"]),
    ("sts", "GetCallerIdentity", None, [], ["Account", "Arn"]),
    (
        "sts",
        "AssumeRole",
        None,
        ["RoleArn", "RoleSessionName", "ExternalId"],
        [
            "Credentials.AccessKeyId",
            "Credentials.SecretAccessKey",
            "Credentials.SessionToken",
            "Credentials.Expiration",
        ],
    ),
    (
        "service-quotas",
        "ListServiceQuotas",
        "list_service_quotas",
        ["ServiceCode"],
        ["Quotas.QuotaCode", "Quotas.Value"],
    ),
]


def resolve(shape, path):
    for name in path.split("."):
        while shape.type_name == "list":
            shape = shape.member
        assert name in shape.members, f"{path}: {shape.name} has no {name}"
        shape = shape.members[name]
    return shape


@pytest.mark.parametrize(
    ("service", "operation", "paginator", "request_members", "answer_members"),
    OPERATIONS,
    ids=[row[1] for row in OPERATIONS],
)
def test_operation_exists_as_used(service, operation, paginator, request_members, answer_members):
    model = SESSION.get_service_model(service).operation_model(operation)
    for path in request_members:
        resolve(model.input_shape, path)
    for path in answer_members:
        resolve(model.output_shape, path)
    if paginator:
        assert operation in SESSION.get_paginator_model(service)._paginator_config


@pytest.mark.parametrize(
    ("operation", "path", "limit"),
    [
        ("DescribeJobs", "filters.jobIDs", MAX_JOB_IDS),
        ("DescribeSourceServers", "filters.sourceServerIDs", MAX_SERVER_IDS),
        ("DescribeRecoveryInstances", "filters.recoveryInstanceIDs", MAX_INSTANCE_IDS),
        ("TerminateRecoveryInstances", "recoveryInstanceIDs", MAX_INSTANCE_IDS),
        ("StartRecovery", "sourceServers", MAX_SERVERS_PER_START),
    ],
)
def test_limits_are_the_models(operation, path, limit):
    shape = resolve(SESSION.get_service_model("drs").operation_model(operation).input_shape, path)
    assert shape.metadata["max"] == limit


def test_trap_25_job_status_and_error_names_are_the_models():
    service = SESSION.get_service_model("drs")
    assert "COMPLETED" in service.shape_for("JobStatus").enum
    errors = {shape.name for shape in service.operation_model("StartRecovery").error_shapes}
    assert {
        "ConflictException",
        "InternalServerException",
        "ServiceQuotaExceededException",
        "ThrottlingException",
        "UninitializedAccountException",
    } == errors
    assert "retryAfterSeconds" in service.shape_for("ThrottlingException").members


def test_start_recovery_still_has_no_client_token():
    shape = SESSION.get_service_model("drs").operation_model("StartRecovery").input_shape
    assert set(shape.members) == {"sourceServers", "isDrill", "tags"}


def test_date_filters_have_the_form_that_is_sent():
    shape = SESSION.get_service_model("drs").shape_for("ISO8601DatetimeString")
    assert re.fullmatch(shape.metadata["pattern"], drs_requests.drs_time(1_700_000_000.5))


def test_quota_codes_are_distinct_fields():
    names = list(quotas._CODES.values())
    assert len(set(names)) == len(names)
    assert set(names) <= set(DrsQuotas.__dataclass_fields__)

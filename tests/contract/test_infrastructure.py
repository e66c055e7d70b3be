"""The templates of infrastructure/: clean to cfn-lint, deployed to moto, and with the rights that the code says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from cfnlint.api import lint
from cfnlint.decode import cfn_yaml
from moto import mock_aws

from docs.make import probe
from drs_provider.core import rights
from drs_provider.history.table import INDEX_FIELDS
from tests.contract.repository import REPOSITORY

pytestmark = pytest.mark.contract

HUB, ACCOUNT = "hub.yaml", "recovery-account.yaml"
AIRFLOW = "arn:aws:iam::111122223333:role/airflow-dr"


def template(name: str) -> str:
    return (REPOSITORY / "infrastructure" / name).read_text(encoding="utf-8")


@pytest.fixture
def aws() -> Iterator[Any]:
    """Make clients of a simulated account."""
    with mock_aws():
        yield lambda service: boto3.client(
            service, region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing"
        )


def deploy(aws: Any, text: str, **parameters: str) -> dict[str, str]:
    cloudformation = aws("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation.create_stack(
        StackName="made", TemplateBody=text, Parameters=given, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    (stack,) = cloudformation.describe_stacks(StackName="made")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def granted(document: dict[str, Any]) -> dict[str, set[str]]:
    return {
        row["Sid"]: {row["Action"]} if isinstance(row["Action"], str) else set(row["Action"])
        for row in document["Statement"]
    }


def policies(aws: Any, role: str) -> dict[str, dict[str, Any]]:
    iam = aws("iam")
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return {name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names}


@pytest.mark.filterwarnings("ignore:Tried to parse AWS..S3..BucketPolicy:UserWarning")  # moto leaves it out
def test_the_hub_has_table_bucket_topic_and_policy(aws: Any) -> None:
    aws("iam").create_role(RoleName="airflow-dr", AssumeRolePolicyDocument="{}")
    roles = "arn:aws:iam::222233334444:role/DRSOrchestrationRole,arn:aws:iam::333344445555:role/Other"
    made = deploy(
        aws,
        template(HUB),
        ReportBucketName="dr-evidence",
        RecoveryRoleArns=roles,
        AirflowRoleNames="airflow-dr",
        HistoryTableName="from-template",
    )
    table = aws("dynamodb").describe_table(TableName=made["HistoryTable"])["Table"]
    assert {index["IndexName"] for index in table["GlobalSecondaryIndexes"]} == set(INDEX_FIELDS)
    assert table["DeletionProtectionEnabled"] is True
    assert made["ReportsPath"] == "s3://aws_dr@dr-evidence/reports"
    assert aws("sns").get_topic_attributes(TopicArn=made["TopicArn"])["Attributes"]["KmsMasterKeyId"]
    iam = aws("iam")
    (attached,) = iam.list_attached_role_policies(RoleName="airflow-dr")["AttachedPolicies"]
    assert attached["PolicyArn"] == made["AirflowPolicyArn"]
    version = iam.get_policy_version(PolicyArn=attached["PolicyArn"], VersionId="v1")["PolicyVersion"]
    by_sid = {row["Sid"]: row for row in version["Document"]["Statement"]}
    assert by_sid["RecoveryRoles"]["Resource"] == roles.split(",")
    # moto makes every key of a template a symmetric one.
    assert "KeySpec: ECC_NIST_P256\n      KeyUsage: SIGN_VERIFY" in template(HUB)
    assert by_sid["Signatures"]["Resource"] == made["EvidenceKey"]
    assert by_sid["History"]["Resource"] == [table["TableArn"], f"{table['TableArn']}/index/*"]
    assert granted(version["Document"]) == {
        "RecoveryRoles": {"sts:AssumeRole"},
        "History": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"},
        "Signatures": {"kms:GetPublicKey", "kms:Sign"},
        "Reports": {"s3:GetObject", "s3:PutObject"},
        "BucketOfReports": {"s3:GetBucketObjectLockConfiguration", "s3:ListBucket"},
        "Messages": {"sns:Publish"},
        "Metrics": {"cloudwatch:PutMetricData"},
    }


def test_reports_are_kept_from_change_and_from_the_public() -> None:
    # Moto makes the bucket without these.
    resources = cfn_yaml.loads(template(HUB))["Resources"]
    bucket = resources["ReportBucket"]["Properties"]
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    lock = bucket["ObjectLockConfiguration"]
    assert lock["ObjectLockEnabled"] == "Enabled"
    assert lock["Rule"]["DefaultRetention"] == {
        "Mode": {"Ref": "ReportRetentionMode"},
        "Days": {"Ref": "ReportRetentionDays"},
    }
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    (refused,) = resources["ReportBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (refused["Effect"], refused["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    for kept in ("ExecutionHistory", "ReportBucket"):
        assert resources[kept]["DeletionPolicy"] == "Retain" == resources[kept]["UpdateReplacePolicy"]


def test_the_recovery_role_trusts_airflow_alone_and_may_what_the_code_says(aws: Any) -> None:
    made = deploy(aws, template(ACCOUNT), AirflowPrincipalArns=AIRFLOW, ExternalId="erp-dr-7f3a")
    role = aws("iam").get_role(RoleName="DRSOrchestrationRole")["Role"]
    assert made["RoleArn"] == role["Arn"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": [AIRFLOW]}
    assert trust["Condition"] == {"StringEquals": {"sts:ExternalId": "erp-dr-7f3a"}}
    documents = policies(aws, "DRSOrchestrationRole")
    assert set(documents) == {"recovery"}
    assert granted(documents["recovery"]) == {
        "WhatThisProviderCalls": {*rights.OWN_CALLS, rights.START, *rights.DONE_WITHOUT},
        "WhatDrsReadsAsTheCaller": set(rights.READ_BY_DRS),
        "WhatDrsDoesAsTheCaller": set(rights.DONE_BY_DRS),
        "RolesOfTheInstances": {rights.PASS_ROLE},
    }
    passed = documents["recovery"]["Statement"][-1]["Resource"]
    assert passed == [f"arn:aws:iam::123456789012:role/{name}" for name in rights.PASSED_ROLES]


def test_steps_get_their_rights_where_a_parameter_names_something(aws: Any) -> None:
    function = "arn:aws:lambda:eu-west-1:222233334444:function:dr-*"
    zone = "arn:aws:route53:::hostedzone/Z0ERPEXAMPLE"
    deploy(
        aws,
        template(ACCOUNT),
        AirflowPrincipalArns=AIRFLOW,
        ExternalId="erp-dr-7f3a",
        StepsLambdaArns=function,
        StepsDnsChangeArns=zone,
        StepsCloudwatchAlarmArns="*",
        InstanceRoleArns="arn:aws:iam::222233334444:role/erp-instances",
    )
    documents = policies(aws, "DRSOrchestrationRole")
    assert granted(documents.pop("instance-roles")) == {"RolesOfYourInstances": {rights.PASS_ROLE}}
    del documents["recovery"]
    assert {
        (row["Sid"], *row["Action"], *([row["Resource"]] if row["Resource"] == "*" else row["Resource"]))
        for document in documents.values()
        for row in document["Statement"]
    } == {
        ("StepsLambdaOnNamed", "lambda:InvokeFunction", function),
        ("StepsDnsChangeOnNamed", "route53:ChangeResourceRecordSets", zone),
        ("StepsLambda", "lambda:GetFunctionConfiguration", "*"),
        ("StepsDnsChange", "route53:GetChange", "route53:GetHostedZone", "*"),
        ("StepsCloudwatchAlarm", "cloudwatch:DescribeAlarms", "*"),
    }


@pytest.mark.parametrize(
    "text", [template(HUB), template(ACCOUNT), probe.template()], ids=[HUB, ACCOUNT, "probe"]
)
def test_cfn_lint_finds_nothing(text: str) -> None:
    assert [match.message for match in lint(text)] == []


def test_cfn_lint_is_seen_to_find_something() -> None:
    assert lint(json.dumps({"Resources": {"Bucket": {"Type": "AWS::S3::Buckett"}}}))

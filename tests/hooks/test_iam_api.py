from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import DrsAccessDeniedError
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.iam_api import IamApi, NoPrincipalError, Right, RightsQuestion
from tests.hooks.conftest import SESSION_NAME
from tests.hooks.scripted_aws import HUB_ACCOUNT, HUB_KEY, Raw, Refusal

QUESTION = RightsQuestion(("ec2:RunInstances", "drs:StartRecovery"))


def answer(*results: str, marker: str = "") -> Raw:
    end = f"<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>" if marker else ""
    return Raw(
        (
            '<SimulatePrincipalPolicyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            f"<SimulatePrincipalPolicyResult><EvaluationResults>{''.join(results)}</EvaluationResults>{end}"
            "</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
        ).encode()
    )


def result(action: str, decision: str, more: str = "") -> str:
    return (
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>*</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision>{more}</member>"
    )


def asked(aws, operation="SimulatePrincipalPolicy"):
    return aws.calls_of(operation)[-1].body


def test_verdicts_of_all_pages(aws, own_clients):
    missing = "<MissingContextValues><member>aws:ResourceTag/App</member></MissingContextValues>"
    refused = (
        "<OrganizationsDecisionDetail><AllowedByOrganizations>false</AllowedByOrganizations>"
        "</OrganizationsDecisionDetail>"
    )
    aws.answer(
        "SimulatePrincipalPolicy",
        answer(result("ec2:RunInstances", "implicitDeny", missing), marker="m"),
        answer(result("drs:StartRecovery", "explicitDeny", refused), result("ec2:CreateTags", "allowed")),
    )
    assert IamApi(own_clients).simulate(QUESTION) == [
        Right("ec2:RunInstances", "*", allowed=False, missing_context=("aws:ResourceTag/App",)),
        Right("drs:StartRecovery", "*", allowed=False, explicit=True, organization_denies=True),
        Right("ec2:CreateTags", "*", allowed=True),
    ]


def test_verdicts_of_each_resource(aws, own_clients):
    specific = (
        "<ResourceSpecificResults><member><EvalResourceName>arn:a</EvalResourceName>"
        "<EvalResourceDecision>allowed</EvalResourceDecision></member>"
        "<member><EvalResourceName>arn:b</EvalResourceName>"
        "<EvalResourceDecision>implicitDeny</EvalResourceDecision></member></ResourceSpecificResults>"
    )
    aws.answer("SimulatePrincipalPolicy", answer(result("iam:PassRole", "implicitDeny", specific)))
    rights = IamApi(own_clients).simulate(RightsQuestion(("iam:PassRole",), ("arn:a", "arn:b")))
    assert [(right.resource, right.allowed) for right in rights] == [("arn:a", True), ("arn:b", False)]


def test_a_user_is_asked_about_as_itself_and_conditions_are_told(aws, own_clients):
    aws.answer("SimulatePrincipalPolicy", answer(result("ec2:RunInstances", "allowed")))
    IamApi(own_clients).simulate(
        RightsQuestion(("ec2:RunInstances",), context={"aws:ViaAWSService": ("boolean", "true")})
    )
    body = asked(aws)
    assert body["PolicySourceArn"] == f"arn:aws:iam::{HUB_ACCOUNT}:user/airflow"
    assert body["ContextEntries.member.1.ContextKeyName"] == "aws:ViaAWSService"
    assert body["ContextEntries.member.1.ContextKeyValues.member.1"] == "true"


def test_the_planned_role_is_asked_about_with_its_path(aws, connect):
    connect()
    target = AwsTarget("branch", "aws_dr", "222233334444", "eu-west-1", role="dr/DRSOrchestrationRole")
    aws.answer("SimulatePrincipalPolicy", answer(result("ec2:RunInstances", "allowed")))
    IamApi(AwsClients(target, SESSION_NAME)).simulate(QUESTION)
    assert asked(aws)["PolicySourceArn"] == "arn:aws:iam::222233334444:role/dr/DRSOrchestrationRole"


def test_a_role_of_unknown_path_is_looked_up_once(aws, own_clients):
    aws.identities[HUB_KEY] = (HUB_ACCOUNT, f"arn:aws:sts::{HUB_ACCOUNT}:assumed-role/airflow-dr/i-1")
    found = f"arn:aws:iam::{HUB_ACCOUNT}:role/machines/airflow-dr"
    aws.answer(
        "SimulatePrincipalPolicy",
        Refusal("NoSuchEntity", 404),
        answer(result("ec2:RunInstances", "allowed")),
    )
    aws.answer(
        "GetRole",
        Raw(
            (
                '<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role>'
                f"<Arn>{found}</Arn></Role></GetRoleResult></GetRoleResponse>"
            ).encode()
        ),
    )
    iam = IamApi(own_clients)
    iam.simulate(QUESTION)
    iam.simulate(QUESTION)
    assert asked(aws, "GetRole")["RoleName"] == "airflow-dr"
    assert asked(aws)["PolicySourceArn"] == found
    assert aws.operations("iam") == [
        "SimulatePrincipalPolicy",
        "GetRole",
        "SimulatePrincipalPolicy",
        "SimulatePrincipalPolicy",
    ]


@pytest.mark.parametrize("resource", ["root", "federated-user/somebody"])
def test_whoever_has_no_policies_is_told(aws, own_clients, resource):
    aws.identities[HUB_KEY] = (HUB_ACCOUNT, f"arn:aws:iam::{HUB_ACCOUNT}:{resource}")
    with pytest.raises(NoPrincipalError, match=resource):
        IamApi(own_clients).simulate(QUESTION)
    assert aws.operations("iam") == []


def test_not_being_allowed_to_ask_names_the_call(aws, own_clients):
    aws.answer("SimulatePrincipalPolicy", Refusal("AccessDenied", 403))
    with pytest.raises(DrsAccessDeniedError, match="SimulatePrincipalPolicy was denied"):
        IamApi(own_clients).simulate(QUESTION)


def test_an_iam_that_does_not_answer_is_given_up_soon(aws, own_clients):
    aws.answer("SimulatePrincipalPolicy", Refusal("ServiceFailure", 500))
    with pytest.raises(ClientError):
        IamApi(own_clients).simulate(QUESTION)
    assert len(aws.calls_of("SimulatePrincipalPolicy")) == 2


def test_a_result_without_a_decision_is_no_verdict(aws, own_clients):
    aws.answer("SimulatePrincipalPolicy", answer("<member><EvalActionName>a:b</EvalActionName></member>"))
    with pytest.raises(ValueError, match="without action or decision"):
        IamApi(own_clients).simulate(QUESTION)

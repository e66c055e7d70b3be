from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from drs_provider.core import rights
from drs_provider.exceptions import DrsAccessDeniedError
from drs_provider.hooks.iam_api import NoPrincipalError, Right, RightsQuestion
from drs_provider.preflight.findings import Severity
from tests.preflight.world import FakeAws, aws_error, check, codes, found, healthy

RUN = "ec2:RunInstances"


def _denies(action: str, **fields: object) -> FakeAws:
    aws = healthy()
    aws.denied[action] = Right(action, "*", allowed=False, **fields)  # type: ignore[arg-type]
    return aws


@pytest.mark.parametrize("action", [RUN, "drs:StartRecovery", "drs:TagResource", "iam:PassRole"])
def test_a_missing_right_blocks_unless_overridden(action: str) -> None:
    aws = _denies(action)
    finding = found(check(aws), "rights_missing")
    assert finding in check(aws).report.blocking
    assert action in finding.message
    assert "arn:aws:iam::111122223333:user/hub" in finding.message
    assert check(aws, preflight="warn").report.ok


def test_a_denial_by_the_organization_is_told() -> None:
    aws = _denies(RUN, organization_denies=True)
    assert "service control policy" in found(check(aws), "rights_missing").message


def test_many_missing_rights_are_counted() -> None:
    aws = healthy()
    aws.denied = {action: Right(action, "*", allowed=False) for action in rights.DONE_BY_DRS}
    assert f"and {len(rights.DONE_BY_DRS) - 12} more" in found(check(aws), "rights_missing").message


def test_a_condition_that_cannot_be_simulated_warns() -> None:
    report = check(_denies(RUN, missing_context=("aws:ResourceTag/App",))).report
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("rights_conditional", Severity.WARN)
    assert "aws:ResourceTag/App" in finding.message


def test_an_explicit_denial_is_no_matter_of_conditions() -> None:
    aws = _denies(RUN, missing_context=("aws:ResourceTag/App",), explicit=True)
    assert codes(check(aws).report.blocking) == ["rights_missing"]


def test_a_right_on_the_accounts_own_resources_suffices() -> None:
    class Narrow(FakeAws):
        def simulate(self, question: RightsQuestion) -> list[Right]:
            granted = question.resources[0].startswith("arn:aws:ec2:eu-west-1:111122223333:")
            return [Right(a, question.resources[0], a != RUN or granted) for a in question.actions]

    aws = Narrow(healthy().servers)
    assert check(aws).report.findings == ()


@pytest.mark.parametrize(
    "error",
    [
        DrsAccessDeniedError("SimulatePrincipalPolicy was denied to somebody"),
        NoPrincipalError("arn:aws:iam::111122223333:root is neither a user nor a role"),
    ],
)
def test_trap_04_rights_that_may_not_be_asked_for_are_no_ok(error: Exception) -> None:
    aws = healthy()
    aws.errors["simulate"] = error
    report = check(aws).report
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("rights_not_checked", Severity.INFO)
    assert str(error) in finding.message


def test_trap_04_an_iam_that_does_not_answer_warns_and_names_the_call() -> None:
    aws = healthy()
    aws.errors["simulate"] = aws_error("SimulatePrincipalPolicy")
    report = check(aws).report
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("could_not_be_checked", Severity.WARN)
    assert "SimulatePrincipalPolicy" in finding.message


def test_the_policy_of_the_documentation_has_exactly_these_rights() -> None:
    page = (Path(__file__).parents[2] / "docs" / "iam.md").read_text(encoding="utf-8")
    section = page.partition("## Policy of the recovery role")[2]
    policy = json.loads(re.search(r"```json\n(.*?)```", section, re.DOTALL)[1])  # type: ignore[index]
    granted: dict[str, set[str]] = {}
    for statement in policy["Statement"]:
        actions = statement["Action"]
        granted[statement["Sid"]] = {actions} if isinstance(actions, str) else set(actions)
    assert granted == {
        "WhatThisProviderCalls": {*rights.OWN_CALLS, rights.START, *rights.DONE_WITHOUT},
        "WhatDrsReadsAsTheCaller": set(rights.READ_BY_DRS),
        "WhatDrsDoesAsTheCaller": set(rights.DONE_BY_DRS),
        "RolesOfTheInstances": {"iam:PassRole"},
    }

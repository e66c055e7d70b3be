"""What the identity of a target may do, as IAM's policy simulation tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.core.account import AwsTarget
from drs_provider.hooks.aws.chunks import chunks
from drs_provider.hooks.aws.clients import AwsClients
from drs_provider.hooks.aws.errors import error_code, explained, required_member
from drs_provider.partitions import role_arn

Row = dict[str, Any]

# IAM documents no limit; one question stays well below the size of a request, and of a page of answers.
_ACTIONS_A_CALL = 50
_RESOURCES_A_CALL = 20


class NoPrincipalError(ValueError):
    """The caller is neither a user nor a role, so that no policies can be simulated for it."""


@dataclass(frozen=True)
class RightsQuestion:
    """Actions that an identity needs on resources.

    :param resources: ARNs, or ``*`` for any
    :param context: condition keys that hold during the calls: key → (type, value), such as
        ``{"aws:ViaAWSService": ("boolean", "true")}``
    """

    actions: tuple[str, ...]
    resources: tuple[str, ...] = ("*",)
    context: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Right:
    """IAM's verdict on one action.

    :param missing_context: condition keys that the policies ask for and the question did not tell
    :param organization_denies: whether a service control policy is what denies
    """

    action: str
    resource: str
    allowed: bool
    explicit: bool = False
    missing_context: tuple[str, ...] = ()
    organization_denies: bool = False

    @classmethod
    def from_api(cls, row: Mapping[str, Any]) -> Right:
        """Read one of ``EvaluationResults``.

        :raises ValueError: if it has no action or no decision
        """
        decision, action = row.get("EvalDecision"), row.get("EvalActionName")
        if not decision or not action:
            raise ValueError(
                f"SimulatePrincipalPolicy sent a result without action or decision: {dict(row)!r}"
            )
        organization = row.get("OrganizationsDecisionDetail") or {}
        return cls(
            action=action,
            resource=row.get("EvalResourceName") or "*",
            allowed=decision == "allowed",
            explicit=decision == "explicitDeny",
            missing_context=tuple(row.get("MissingContextValues") or ()),
            organization_denies=organization.get("AllowedByOrganizations") is False,
        )


class IamApi:
    """IAM of one target; errors as of :class:`~drs_provider.hooks.drs.drs_api.DrsApi`.

    IAM answers from one Region for the whole world. A recovery must not wait for it: calls give up soon.
    """

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._principal: str | None = None

    @property
    def target(self) -> AwsTarget:
        """The account context of every call."""
        return self._clients.target

    @property
    def caller_arn(self) -> str:
        """ARN of the identity as STS tells it."""
        return self._clients.caller_arn

    def simulate(self, question: RightsQuestion) -> list[Right]:
        """Return IAM's verdict on each action and resource of a question.

        :raises NoPrincipalError: if the caller is neither user nor role
        :raises DrsAccessDeniedError: if the identity may not ask
        """
        rights: list[Right] = []
        for actions in chunks(question.actions, _ACTIONS_A_CALL):
            for resources in chunks(question.resources, _RESOURCES_A_CALL):
                rights.extend(self._simulated(actions, resources, question.context))
        return rights

    def _simulated(
        self, actions: list[str], resources: list[str], context: Mapping[str, tuple[str, str]]
    ) -> Iterator[Right]:
        entries = [
            {"ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": [value]}
            for key, (kind, value) in context.items()
        ]
        request: Row = {"ActionNames": actions, "ResourceArns": resources, "ContextEntries": entries}
        for row in self._answers(request):
            yield from _rights(row)

    def _answers(self, request: Row) -> list[Row]:
        principal = self._principal or self._likely_principal()
        try:
            rows = self._pages({**request, "PolicySourceArn": principal})
        except ClientError as error:
            if error_code(error) != "NoSuchEntity" or self._principal:
                raise
            # STS tells a role without its path.
            principal = self._role_arn(principal.rpartition("/")[2])
            rows = self._pages({**request, "PolicySourceArn": principal})
        self._principal = principal
        return rows

    def _likely_principal(self) -> str:
        """Return the ARN of the user or role that the caller is.

        :raises NoPrincipalError: if it is neither
        """
        partition, account, resource = _parts(self.caller_arn)
        kind, _, name = resource.partition("/")
        if kind == "user":
            return self.caller_arn
        role = name.partition("/")[0]
        if kind != "assumed-role" or not role:
            raise NoPrincipalError(f"{self.caller_arn} is neither a user nor a role")
        planned = role_arn(self.target)
        if planned and planned.rpartition("/")[2] == role:
            return planned
        return f"arn:{partition}:iam::{account}:role/{role}"

    def _role_arn(self, name: str) -> str:
        with explained(self.target, self.caller_arn):
            answer = self._clients.fail_fast_client("iam").get_role(RoleName=name)
        return str(required_member(required_member(answer, "Role", "GetRole"), "Arn", "GetRole"))

    def _pages(self, request: Row) -> list[Row]:
        paginator = self._clients.fail_fast_client("iam").get_paginator("simulate_principal_policy")
        rows: list[Row] = []
        with explained(self.target, self.caller_arn):
            for page in paginator.paginate(**request):
                rows.extend(required_member(page, "EvaluationResults", "SimulatePrincipalPolicy"))
        return rows


def _rights(row: Row) -> Iterator[Right]:
    """Yield the verdicts of a result; with several resources IAM tells each one's besides the whole's."""
    specific = row.get("ResourceSpecificResults") or []
    if not specific:
        yield Right.from_api(row)
    for item in specific:
        told = {
            "EvalActionName": row.get("EvalActionName"),
            "EvalResourceName": item.get("EvalResourceName"),
            "EvalDecision": item.get("EvalResourceDecision"),
            "MissingContextValues": item.get("MissingContextValues"),
            "OrganizationsDecisionDetail": row.get("OrganizationsDecisionDetail"),
        }
        yield Right.from_api(told)


def _parts(arn: str) -> tuple[str, str, str]:
    pieces: Sequence[str] = arn.split(":", 5)
    if len(pieces) != 6:
        raise NoPrincipalError(f"{arn!r} is no ARN")
    return pieces[1], pieces[4], pieces[5]

"""Whether the target's identity may do what DRS does in its name: a missing right shows late, as a failed launch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from drs_provider.core.texts import named
from drs_provider.exceptions import DrsAccessDeniedError
from drs_provider.hooks.iam_api import NoPrincipalError, Right, RightsQuestion
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.rights import questions
from drs_provider.preflight.scope import TargetScope

_MAX_ACTIONS = 12


def rights(scope: TargetScope) -> Iterator[Finding]:
    """Yield findings about rights that IAM's simulation denies; a note if the identity may not ask for it."""
    try:
        denied = list(_denied(scope))
    except (DrsAccessDeniedError, NoPrincipalError) as error:
        yield scope.run.finding(
            "rights_not_checked",
            scope.subject,
            f"whether {scope.reads.iam.caller_arn} has the rights that DRS needs was not checked: {error}",
            "Grant it iam:SimulatePrincipalPolicy and iam:GetRole on itself, if that shall be checked.",
        )
        return
    uncertain = [right for right in denied if right.missing_context and not right.explicit]
    missing = [right for right in denied if right not in uncertain]
    if missing:
        yield _missing(scope, missing)
    if uncertain:
        yield _uncertain(scope, uncertain)


def _denied(scope: TargetScope) -> Iterator[Right]:
    iam = scope.reads.iam
    arns = tuple(server.arn for server in scope.servers if server.arn)
    for question in questions(scope.target, iam.caller_arn, arns):
        denied = [right for right in iam.simulate(question) if not right.allowed]
        doubtful = [right for right in denied if _may_be_narrowed(right)]
        granted = set(_granted_in_place(scope, question, doubtful))
        yield from (right for right in denied if right.action not in granted)


def _may_be_narrowed(right: Right) -> bool:
    return right.resource == "*" and not (
        right.explicit or right.organization_denies or right.missing_context
    )


def _granted_in_place(scope: TargetScope, question: RightsQuestion, doubtful: list[Right]) -> Iterator[str]:
    """Yield the actions that are denied on ``*``, but granted on whatever is in the account and Region."""
    by_service: dict[str, list[str]] = {}
    for right in doubtful:
        by_service.setdefault(right.action.partition(":")[0], []).append(right.action)
    partition = scope.reads.iam.caller_arn.split(":", 2)[1]
    for service, actions in by_service.items():
        anything = f"arn:{partition}:{service}:{scope.target.region}:{scope.target.account_id}:*/*"
        again = replace(question, actions=tuple(actions), resources=(anything,))
        yield from (right.action for right in scope.reads.iam.simulate(again) if right.allowed)


def _missing(scope: TargetScope, denied: list[Right]) -> Finding:
    refused = " A service control policy denies them." if any(r.organization_denies for r in denied) else ""
    return scope.run.finding(
        "rights_missing",
        scope.subject,
        f"{scope.reads.iam.caller_arn} lacks rights in {scope.place}: {_told(denied)}.{refused} DRS works with the "
        "rights of its caller: without them jobs run and bring up no instance",
        "Add them to the identity's policies (docs/iam.md); if they are granted in a way that IAM's simulation does "
        "not show, start with preflight: warn.",
    )


def _uncertain(scope: TargetScope, denied: list[Right]) -> Finding:
    keys = sorted({key for right in denied for key in right.missing_context})
    return scope.run.finding(
        "rights_conditional",
        scope.subject,
        f"whether {scope.reads.iam.caller_arn} has these rights depends on conditions that cannot be simulated "
        f"({', '.join(keys)}): {_told(denied)}",
        "Compare the policies' conditions with what DRS does, or show it by a drill.",
    )


def _told(rights_: Iterable[Right]) -> str:
    return named(list(dict.fromkeys(_name(right) for right in rights_)), _MAX_ACTIONS)


def _name(right: Right) -> str:
    return right.action if right.resource == "*" else f"{right.action} on {right.resource}"

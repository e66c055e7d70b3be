"""A check that could not be done is a finding, never a silent pass, and ends no other check."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from airflow.sdk.exceptions import AirflowException

from drs_provider.core.account import AwsTarget
from drs_provider.core.states import ExecutionType
from drs_provider.exceptions import (
    DrsAccessDeniedError,
    DrsConfigurationError,
    DrsConnectionInvalidError,
    DrsConnectionMissingError,
    DrsIdentityError,
    DrsIdentityUnprovenError,
    DrsNotInitializedError,
)
from drs_provider.hooks.aws.errors import AWS_ERRORS, is_transient
from drs_provider.preflight.catalog import found
from drs_provider.preflight.findings import Finding
from drs_provider.preflight.scope import target_subject

log = logging.getLogger(__name__)

#: What reading AWS can end in; anything else is a fault of this package.
READ_ERRORS = (AirflowException, *AWS_ERRORS, OSError, ValueError)

# These say whose account it would be, or that nothing can be known at all: never overridable, wherever they appear.
_IDENTITY: dict[type[Exception], tuple[str, str]] = {
    DrsConnectionMissingError: (
        "connection_missing",
        "Create Airflow connection {connection} with type aws, or correct targets.{name}.connection.",
    ),
    DrsConnectionInvalidError: (
        "connection_invalid",
        "Give Airflow connection {connection} the type aws, or correct targets.{name}.connection.",
    ),
    DrsNotInitializedError: (
        "drs_not_initialized",
        "Initialize DRS in account {account_id}, Region {region}, or correct targets.{name} of the plan.",
    ),
    DrsConfigurationError: (
        "configuration_wrong",
        "Correct the option in section [drs] of Airflow's configuration, or in AIRFLOW__DRS__<OPTION>.",
    ),
}


def guarded(
    kind: ExecutionType,
    topic: str,
    target: AwsTarget | None,
    find: Callable[[], Iterable[Finding]],
    *,
    overridable: bool,
    only_warns: bool = False,
    depending: Sequence[str] = (),
) -> list[Finding]:
    """Return what a check finds; where AWS cannot be read, or the check itself breaks, that is a finding too.

    :param kind: of the execution
    :param topic: what is checked
    :param target: None for a check of the whole plan
    :param overridable: whether ``preflight: warn`` covers that the check could not be done
    :param only_warns: whether it does not stop the execution that the check could not be done
    :param depending: topics of the checks that cannot be done either
    """
    findings: list[Finding] = []
    try:
        for finding in find():
            findings.append(finding)  # one by one: what was found before an error stays found
    except Exception as error:
        if not isinstance(error, READ_ERRORS):
            log.exception("The check of %s is broken", topic)
        findings.append(
            (_known_cause(kind, target, error) if target else None)
            or _undone(
                kind,
                topic,
                target,
                error,
                covered=overridable and not only_warns,
                milder=only_warns,
                depending=depending,
            )
        )
    return findings


def _known_cause(kind: ExecutionType, target: AwsTarget, error: Exception) -> Finding | None:
    if isinstance(error, (DrsIdentityError, DrsIdentityUnprovenError)):
        return found(
            kind,
            "identity_not_proven",
            target_subject(target),
            error.message,
            error.remedy,
            passing=isinstance(error, DrsIdentityUnprovenError) and error.passing,
        )
    for cause, (code, remedy) in _IDENTITY.items():
        if isinstance(error, cause):
            told = remedy.format(
                name=target.name,
                connection=target.connection,
                account_id=target.account_id,
                region=target.region,
            )
            return found(kind, code, target_subject(target), str(error), told)
    return None


def _undone(
    kind: ExecutionType,
    topic: str,
    target: AwsTarget | None,
    error: Exception,
    *,
    covered: bool,
    milder: bool,
    depending: Sequence[str],
) -> Finding:
    also = f". Not checked either: {', '.join(dict.fromkeys(depending))}" if depending else ""
    return found(
        kind,
        "could_not_be_checked",
        target_subject(target) if target else "plan",
        f"{topic} could not be checked: {explanation(error)}{also}",
        _remedy(error, target, overridable=covered),
        milder=milder,
        covered=covered,
        passing=is_transient(error),
    )


def explanation(error: Exception) -> str:
    """Return which call failed and why; botocore's texts name the call."""
    if isinstance(error, (DrsAccessDeniedError, ValueError)):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _remedy(error: Exception, target: AwsTarget | None, *, overridable: bool) -> str:
    if target is None or not isinstance(error, READ_ERRORS):
        remedy = (
            "The check itself broke, which is a fault of this package: report it with the log of prepare."
        )
    elif isinstance(error, DrsAccessDeniedError):
        remedy = f"Give the identity of target {target.name} this right."
    else:
        remedy = f"Check that account {target.account_id}, Region {target.region} answers, then start again."
    return f"{remedy} Or start with preflight: warn, which skips this check." if overridable else remedy

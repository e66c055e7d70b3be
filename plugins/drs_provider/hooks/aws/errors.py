"""What an AWS error means to a caller, and the sentences for those that people must act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    LoginError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    ProxyConnectionError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from drs_provider.core.account import AwsTarget
from drs_provider.exceptions import (
    DrsAccessDeniedError,
    DrsFailError,
    DrsIdentityUnprovenError,
    DrsIncompleteAnswerError,
    DrsNotInitializedError,
)

#: What a call to AWS may end in. A body that cannot be read (a proxy's page, an answer cut off) is none of botocore's
#: other errors. Credentials that cannot be renewed are ours, see :mod:`drs_provider.hooks.aws.identity`.
AWS_ERRORS = (BotoCoreError, ClientError, DrsIdentityUnprovenError, ResponseParserError)

_THROTTLES = frozenset(
    {
        "EC2ThrottledException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_EXPIRED_TOKENS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_ACCESS_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_SERVICE_FAULTS = frozenset(
    {"InternalError", "InternalFailure", "InternalServerException", "ServiceUnavailable", "Unavailable"}
)
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    DrsIdentityUnprovenError,
    LoginError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    SSOError,
    TokenRetrievalError,
)
_NEVER_SENT = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, *_NO_CREDENTIALS)


def error_code(error: BaseException) -> str:
    """Return AWS's error code, or an empty text if AWS gave none."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def http_status(error: BaseException) -> int:
    """Return the HTTP status of AWS's answer, or 0 if there was none."""
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return 0


def is_conflict(error: BaseException) -> bool:
    """True if DRS refused because a server or an instance is busy with another job."""
    return error_code(error) == "ConflictException"


def is_quota_exceeded(error: BaseException) -> bool:
    """True if DRS refused because a quota of the account is used up."""
    return error_code(error) == "ServiceQuotaExceededException"


def is_not_found(error: BaseException) -> bool:
    """True if DRS does not know what was asked for."""
    return error_code(error) == "ResourceNotFoundException"


def is_throttle(error: BaseException) -> bool:
    """True if AWS refused before doing anything, because there were too many requests."""
    return error_code(error) in _THROTTLES or http_status(error) == 429


def is_expired_token(error: BaseException) -> bool:
    """True if the session credentials have expired; a fresh session cures it."""
    return error_code(error) in _EXPIRED_TOKENS


def is_access_denied(error: BaseException) -> bool:
    """True if the identity lacks a right."""
    return error_code(error) in _ACCESS_DENIED


def is_transient(error: BaseException) -> bool:
    """True if the same call may succeed later: AWS did not answer, or the credentials for it cannot be had now."""
    if is_throttle(error) or is_expired_token(error):
        return True
    if error_code(error) in _SERVICE_FAULTS or http_status(error) >= 500:
        return True
    return isinstance(
        error,
        (
            *_NO_CREDENTIALS,
            BotoConnectionError,
            ConnectionError,
            DrsIncompleteAnswerError,
            HTTPClientError,
            ResponseParserError,
            TimeoutError,
        ),
    )


def is_outcome_unknown(error: BaseException) -> bool:
    """True if a call that changes something may have taken effect although it failed.

    The answer was lost (read timeout, reset, cut-off body) or is a fault of the service itself. The caller
    must look at the actual state before it calls again. A connection that was never made, a call that could not
    be signed, throttling and every other refusal are certain: nothing happened.
    """
    if isinstance(error, _NEVER_SENT) or is_throttle(error) or is_expired_token(error):
        return False
    return is_transient(error)


def retry_after_seconds(error: BaseException) -> float | None:
    """Return how long AWS asks to wait, in seconds, or None if it does not say."""
    if not isinstance(error, ClientError):
        return None
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    text = error.response.get("retryAfterSeconds") or headers.get("retry-after")
    try:
        seconds = float(text)
    except (TypeError, ValueError):
        return None
    return seconds if seconds >= 0 else None


def explain(error: ClientError, target: AwsTarget, caller_arn: str) -> DrsFailError | None:
    """Return the error that tells people what to do, or None if nobody must act."""
    message = error.response.get("Error", {}).get("Message", "")
    if error_code(error) == "UninitializedAccountException":
        return DrsNotInitializedError(
            f"{error.operation_name}: AWS Elastic Disaster Recovery is not initialized in account "
            f"{target.account_id}, Region {target.region} (target {target.name!r}). Initialize it there "
            "(DRS console, or `aws drs initialize-service`), or correct the target's account_id and region: "
            "a wrong account or Region looks the same."
        )
    if is_access_denied(error):
        return DrsAccessDeniedError(
            f"{error.operation_name} was denied to {caller_arn} in account {target.account_id}, Region "
            f"{target.region} (target {target.name!r}): {message} Add the right to that identity's policies; "
            "check service control policies and permission boundaries too."
        )
    return None


@contextmanager
def explained(target: AwsTarget, caller_arn: str) -> Iterator[None]:
    """Turn the AWS errors of the block that people must act on into this provider's errors.

    :raises DrsNotInitializedError: DRS is not initialized in the target's Region
    :raises DrsAccessDeniedError: the identity lacks a right
    """
    try:
        yield
    except ClientError as error:
        explanation = explain(error, target, caller_arn)
        if explanation is None:
            raise
        raise explanation from error


def required_member(answer: Mapping[str, Any], member: str, operation: str) -> Any:
    """Return a member that an answer must have.

    :raises DrsIncompleteAnswerError: if the answer lacks it
    """
    if member not in answer:
        raise DrsIncompleteAnswerError(f"the answer to {operation} has no {member!r}: its body was cut off")
    return answer[member]

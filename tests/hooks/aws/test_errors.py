from __future__ import annotations

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)

from drs_provider.exceptions import DrsAccessDeniedError, DrsIncompleteAnswerError, DrsNotInitializedError
from drs_provider.hooks.aws.errors import (
    error_code,
    explained,
    http_status,
    is_access_denied,
    is_conflict,
    is_expired_token,
    is_outcome_unknown,
    is_quota_exceeded,
    is_throttle,
    is_transient,
    required_member,
    retry_after_seconds,
)


def client_error(code, status=400, operation="StartRecovery", **more):
    response = {
        "Error": {"Code": code, "Message": "as the test says"},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": more.pop("headers", {})},
        **more,
    }
    return ClientError(response, operation)


URL = "https://drs.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("error", "transient", "outcome_unknown"),
    [
        (client_error("ThrottlingException", 429), True, False),
        (client_error("RequestLimitExceeded", 503), True, False),
        (client_error("ExpiredTokenException", 403), True, False),
        (client_error("InternalServerException", 500), True, True),
        (client_error("502", 502), True, True),
        (client_error("ConflictException", 409), False, False),
        (client_error("ServiceQuotaExceededException", 402), False, False),
        (client_error("ValidationException", 400), False, False),
        (client_error("AccessDeniedException", 403), False, False),
        (client_error("UninitializedAccountException", 400), False, False),
        (EndpointConnectionError(endpoint_url=URL), True, False),
        (ConnectTimeoutError(endpoint_url=URL), True, False),
        (ReadTimeoutError(endpoint_url=URL), True, True),
        (ConnectionClosedError(endpoint_url=URL), True, True),
        (DrsIncompleteAnswerError("cut off"), True, True),
        (TimeoutError(), True, True),
        (NoCredentialsError(), True, False),
        (ValueError("a mistake of ours"), False, False),
    ],
    ids=lambda value: (
        f"{type(value).__name__}-{error_code(value)}" if isinstance(value, Exception) else str(value)
    ),
)
def test_what_an_error_means(error, transient, outcome_unknown):
    assert is_transient(error) is transient
    assert is_outcome_unknown(error) is outcome_unknown


def test_kinds_exclude_each_other():
    kinds = (is_conflict, is_quota_exceeded, is_throttle, is_expired_token, is_access_denied)
    codes = (
        "ConflictException",
        "ServiceQuotaExceededException",
        "ThrottlingException",
        "ExpiredTokenException",
        "AccessDeniedException",
    )
    for code in codes:
        assert [kind(client_error(code)) for kind in kinds].count(True) == 1
    assert not any(kind(ValueError("AccessDenied")) for kind in kinds)
    assert http_status(ValueError()) == 0


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (client_error("ThrottlingException", 429, retryAfterSeconds="7"), 7.0),
        (client_error("ThrottlingException", 429, headers={"retry-after": "2.5"}), 2.5),
        (client_error("ThrottlingException", 429, headers={"retry-after": "Wed, 21 Oct"}), None),
        (client_error("ThrottlingException", 429, headers={"retry-after": "-1"}), None),
        (client_error("ThrottlingException", 429), None),
        (TimeoutError(), None),
    ],
)
def test_how_long_aws_asks_to_wait(error, seconds):
    assert retry_after_seconds(error) == seconds


def test_uninitialized_names_account_region_and_remedy(remote):
    with pytest.raises(DrsNotInitializedError) as caught, explained(remote, "arn:aws:iam::1:user/x"):
        raise client_error("UninitializedAccountException", operation="DescribeJobs")
    for part in ("222233334444", "eu-central-1", "'branch'", "initialize-service", "DescribeJobs"):
        assert part in str(caught.value)


def test_denied_names_operation_and_identity(remote):
    arn = "arn:aws:sts::222233334444:assumed-role/DRSOrchestrationRole/drs"
    with pytest.raises(DrsAccessDeniedError) as caught, explained(remote, arn):
        raise client_error("AccessDeniedException")
    for part in ("StartRecovery", arn, "222233334444", "as the test says"):
        assert part in str(caught.value)


def test_trap_04_other_errors_pass_unchanged(remote):
    error = client_error("ConflictException", 409)
    with pytest.raises(ClientError) as caught, explained(remote, "arn"):
        raise error
    assert caught.value is error


def test_missing_member_is_no_empty_list():
    assert required_member({"items": []}, "items", "DescribeJobs") == []
    with pytest.raises(DrsIncompleteAnswerError, match="DescribeJobs has no 'items'"):
        required_member({"message": '{"items": [{"jo'}, "items", "DescribeJobs")

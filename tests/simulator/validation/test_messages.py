from __future__ import annotations

from typing import Any

import pytest
from botocore.model import OperationNotFoundError

from drs_simulator.validation import (
    ERROR_DEVIATIONS,
    VALUE_DEVIATIONS,
    Check,
    Violation,
    validate_request,
    validate_response,
)
from drs_simulator.validation.model import service_model
from tests.simulator.validation.sample_objects import DB_1, DB_2, INSTANCE, JOB, REGION_ARN, log_item

pytestmark = pytest.mark.contract


def checks(violations: list[Violation]) -> set[Check]:
    return {violation.check for violation in violations}


def log_answer(**item: Any) -> list[Violation]:
    body = {"items": [log_item("10:00:00.000000", "JOB_START") | item]}
    return validate_response("DescribeJobLogItems", 200, body, error_code=None)


GOOD_REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("InitializeService", {}),
    ("StartRecovery", {"sourceServers": [{"sourceServerID": DB_1}], "isDrill": True, "tags": {"a": "b"}}),
    (
        "StartRecovery",
        {"sourceServers": [{"sourceServerID": DB_1, "recoverySnapshotID": "pit-1111111111111111a"}]},
    ),
    ("DescribeJobs", {"filters": {"jobIDs": [], "fromDate": "2026-03-01T00:00:00Z"}, "maxResults": 1}),
    ("TerminateRecoveryInstances", {"recoveryInstanceIDs": [INSTANCE]}),
    ("ListStagingAccounts", {"maxResults": "50", "nextToken": "t"}),
    ("UntagResource", {"resourceArn": f"{REGION_ARN}:job/{JOB}", "tagKeys": "App"}),
    ("UntagResource", {"resourceArn": f"{REGION_ARN}:job/{JOB}", "tagKeys": ["App", "Tier"]}),
    ("UpdateLaunchConfiguration", {"sourceServerID": DB_1, "copyTags": False, "recoveryMode": "FAST"}),
]
BAD_REQUESTS: list[tuple[str, dict[str, Any], Check, str]] = [
    ("StartRecovery", {}, Check.REQUIRED, ""),
    ("StartRecovery", {"sourceServers": []}, Check.SIZE, "sourceServers"),
    ("StartRecovery", {"sourceServers": [{"sourceServerID": DB_2}] * 201}, Check.SIZE, "sourceServers"),
    ("StartRecovery", {"sourceServers": [{}]}, Check.REQUIRED, "sourceServers[0]"),
    (
        "StartRecovery",
        {"sourceServers": [{"sourceServerID": "s-1"}]},
        Check.PATTERN,
        "sourceServers[0].sourceServerID",
    ),
    (
        "StartRecovery",
        {"sourceServers": [{"sourceServerID": DB_1 + "\n"}]},
        Check.PATTERN,
        "sourceServers[0].sourceServerID",
    ),
    (
        "StartRecovery",
        {"sourceServers": [{"sourceServerID": DB_1}], "isDrill": "true"},
        Check.TYPE,
        "isDrill",
    ),
    ("StartRecovery", {"sourceServers": [{"sourceServerID": DB_1}], "clientToken": "x"}, Check.UNKNOWN, ""),
    ("DescribeJobs", {"maxResults": 0}, Check.RANGE, "maxResults"),
    ("DescribeJobs", {"maxResults": True}, Check.TYPE, "maxResults"),
    ("DescribeJobs", {"filters": {"fromDate": "2026-02-31T00:00:00Z"}}, Check.FORMAT, "filters.fromDate"),
    ("DescribeJobs", {"filters": {"fromDate": "2026-02-01"}}, Check.PATTERN, "filters.fromDate"),
    ("DescribeRecoverySnapshots", {"sourceServerID": DB_1, "order": "asc"}, Check.ENUM, "order"),
    ("ListStagingAccounts", {"maxResults": "51"}, Check.RANGE, "maxResults"),
    ("ListStagingAccounts", {"maxResults": "ten"}, Check.TYPE, "maxResults"),
    ("TagResource", {"resourceArn": f"{REGION_ARN}:x", "tags": {"k" * 257: "v"}}, Check.LENGTH, ""),
    ("TerminateRecoveryInstances", {"recoveryInstanceIDs": None}, Check.TYPE, "recoveryInstanceIDs"),
]


@pytest.mark.parametrize(("operation", "params"), GOOD_REQUESTS)
def test_good_requests_pass(operation: str, params: dict[str, Any]) -> None:
    assert validate_request(operation, params) == []


@pytest.mark.parametrize(("operation", "params", "check", "path"), BAD_REQUESTS)
def test_bad_requests_are_named(operation: str, params: dict[str, Any], check: Check, path: str) -> None:
    found = [violation for violation in validate_request(operation, params) if violation.check is check]
    assert found
    assert found[0].operation == operation
    assert found[0].path.startswith(path)


def test_an_unknown_operation_is_refused() -> None:
    with pytest.raises(OperationNotFoundError):
        validate_request("CancelJob", {})
    with pytest.raises(OperationNotFoundError):
        validate_response("CancelJob", 200, {}, error_code=None)


def test_a_violation_reads_well() -> None:
    (violation,) = validate_request("DescribeJobs", {"maxResults": 0})
    assert str(violation) == "DescribeJobs maxResults: range: 0 is not within 1 and None"


def test_start_recovery_answers_202() -> None:
    assert checks(validate_response("StartRecovery", 200, {}, error_code=None)) == {Check.STATUS}
    assert validate_response("StartRecovery", 202, {}, error_code=None) == []


def test_launch_end_is_forgiven_in_the_log_only() -> None:
    assert log_answer(event="LAUNCH_END") == []
    assert checks(log_answer(event="LAUNCH_ENDED")) == {Check.ENUM}
    body = {"items": [{"jobID": JOB, "status": "LAUNCH_END"}]}
    assert checks(validate_response("DescribeJobs", 200, body, error_code=None)) == {Check.ENUM}


OFFSET = "2026-03-01T10:00:00.123456+00:00"


def test_offset_times_are_forgiven_in_answers_only() -> None:
    """Recorded in every answer; what a client sends must match the model."""
    assert log_answer(logDateTime=OFFSET) == []
    body = {"items": [{"jobID": JOB, "creationDateTime": OFFSET}]}
    assert validate_response("DescribeJobs", 200, body, error_code=None) == []
    request = {"filters": {"fromDate": OFFSET}}
    assert checks(validate_request("DescribeJobs", request)) == {Check.PATTERN}


@pytest.mark.parametrize(
    "time",
    [
        "2026-03-01 10:00:00.123456+00:00",
        "2026-03-01T10:00:00",
        "2026-03-01T10:00:00+00:00",
        "2026-03-01T10:00:00.123+00:00",
        "2026-03-01T10:00:00.123456+01:00",
    ],
)
def test_other_times_are_not_forgiven(time: str) -> None:
    assert Check.PATTERN in checks(log_answer(logDateTime=time))


def test_a_forgiven_form_is_still_a_date() -> None:
    assert checks(log_answer(logDateTime="2026-02-30T10:00:00.000000+00:00")) == {Check.FORMAT}


@pytest.mark.parametrize("code", ERROR_DEVIATIONS)
def test_generic_errors_may_come_from_any_operation(code: str) -> None:
    for operation in ERROR_DEVIATIONS[code].operations or service_model().operation_names:
        for status in ERROR_DEVIATIONS[code].http_statuses:
            assert validate_response(operation, status, {"message": "m"}, error_code=code) == []
        assert checks(validate_response(operation, 418, {"message": "m"}, error_code=code)) == {Check.STATUS}


def test_trap_an_error_of_another_operation_is_not_declared_here() -> None:
    body = {"message": "no such server"}
    found = validate_response("StartRecovery", 404, body, error_code="ResourceNotFoundException")
    assert checks(found) == {Check.ERROR}


def test_deviations_stand_on_real_members_and_tell_why() -> None:
    for deviation in VALUE_DEVIATIONS:
        shape, _, member = deviation.member.partition(".")
        of_model = service_model().shape_for(shape)
        assert not member or member in of_model.members
        assert deviation.reason
    assert all(deviation.reason for deviation in ERROR_DEVIATIONS.values())
    assert len({deviation.name for deviation in VALUE_DEVIATIONS}) == len(VALUE_DEVIATIONS)

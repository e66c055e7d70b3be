from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from drs_provider.core.states import ExecutionStatus, WaveStatus
from drs_provider.history.best_effort import BestEffortHistory, is_loss
from drs_provider.history.outcome import ExecutionRef, Outcome
from drs_provider.history.store import DynamoDbHistory
from drs_provider.rules.record.merging import close_attempt
from drs_provider.runtime.history import RunHistory
from tests.history.world import T0, record_of

RECORD = record_of()
REF = ExecutionRef.of(RECORD)


class Failing:
    """A client that answers every call with one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            raise self.error

        return call


def client_error(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "PutItem")


def every_call(history: BestEffortHistory) -> list[Any]:
    final = close_attempt(RECORD, ExecutionStatus.FAILED, ended_at=T0 + 1)
    accesses: dict[str, Callable[[DynamoDbHistory], object]] = {
        "the start": lambda table: table.start(RECORD),
        "a status": lambda table: table.set_execution_status(REF, ExecutionStatus.IN_PROGRESS),
        "a wave": lambda table: table.set_wave(REF, 1, WaveStatus.LAUNCHING, {"startTime": T0}),
        "a poll": lambda table: table.put_servers(REF, 1, [], T0),
        "the end": lambda table: table.finalize(REF, final),
        "a report": lambda table: table.set_report(REF, uri="file:///r", sha256="0" * 64),
        "a read": lambda table: table.read(REF.execution_id),
        "a search by status": lambda table: table.by_status(ExecutionStatus.FAILED),
        "a search by plan": lambda table: table.by_plan("wiki"),
    }
    return [history.attempt(what, act) for what, act in accesses.items()]


def unreachable_client() -> Any:
    # Port 9 (discard) on the loopback: refused at once, by the real client.
    return boto3.client(
        "dynamodb",
        region_name="eu-west-1",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(connect_timeout=1, retries={"total_max_attempts": 1}),
    )


def test_trap_32_an_unreachable_table_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    history = BestEffortHistory(DynamoDbHistory(unreachable_client(), "execution-history"))
    with caplog.at_level(logging.WARNING):
        assert every_call(history) == [None] * 9
    assert "Lost: the start\n" in caplog.text
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 9


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "ResourceNotFoundException",
        "AccessDeniedException",
        "InternalServerError",
        "ExpiredTokenException",
        "UnrecognizedClientException",
    ],
)
def test_trap_32_aws_refusing_stops_nothing(code: str) -> None:
    history = BestEffortHistory(DynamoDbHistory(Failing(client_error(code)), "execution-history"))
    assert every_call(history) == [None] * 9


def test_trap_32_an_answer_that_cannot_be_read_stops_nothing() -> None:
    error = ResponseParserError("Unable to parse response, invalid XML received")
    history = BestEffortHistory(DynamoDbHistory(Failing(error), "execution-history"))
    assert every_call(history) == [None] * 9


def test_trap_32_an_item_that_is_too_large_stops_nothing() -> None:
    error = client_error("ValidationException", "Item size has exceeded the maximum allowed size")
    assert is_loss(error)
    assert every_call(BestEffortHistory(DynamoDbHistory(Failing(error), "t"))) == [None] * 9


@pytest.mark.parametrize(
    "error",
    [
        client_error("ValidationException", "Invalid ConditionExpression"),
        ParamValidationError(report="wrong"),
        KeyError("waves"),
        TypeError("no"),
    ],
)
def test_our_own_faults_are_raised(error: Exception) -> None:
    history = BestEffortHistory(DynamoDbHistory(Failing(error), "execution-history"))
    with pytest.raises(type(error)):
        history.attempt("the start", lambda table: table.start(RECORD))


def test_a_missing_table_is_a_loss_for_the_real_client(client: Any) -> None:
    assert every_call(BestEffortHistory(DynamoDbHistory(client, "nowhere"))) == [None] * 9


def test_without_a_history_nothing_happens(caplog: pytest.LogCaptureFixture) -> None:
    history = BestEffortHistory(None)
    assert every_call(history) == [None] * 9
    assert not caplog.records


def reached_at_the_second_try(history: DynamoDbHistory) -> BestEffortHistory:
    outcomes: list[Any] = [PermissionError("role cannot be assumed"), history]

    def connect() -> DynamoDbHistory:
        found = outcomes.pop(0)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    return BestEffortHistory(connect, also_lost=(PermissionError,))


def test_connecting_is_tried_again_until_it_succeeds(history: DynamoDbHistory) -> None:
    best = reached_at_the_second_try(history)
    assert best.attempt("the start", lambda table: table.start(RECORD)) is None
    # What was lost is caught up by the next write.
    assert best.attempt(
        "a wave", lambda table: table.set_wave(REF, 1, WaveStatus.LAUNCHING, full_record=lambda: RECORD)
    )
    assert best.attempt("a read", lambda table: table.read(REF.execution_id)) is not None
    refused = best.attempt(
        "a status", lambda table: table.set_execution_status(REF, ExecutionStatus.PENDING, {})
    )
    assert refused is not None
    assert refused.outcome is Outcome.UNCHANGED


def test_a_report_whose_write_is_lost_once_is_written(history: DynamoDbHistory) -> None:
    history.start(RECORD)
    told = RunHistory(REF, reached_at_the_second_try(history))
    told.report_written("file:///r", "0" * 64)
    assert (history.read(REF.execution_id) or {})["attempts"][0]["reportUri"] == "file:///r"

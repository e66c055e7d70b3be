from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from drs_provider.history.outcome import ExecutionRef
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.table import ensure_table
from drs_provider.rules.record.schema import ExecutionRecord
from tests.history.world import record_of

_numbers = itertools.count()


class OneAtATime:
    """A client whose calls exclude each other: DynamoDB's writes of an item are atomic, moto's are not."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()
        self.calls: list[str] = []
        self.put: list[str] = []

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._client, name)
        if name in {"get_paginator", "get_waiter", "meta", "exceptions"}:
            return member

        def call(**arguments: Any) -> Any:
            with self._lock:
                self.calls.append(name)
                if name == "put_item":
                    self.put.append(arguments["Item"]["planId"]["S"])
                return member(**arguments)

        return call


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        yield OneAtATime(
            boto3.client(
                "dynamodb",
                region_name="eu-west-1",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )
        )


@pytest.fixture
def history(client: Any) -> DynamoDbHistory:
    name = f"history-{next(_numbers)}"
    ensure_table(client, name)
    return DynamoDbHistory(client, name)


@pytest.fixture
def record(history: DynamoDbHistory) -> ExecutionRecord:
    record = record_of()
    assert history.start(record)
    return record


@pytest.fixture
def ref(record: ExecutionRecord) -> ExecutionRef:
    return ExecutionRef.of(record)

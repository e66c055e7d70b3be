"""The history table: its names, keys, indexes and properties, from one place (trap 22)."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from botocore.exceptions import ClientError

log = logging.getLogger(__name__)

DEFAULT_TABLE_NAME = "execution-history"
HASH_KEY = "executionId"
RANGE_KEY = "planId"
STATUS_INDEX = "StatusIndex"
PLAN_INDEX = "planIdIndex"
# index -> the record field it is asked by. The sort key orders executions by time, and leaves items out
# that are no executions: the rows of waves have neither a status nor a start.
INDEX_FIELDS = {STATUS_INDEX: "status", PLAN_INDEX: "planId"}
INDEX_SORT_FIELD = "startTime"
_FIELD_TYPES = {HASH_KEY: "S", RANGE_KEY: "S", "status": "S", INDEX_SORT_FIELD: "N"}


class DynamoDbClient(Protocol):
    """The part of boto3's DynamoDB client that the history uses."""

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        """Read one item."""

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        """Write one item."""

    def create_table(self, **arguments: Any) -> dict[str, Any]:
        """Create a table."""

    def update_continuous_backups(self, **arguments: Any) -> dict[str, Any]:
        """Switch point-in-time recovery."""

    def get_paginator(self, operation_name: str) -> Any:
        """Return a paginator."""

    def get_waiter(self, waiter_name: str) -> Any:
        """Return a waiter."""


def rows_key(plan_id: str, wave_number: int, chunk: int, kind: str = "serverStatuses") -> str:
    """Return the range key of an item that holds rows of a wave."""
    part = str(chunk) if kind == "serverStatuses" else f"{kind}#{chunk}"
    return f"{plan_id}#wave#{wave_number}#{part}"


def is_rows_key(range_key: str) -> bool:
    """Whether a range key is that of an item with rows; plan ids hold no ``#``."""
    return "#" in range_key


def _key_schema(hash_field: str, range_field: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": hash_field, "KeyType": "HASH"},
        {"AttributeName": range_field, "KeyType": "RANGE"},
    ]


def create_table_arguments(name: str = DEFAULT_TABLE_NAME) -> dict[str, Any]:
    """Return the arguments of DynamoDB's CreateTable.

    Point-in-time recovery is no argument of CreateTable: :func:`ensure_table` switches it on afterwards.
    """
    return {
        "TableName": name,
        "AttributeDefinitions": [
            {"AttributeName": field, "AttributeType": kind} for field, kind in _FIELD_TYPES.items()
        ],
        "KeySchema": _key_schema(HASH_KEY, RANGE_KEY),
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": _key_schema(field, INDEX_SORT_FIELD),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, field in INDEX_FIELDS.items()
        ],
        "BillingMode": "PAY_PER_REQUEST",
        "SSESpecification": {"Enabled": True, "SSEType": "KMS"},
    }


def table_properties() -> dict[str, Any]:
    """Return CloudFormation's properties of the table but its name, from the same data as CreateTable's arguments."""
    arguments = create_table_arguments()
    del arguments["TableName"]
    encryption = arguments.pop("SSESpecification")
    return arguments | {
        "SSESpecification": {"SSEEnabled": encryption["Enabled"], "SSEType": encryption["SSEType"]},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": True,
    }


def ensure_table(client: DynamoDbClient, name: str = DEFAULT_TABLE_NAME) -> bool:
    """Create the table if it does not exist, wait until it can be used, switch point-in-time recovery on.

    :return: whether it was created
    :raises ClientError: if it can be neither created nor used
    """
    created = True
    try:
        client.create_table(**create_table_arguments(name))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        created = False
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    if created:
        client.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        log.info("Created the history table %s", name)
    return created

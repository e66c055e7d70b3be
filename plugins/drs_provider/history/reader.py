"""Reads of the execution history; every read follows pagination."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from drs_provider.core.states import ExecutionStatus
from drs_provider.history.outcome import ExecutionRef
from drs_provider.history.packing import unpack_record
from drs_provider.history.table import (
    HASH_KEY,
    INDEX_FIELDS,
    PLAN_INDEX,
    RANGE_KEY,
    STATUS_INDEX,
    DynamoDbClient,
    is_rows_key,
)
from drs_provider.history.values import from_item, to_value
from drs_provider.rules.record.schema import ExecutionRecord

# Items of rows have 100 KB and more: a page comes well within the seconds that a client gives it.
_ITEMS_PER_PAGE = 4


@dataclass(frozen=True)
class Stored:
    """What a write found.

    :param record: the record that the items read make; None if there is no main item
    :param main: the main item itself
    :param version: how often it was written; None for one that another system wrote
    """

    record: ExecutionRecord | None = None
    main: Mapping[str, Any] | None = None
    version: int | None = None


class HistoryReader:
    """Reads execution records.

    :param client: boto3's DynamoDB client
    :param table_name: name of the history table
    """

    def __init__(self, client: DynamoDbClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def read(self, execution_id: str, plan_id: str | None = None) -> ExecutionRecord | None:
        """Return an execution with the rows of all its waves, or None if the table has none.

        The read is strongly consistent.

        :param plan_id: not needed: an execution has one plan
        """
        return unpack_record(self._items(execution_id), plan_id)

    def by_status(self, status: ExecutionStatus, *, limit: int | None = None) -> list[ExecutionRecord]:
        """Return the executions with a status, newest first; see :meth:`by_plan`."""
        return self._by_index(STATUS_INDEX, status.value, limit)

    def ids_by_status(self, status: ExecutionStatus) -> list[str]:
        """Return the ids of the executions with a status, whatever else their items hold."""
        items = self._query(INDEX_FIELDS[STATUS_INDEX], status.value, IndexName=STATUS_INDEX)
        return [item[HASH_KEY] for item in items if not is_rows_key(item[RANGE_KEY])]

    def by_plan(self, plan_id: str, *, limit: int | None = None) -> list[ExecutionRecord]:
        """Return a plan's executions, newest first.

        The index lags a little behind, and shows rows only of executions that are over, where they fit; counts per
        ``launchStatus`` always. :meth:`read` has everything.

        :param limit: at most so many; default all
        """
        return self._by_index(PLAN_INDEX, plan_id, limit)

    def _by_index(self, index: str, value: str, limit: int | None) -> list[ExecutionRecord]:
        found: list[ExecutionRecord] = []
        for item in self._query(INDEX_FIELDS[index], value, IndexName=index, ScanIndexForward=False):
            if limit is not None and len(found) >= limit:
                break
            if not is_rows_key(item[RANGE_KEY]):
                record = unpack_record([item])
                found.append(cast("ExecutionRecord", record))
        return found

    def _items(self, execution_id: str) -> Iterator[dict[str, Any]]:
        pages = {"PageSize": _ITEMS_PER_PAGE}
        return self._query(HASH_KEY, execution_id, ConsistentRead=True, PaginationConfig=pages)

    def _query(self, field: str, value: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="#key = :key",
            ExpressionAttributeNames={"#key": field},
            ExpressionAttributeValues={":key": to_value(value)},
            **arguments,
        )
        for page in pages:
            for item in page["Items"]:
                yield from_item(item)

    def _main(self, ref: ExecutionRef) -> Stored:
        response = self._client.get_item(
            TableName=self._table,
            Key={HASH_KEY: to_value(ref.execution_id), RANGE_KEY: to_value(ref.plan_id)},
            ConsistentRead=True,
        )
        item = response.get("Item")
        return _stored([from_item(item)] if item else [], ref)

    def _read_items(self, ref: ExecutionRef) -> tuple[Stored, list[dict[str, Any]]]:
        """Return what is stored of an execution with all rows, and the items that hold them."""
        items = list(self._items(ref.execution_id))
        return _stored(items, ref), [item for item in items if is_rows_key(item[RANGE_KEY])]


def _stored(items: list[dict[str, Any]], ref: ExecutionRef) -> Stored:
    record = unpack_record(items, ref.plan_id)
    if record is None:
        return Stored()
    main = next(dict(item) for item in items if item[RANGE_KEY] == ref.plan_id)
    version = main.pop("version", None)
    return Stored(record, main, version)

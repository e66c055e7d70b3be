"""The execution history in DynamoDB: each write is a change of what is stored, put if nobody wrote in between.

A write reads the main item, applies a function of :mod:`~drs_provider.rules.record.changes`, puts the rows that are
new, and then the main item on condition of the version read; on conflict it begins again. So parallel waves, retries
and late polls cannot overwrite each other, and a retry by the SDK meets its own effect. A transition that the tables do
not allow is refused, and the caller is told what is stored.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.core.states import ExecutionStatus, WaveStatus
from drs_provider.history.outcome import ExecutionRef, HistoryBusyError, Outcome, WriteResult
from drs_provider.history.packing import news_of, pack_record
from drs_provider.history.reader import HistoryReader, Stored
from drs_provider.history.table import HASH_KEY, RANGE_KEY, DynamoDbClient
from drs_provider.history.values import to_item, to_value
from drs_provider.rules.record import changes
from drs_provider.rules.record.changes import RefusedError
from drs_provider.rules.record.schema import ExecutionRecord

log = logging.getLogger(__name__)

FullRecord = Callable[[], ExecutionRecord]
Change = Callable[[ExecutionRecord], ExecutionRecord]

#: Of so many writers at once each gets through: in every round one of them does.
TRIES = 64
_PAUSE_SECONDS = 0.02
_PUTS_AT_ONCE = 8
# Rows are taken unless a later attempt's are there, or of the same attempt final or newer ones.
_FINAL_ROWS = "attribute_not_exists(attempt) OR attempt <= :attempt"
_POLLED_ROWS = (
    "attribute_not_exists(attempt) OR attempt < :attempt"
    " OR (attempt = :attempt AND #final = :final AND polledTime <= :polled)"
)


class DynamoDbHistory(HistoryReader):
    """Writes and reads execution records; errors of DynamoDB are raised.

    Writes take ``full_record``: the caller's whole record as it is now, asked for only if the table does not have the
    execution, or not the attempt (an earlier write was lost), which is then caught up. Without it such a write is
    refused: when the attempt began, or which waves it has, is not guessed.

    :param client: boto3's DynamoDB client
    :param table_name: name of the history table
    """

    def __init__(self, client: DynamoDbClient, table_name: str) -> None:
        super().__init__(client, table_name)
        # Items of rows known to be stored: what makes each worth a write, by range key.
        self._known: dict[tuple[str, str], dict[str, Any]] = {}

    def start(self, record: ExecutionRecord) -> WriteResult:
        """Write the record of an execution that starts, or open the next attempt of one that is stored.

        A retry finds its own record and changes nothing. Refused if the attempt is over already.
        """
        return self._write(ExecutionRef.of(record), lambda stored: changes.start(stored, record))

    def set_execution_status(
        self,
        ref: ExecutionRef,
        status: ExecutionStatus | None,
        fields: Mapping[str, Any] | None = None,
        *,
        full_record: FullRecord | None = None,
    ) -> WriteResult:
        """Move the execution's status, and write fields with it; see :func:`changes.set_status`."""
        return self._change(
            ref, lambda record: changes.set_status(record, status, fields or {}), full_record=full_record
        )

    def set_wave(
        self,
        ref: ExecutionRef,
        wave_number: int,
        status: WaveStatus | None,
        fields: Mapping[str, Any] | None = None,
        *,
        full_record: FullRecord | None = None,
    ) -> WriteResult:
        """Move a wave's status, and write fields of the wave with it; see :func:`changes.set_wave`."""
        return self._change(
            ref,
            lambda record: changes.set_wave(record, wave_number, status, fields or {}),
            wave_number=wave_number,
            full_record=full_record,
        )

    def put_servers(
        self,
        ref: ExecutionRef,
        wave_number: int,
        rows: Sequence[Mapping[str, Any]],
        polled_at: float,
        *,
        started_at: float | None = None,
        full_record: FullRecord | None = None,
    ) -> WriteResult:
        """Replace a wave's server rows by those of a poll; refused once the wave is over, or newer ones are stored.

        :param rows: all rows of the wave, in the same order at every call; only items in which something happened since
            this object's last write are written
        :param polled_at: when DRS was asked
        :param started_at: the wave's ``startTime``, written once
        """
        fields: dict[str, Any] = {"serverStatuses": list(rows), "startTime": started_at}
        return self._change(
            ref,
            lambda record: changes.set_wave(record, wave_number, None, fields, polled_at=polled_at),
            wave_number=wave_number,
            full_record=full_record,
        )

    def finalize(self, ref: ExecutionRef, record: ExecutionRecord) -> ExecutionRecord:
        """End the attempt: what waves became, and the terminal status, in one write.

        An attempt that has ended stays as it is: the stored record is returned. So it is if the stored status may not
        become the record's (a CANCELLING one COMPLETED).

        :param record: the writer's record, its newest attempt ended
        :return: the record as it is stored
        :raises ValueError: if the record's status does not end an attempt
        """
        result = self._write(ref, lambda stored: changes.end(stored, record), whole=True)
        return result.record or record

    def set_report(
        self, ref: ExecutionRef, *, uri: str, sha256: str, link: Mapping[str, Any] | str | None = None
    ) -> WriteResult:
        """Note where the attempt's report is; written once, and also after the attempt's end.

        :param link: its link in the chain of evidence, or why it has none
        """

        def change(stored: ExecutionRecord | None) -> ExecutionRecord:
            if stored is None or stored["attempt"] < ref.attempt:
                raise RefusedError("absent" if stored is None else stored["status"])
            return changes.set_report(stored, ref.attempt, uri=uri, sha256=sha256, link=link)

        return self._write(ref, change)

    def set_report_error(self, ref: ExecutionRef, error: str) -> WriteResult:
        """Note why the attempt's report could not be written."""

        def change(stored: ExecutionRecord | None) -> ExecutionRecord:
            if stored is None or stored["attempt"] < ref.attempt:
                raise RefusedError("absent" if stored is None else stored["status"])
            return changes.set_report_error(stored, ref.attempt, error)

        return self._write(ref, change)

    def _change(
        self,
        ref: ExecutionRef,
        change: Change,
        *,
        wave_number: int | None = None,
        full_record: FullRecord | None,
    ) -> WriteResult:
        def in_attempt(stored: ExecutionRecord | None) -> ExecutionRecord:
            if stored is None:
                if full_record is None:
                    raise RefusedError("absent")
                log.info("Execution %s was missing in the history; caught up", ref.execution_id)
                return change(full_record())
            if stored["attempt"] > ref.attempt:
                raise RefusedError(_status(stored, wave_number))
            if stored["attempt"] < ref.attempt:
                if full_record is None:
                    raise RefusedError(stored["status"])
                stored = changes.open_attempt(stored, full_record())
            return change(stored)

        return self._write(ref, in_attempt, wave_number=wave_number)

    def _write(
        self,
        ref: ExecutionRef,
        change: Callable[[ExecutionRecord | None], ExecutionRecord],
        *,
        wave_number: int | None = None,
        whole: bool = False,
    ) -> WriteResult:
        for number in range(TRIES):
            stored = self._whole(ref) if whole else self._main(ref)
            try:
                record = change(stored.record)
            except RefusedError as error:
                return _refused(ref, stored.record, error.status, wave_number)
            main, rows = pack_record(record)
            self._put_rows(rows)
            result = WriteResult(Outcome.APPLIED, _status(record, wave_number), record["attempt"], record)
            if stored.main is not None and to_item(main) == to_item(stored.main):
                return result.unchanged()
            if self._put_main(main, stored):
                return result
            time.sleep(random.uniform(0, _PAUSE_SECONDS * min(number + 1, 10)))
        raise HistoryBusyError(
            f"execution {ref.execution_id}: its record in {self._table} changed under each of {TRIES} writes"
        )

    def _whole(self, ref: ExecutionRef) -> Stored:
        stored, rows = self._read_items(ref)
        self._known |= {_key(item): news_of(item) for item in rows}
        return stored

    def _put_main(self, main: Mapping[str, Any], stored: Stored) -> bool:
        """Put the main item unless somebody wrote since it was read."""
        item = {**main, "version": (stored.version or 0) + 1}
        if stored.main is None:
            return self._put(item, f"attribute_not_exists({HASH_KEY})", {}, {})
        if stored.version is None:  # of another writer of this table
            return self._put(item, "attribute_not_exists(#version)", {"#version": "version"}, {})
        return self._put(item, "#version = :read", {"#version": "version"}, {":read": stored.version})

    def _put_rows(self, items: Iterable[Mapping[str, Any]]) -> None:
        news = [item for item in items if self._known.get(_key(item)) != news_of(item)]
        with ThreadPoolExecutor(_PUTS_AT_ONCE) as pool:
            for item, put in zip(news, pool.map(self._put_row_item, news), strict=True):
                if put:
                    self._known[_key(item)] = news_of(item)

    def _put_row_item(self, item: Mapping[str, Any]) -> bool:
        if item["final"]:
            return self._put(item, _FINAL_ROWS, {}, {":attempt": item["attempt"]})
        values = {":attempt": item["attempt"], ":final": False, ":polled": item["polledTime"]}
        return self._put(item, _POLLED_ROWS, {"#final": "final"}, values)

    def _put(
        self, item: Mapping[str, Any], condition: str, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> bool:
        arguments: dict[str, Any] = {"ConditionExpression": condition}
        if names:
            arguments["ExpressionAttributeNames"] = dict(names)
        if values:
            arguments["ExpressionAttributeValues"] = {name: to_value(value) for name, value in values.items()}
        try:
            self._client.put_item(TableName=self._table, Item=to_item(item), **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True


def _key(item: Mapping[str, Any]) -> tuple[str, str]:
    return item[HASH_KEY], item[RANGE_KEY]


def _status(record: ExecutionRecord, wave_number: int | None) -> str:
    return record["status"] if wave_number is None else changes.wave_of(record, wave_number)["status"]


def _refused(
    ref: ExecutionRef, stored: ExecutionRecord | None, status: str, wave_number: int | None
) -> WriteResult:
    if stored is None:
        log.warning("Execution %s is not in the history table", ref.execution_id)
        return WriteResult(Outcome.ABSENT)
    log.warning(
        "The history refused a write of attempt %d of execution %s%s: stored is %s, attempt %s",
        ref.attempt,
        ref.execution_id,
        f", wave {wave_number}" if wave_number else "",
        status,
        stored["attempt"],
    )
    return WriteResult(Outcome.REFUSED, status, stored["attempt"], stored)

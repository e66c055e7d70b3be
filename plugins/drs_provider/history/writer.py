"""The machinery of the history's conditional writes: try, look at what is stored, decide, try again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from botocore.exceptions import ClientError

from drs_provider.history.expressions import Update
from drs_provider.history.outcome import ExecutionRef, Outcome, WriteResult
from drs_provider.history.packing import pack_record
from drs_provider.history.reader import HistoryReader
from drs_provider.history.table import HASH_KEY, RANGE_KEY, DynamoDbClient
from drs_provider.history.updates import open_attempt_update
from drs_provider.history.values import from_item, to_item, to_value
from drs_provider.rules.record.merging import new_attempt
from drs_provider.rules.record.schema import ExecutionRecord

log = logging.getLogger(__name__)

FullRecord = Callable[[], ExecutionRecord]
Item = dict[str, Any]
# From the stored main item (None: not looked at yet) to the update to try and the outcome of its success,
# or to the result.
Decision = Callable[[Item | None], "tuple[Update, Outcome] | WriteResult"]

# How often a write looks again. Every round has a reason of its own (execution absent, older attempt,
# older wave, another's write in between), so few are ever needed.
ROUNDS = 12


class HistoryWriter(HistoryReader):
    """Tries updates along a decision until one is applied or refused.

    :param clock: epoch seconds; when an attempt begins that no earlier write announced
    """

    def __init__(
        self, client: DynamoDbClient, table_name: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(client, table_name)
        self._clock = clock

    def _write(
        self, ref: ExecutionRef, decide: Decision, full_record: FullRecord | None, status: str | None
    ) -> WriteResult:
        stored: Item | None = None
        for _ in range(ROUNDS):
            step = decide(stored)
            if isinstance(step, WriteResult):
                return step
            update, outcome = step
            found = self._apply(ref, update)
            if found is None:
                return WriteResult(outcome, status, ref.attempt)
            stored = found or None
            if stored is None:
                if full_record is None:
                    log.warning("Execution %s is not in the history table", ref.execution_id)
                    return WriteResult(Outcome.ABSENT)
                if self._create(full_record()):
                    log.info("Execution %s was missing in the history; caught up", ref.execution_id)
            elif stored["attempt"] > ref.attempt:
                break
            elif stored["attempt"] < ref.attempt:
                self._open_attempt(
                    ref, stored, full_record() if full_record and not stored["waves"] else None
                )
                stored = None
        return self._refused(ref, stored)

    def _apply(self, ref: ExecutionRef, update: Update) -> Item | None:
        """Try an update; return None if it was applied, else the stored main item ({} if there is none)."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={HASH_KEY: to_value(ref.execution_id), RANGE_KEY: to_value(ref.plan_id)},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **update.arguments(),
            )
        except ClientError as error:
            if not _condition_failed(error):
                raise
            return from_item(cast("Item", error.response).get("Item") or {})
        return None

    def _create(self, record: ExecutionRecord) -> bool:
        main, items = pack_record(record)
        condition = Update()
        condition.require_absent((HASH_KEY,))
        if not self._put(main, condition):
            return False
        self._put_rows(items)
        return True

    def _put_rows(self, items: Iterable[Item]) -> None:
        for item in items:
            condition = Update()
            condition.require_absent_or(("attempt",), "<=", item["attempt"])
            self._put(item, condition)

    def _put(self, item: Item, condition: Update) -> bool:
        try:
            self._client.put_item(
                TableName=self._table, Item=to_item(item), **condition.condition_arguments()
            )
        except ClientError as error:
            if not _condition_failed(error):
                raise
            return False
        return True

    def _open_attempt(
        self, ref: ExecutionRef, stored: Mapping[str, Any], header: ExecutionRecord | None
    ) -> str | None:
        """Open the writer's attempt; return the status, or None if somebody else wrote meanwhile."""
        began = header["startTime"] if header else self._clock()
        opened = new_attempt(cast("ExecutionRecord", stored), ref.attempt, began)
        main, items = pack_record(header) if header and not stored["waves"] else ({"waves": ()}, [])
        update = open_attempt_update(ref, stored, opened, header or {}, main["waves"])
        if self._apply(ref, update) is not None:
            return None
        self._put_rows(items)
        return opened["status"]

    def _refused(self, ref: ExecutionRef, stored: Item | None, wave_number: int | None = None) -> WriteResult:
        status = None
        if stored:
            status = stored["status"] if wave_number is None else wave_of(stored, wave_number)["status"]
        attempt = stored["attempt"] if stored else None
        log.warning(
            "The history refused a write of attempt %d of execution %s%s: stored is %s, attempt %s",
            ref.attempt,
            ref.execution_id,
            f", wave {wave_number}" if wave_number else "",
            status,
            attempt,
        )
        return WriteResult(Outcome.REFUSED, status, attempt)


def _condition_failed(error: ClientError) -> bool:
    return str(error.response["Error"]["Code"]) == "ConditionalCheckFailedException"


def wave_of(stored: Mapping[str, Any], wave_number: int) -> Item:
    """Return a wave of a stored item.

    :raises ValueError: if it has no such wave
    """
    for wave in stored["waves"]:
        if wave["waveNumber"] == wave_number:
            return cast("Item", wave)
    raise ValueError(f"execution {stored[HASH_KEY]} has no wave {wave_number}")

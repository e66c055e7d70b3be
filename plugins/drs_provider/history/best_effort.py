"""The history as the recovery uses it: a table that cannot be reached stops nothing (trap 32)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from drs_provider.core.states import ExecutionStatus, WaveStatus
from drs_provider.history.outcome import ExecutionRef, WriteResult
from drs_provider.history.store import DynamoDbHistory
from drs_provider.history.writer import FullRecord
from drs_provider.rules.record.schema import ExecutionRecord

log = logging.getLogger(__name__)

T = TypeVar("T")

# Faults of our own requests: hiding them would hide a bug. An item that is too large is reported by
# DynamoDB as one of these, but it is a loss like any other.
_OWN_FAULTS = frozenset({"ValidationException", "SerializationException"})
_TOO_LARGE = "maximum allowed size"


def is_loss(error: Exception) -> bool:
    """Whether an error means that the table could not be reached or used, and not a fault of our own."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return details.get("Code") not in _OWN_FAULTS or _TOO_LARGE in details.get("Message", "")
    if isinstance(error, ResponseParserError):
        return True
    return isinstance(error, BotoCoreError) and not isinstance(error, ParamValidationError)


class BestEffortHistory:
    """A history whose losses are logged and answered with None; it raises only for faults of our own.

    It remembers nothing: what was lost is caught up by the next write that gives its ``full_record``, and
    by ``finalize``.

    :param history: the history, a function that connects to it (called at every use until it succeeds),
        or None if it is switched off
    :param also_lost: errors of connecting that count as a loss, too
    """

    def __init__(
        self,
        history: DynamoDbHistory | Callable[[], DynamoDbHistory] | None,
        *,
        also_lost: tuple[type[Exception], ...] = (),
    ) -> None:
        self._history = history
        self._also_lost = also_lost
        self._caught: tuple[type[Exception], ...] = (
            ClientError,
            BotoCoreError,
            ResponseParserError,
            *also_lost,
        )

    @property
    def enabled(self) -> bool:
        """Whether there is a history at all."""
        return self._history is not None

    def start(self, record: ExecutionRecord) -> WriteResult | None:
        """See :meth:`DynamoDbHistory.start`."""
        what = f"the start of execution {record['executionId']}"
        return self._try(what, lambda history: history.start(record))

    def set_execution_status(
        self,
        ref: ExecutionRef,
        status: ExecutionStatus | None,
        fields: Mapping[str, Any] | None = None,
        *,
        full_record: FullRecord | None = None,
    ) -> WriteResult | None:
        """See :meth:`DynamoDbHistory.set_execution_status`."""
        what = f"execution {ref.execution_id}: {_change(status, fields)}"
        return self._try(
            what,
            lambda history: history.set_execution_status(ref, status, fields, full_record=full_record),
        )

    def set_wave(
        self,
        ref: ExecutionRef,
        wave_number: int,
        status: WaveStatus | None,
        fields: Mapping[str, Any] | None = None,
        *,
        full_record: FullRecord | None = None,
    ) -> WriteResult | None:
        """See :meth:`DynamoDbHistory.set_wave`."""
        what = f"execution {ref.execution_id}, wave {wave_number}: {_change(status, fields)}"
        return self._try(
            what,
            lambda history: history.set_wave(ref, wave_number, status, fields, full_record=full_record),
        )

    def put_servers(
        self,
        ref: ExecutionRef,
        wave_number: int,
        rows: Sequence[Mapping[str, Any]],
        last_polled: float | None = None,
        *,
        full_record: FullRecord | None = None,
    ) -> WriteResult | None:
        """See :meth:`DynamoDbHistory.put_servers`."""
        what = f"execution {ref.execution_id}, wave {wave_number}: {len(rows)} server rows"
        return self._try(
            what,
            lambda history: history.put_servers(ref, wave_number, rows, last_polled, full_record=full_record),
        )

    def finalize(self, ref: ExecutionRef, record: ExecutionRecord) -> ExecutionRecord | None:
        """See :meth:`DynamoDbHistory.finalize`."""
        what = f"execution {ref.execution_id}: the end of attempt {ref.attempt}, {record['status']}"
        return self._try(what, lambda history: history.finalize(ref, record))

    def set_report(self, ref: ExecutionRef, *, uri: str, sha256: str) -> WriteResult | None:
        """See :meth:`DynamoDbHistory.set_report`."""
        what = f"execution {ref.execution_id}: report {uri}, SHA-256 {sha256}"
        return self._try(what, lambda history: history.set_report(ref, uri=uri, sha256=sha256))

    def read(self, execution_id: str, plan_id: str | None = None) -> ExecutionRecord | None:
        """Return a record, or None if there is none or the table cannot be reached."""
        return self._try(
            f"a read of execution {execution_id}", lambda history: history.read(execution_id, plan_id)
        )

    def by_status(self, status: ExecutionStatus, *, limit: int | None = None) -> list[ExecutionRecord] | None:
        """Return the executions with a status, or None if the table cannot be reached."""
        what = f"a search for executions that are {status}"
        return self._try(what, lambda history: history.by_status(status, limit=limit))

    def by_plan(self, plan_id: str, *, limit: int | None = None) -> list[ExecutionRecord] | None:
        """Return a plan's executions, or None if the table cannot be reached."""
        what = f"a search for executions of {plan_id}"
        return self._try(what, lambda history: history.by_plan(plan_id, limit=limit))

    def _try(self, what: str, act: Callable[[DynamoDbHistory], T]) -> T | None:
        if self._history is None:
            return None
        try:
            if not isinstance(self._history, DynamoDbHistory):
                self._history = self._history()
            return act(self._history)
        except self._caught as error:
            if not isinstance(error, self._also_lost) and not is_loss(error):
                raise
            log.warning("The history table cannot be used (%s). Lost: %s", error, what)
            return None


def _change(status: ExecutionStatus | WaveStatus | None, fields: Mapping[str, Any] | None) -> str:
    parts = [f"status {status}"] if status else []
    parts += [", ".join(sorted(fields))] if fields else []
    return "; ".join(parts) or "nothing"

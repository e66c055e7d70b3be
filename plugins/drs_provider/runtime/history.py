"""The execution's record in the history table, as tasks write it: best effort, along the status tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from drs_provider import settings
from drs_provider.core.account import AwsTarget
from drs_provider.core.identity import role_session_name
from drs_provider.core.states import ExecutionStatus, WaveStatus, running_status
from drs_provider.exceptions import DrsError
from drs_provider.history.outcome import ExecutionRef
from drs_provider.rules.record.execution_record import job_row, jobs_start
from drs_provider.rules.record.schema import ExecutionRecord, record_fields
from drs_provider.rules.wave.ownership import OwnedJob

# Operators import this module, and parsing a DAG must not load boto3.
if TYPE_CHECKING:
    from drs_provider.history.best_effort import BestEffortHistory
    from drs_provider.history.outcome import WriteResult
    from drs_provider.history.store import DynamoDbHistory

#: Fields that the store keys and transitions by; they are not written as fields.
_ADDRESS = ("waveNumber", "attempt", "status")

#: Polls of a wave are written at most so often: all items of an execution share a partition of the table.
POLL_SECONDS = 15.0


def best_effort_history(execution_id: str) -> BestEffortHistory:
    """Return the history of ``[drs] history_*``; switched off, it does nothing.

    :raises DrsConfigurationError: if it is switched on with incomplete settings
    """
    from drs_provider.history.best_effort import BestEffortHistory

    target = settings.history_target()
    if target is None:
        return BestEffortHistory(None)
    return BestEffortHistory(partial(_connect, target, execution_id), also_lost=(DrsError,))


def history_reader(execution_id: str) -> Callable[[], object] | None:
    """Return what reads the execution's record from the table, raising what stands against it; None if switched off.

    It raises DrsConfigurationError for incomplete settings, and the errors of the connection and of DynamoDB.
    """
    if not settings.get("history_connection"):
        return None

    def read() -> object:
        target = settings.history_target()
        return target and _connect(target, execution_id).read(execution_id)

    return read


def _connect(target: AwsTarget, execution_id: str) -> DynamoDbHistory:
    from drs_provider.history.store import DynamoDbHistory
    from drs_provider.hooks.aws.clients import aws_clients

    clients = aws_clients(target, session_name=role_session_name(execution_id), fail_fast=True)
    try:
        client = clients.fail_fast_client("dynamodb")
    except DrsError:
        raise
    except (AirflowException, OSError, ValueError) as error:
        # Of the connection itself: an endpoint that is no URL, a token file that is not there.
        raise DrsError(f"the history's connection {target.connection!r} cannot be used: {error}") from error
    return DynamoDbHistory(client, settings.get("history_table"))


class RunHistory:
    """What a run's tasks tell the history. No method raises because the table cannot be reached.

    :param full_record: the whole record, for a table that lost its beginning; None where it is not at hand
    """

    def __init__(
        self,
        ref: ExecutionRef,
        history: BestEffortHistory,
        full_record: Callable[[], ExecutionRecord] | None = None,
    ) -> None:
        self._ref = ref
        self._history = history
        self._full_record = full_record
        self._lost_end: ExecutionRecord | None = None
        self._polled: dict[int, float] = {}

    @classmethod
    def of(cls, ref: ExecutionRef, full_record: Callable[[], ExecutionRecord] | None = None) -> RunHistory:
        """Return the history of an execution by the configured table."""
        return cls(ref, best_effort_history(ref.execution_id), full_record)

    def started(self, record: ExecutionRecord) -> None:
        """Write the record, all waves PENDING, and show the execution as IN_PROGRESS."""
        self._history.attempt(f"the start of {self._what}", lambda history: history.start(record))
        self._status(ExecutionStatus.IN_PROGRESS)

    def gate_opened(self, wave_number: int, gate: Mapping[str, Any]) -> None:
        """Show the execution as PAUSED before a wave, and who is asked."""
        self._wave(wave_number, None, {"gate": dict(gate), "pauseBeforeWave": True})
        self._status(running_status(gate_waiting=True))

    def gate_closed(self, wave_number: int, gate: Mapping[str, Any], *, other_gates_wait: bool) -> None:
        """Keep a gate's answers; the execution is PAUSED for as long as another gate waits."""
        self._wave(wave_number, None, {"gate": dict(gate)})
        self._status(running_status(gate_waiting=other_gates_wait))

    def hold_opened(self, opened_at: float) -> None:
        """Show a drill as PAUSED before its cleanup."""
        hold: dict[str, Any] = {"armedBy": "hold", "openedAt": opened_at, "responses": []}
        self._status(running_status(gate_waiting=True), {"hold": hold})

    def hold_closed(
        self, hold: Mapping[str, Any], verdict: Mapping[str, Any], *, other_gates_wait: bool
    ) -> None:
        """Keep the verdict on a drill."""
        fields = {"hold": dict(hold), "verdict": dict(verdict)}
        self._status(running_status(gate_waiting=other_gates_wait), fields)

    def people_asked(self) -> None:
        """Show the execution as PAUSED: a step waits for people."""
        self._status(running_status(gate_waiting=True))

    def people_answered(self, *, other_gates_wait: bool) -> None:
        """Show the execution as it goes on; it is PAUSED for as long as something else waits for people."""
        self._status(running_status(gate_waiting=other_gates_wait))

    def wave_launching(self, wave_number: int) -> None:
        """Show a wave as LAUNCHING."""
        self._wave(wave_number, WaveStatus.LAUNCHING)

    def wave_polling(self, wave_number: int, jobs: Sequence[OwnedJob]) -> None:
        """Show a wave, and with it the execution, as POLLING."""
        shown = [own.job for own in jobs if own.visible]
        fields: dict[str, Any] = {"jobs": [job_row(own.job, own.attempt) for own in jobs]}
        if started_at := jobs_start(shown, of=len(jobs)):
            fields["startTime"] = started_at
        self._wave(wave_number, WaveStatus.POLLING, fields)
        self._status(ExecutionStatus.POLLING)

    def wave_skipped(self, wave_number: int, reason: str) -> None:
        """Show a wave as SKIPPED."""
        self._wave(wave_number, WaveStatus.SKIPPED, {"skipReason": reason})

    def wave_polled(
        self,
        wave_number: int,
        rows: Sequence[Mapping[str, Any]],
        polled_at: float,
        *,
        started_at: float | None,
    ) -> None:
        """Write a poll's server rows, at most every 15 s a wave; a poll changes no status.

        :param started_at: when the wave's first job began; None while DRS does not show all of them
        """
        if polled_at < self._polled.get(wave_number, -math.inf) + POLL_SECONDS:
            return
        self._polled[wave_number] = polled_at
        self._history.attempt(
            f"{self._what}, wave {wave_number}: {len(rows)} server rows",
            lambda history: history.put_servers(
                self._ref,
                wave_number,
                rows,
                polled_at,
                started_at=started_at,
                full_record=self._full_record,
            ),
        )

    def wave_launched(self, result: Mapping[str, Any]) -> None:
        """Write what a wave launched; its steps decide it, so its status stays."""
        fields = {name: value for name, value in record_fields(dict(result)).items() if name not in _ADDRESS}
        self._wave(result["waveNumber"], None, fields)

    def wave_ended(self, result: Mapping[str, Any]) -> None:
        """Write a wave's result: who sees it COMPLETED sees its instances, since rows are written first."""
        fields = {name: value for name, value in record_fields(dict(result)).items() if name not in _ADDRESS}
        self._wave(result["waveNumber"], WaveStatus(result["status"]), fields)

    def finalize(self, record: ExecutionRecord) -> ExecutionRecord:
        """Write the end of the attempt; return it as it is stored, or the record itself if another end is, or none."""
        stored = self._history.attempt(
            f"{self._what}: the end of attempt {self._ref.attempt}, {record['status']}",
            lambda history: history.finalize(self._ref, record),
        )
        self._lost_end = record if stored is None else None
        if stored is None or _end_of(stored) != _end_of(record):
            return record
        return stored

    def report_written(self, uri: str, sha256: str, link: Mapping[str, Any] | str | None = None) -> None:
        """Note where the attempt's report is, after the end of the attempt if that was lost a moment ago.

        A second try if the first is lost: no later write would catch it up.
        """
        self._note(
            f"report {uri}, SHA-256 {sha256}",
            lambda history: history.set_report(self._ref, uri=uri, sha256=sha256, link=link),
        )

    def report_failed(self, error: str) -> None:
        """Note why the attempt has no report, as :meth:`report_written` notes where it is."""
        self._note(f"no report: {error}", lambda history: history.set_report_error(self._ref, error))

    def _note(self, what: str, write: Callable[[DynamoDbHistory], WriteResult]) -> None:
        if self._lost_end is not None:
            self.finalize(self._lost_end)
        for _ in range(2):
            if self._history.attempt(f"{self._what}: {what}", write) is not None:
                return

    @property
    def _what(self) -> str:
        return f"execution {self._ref.execution_id}"

    def _status(self, status: ExecutionStatus, fields: Mapping[str, Any] | None = None) -> None:
        self._history.attempt(
            f"{self._what}: {_told(status, fields)}",
            lambda history: history.set_execution_status(
                self._ref, status, fields, full_record=self._full_record
            ),
        )

    def _wave(self, number: int, status: WaveStatus | None, fields: Mapping[str, Any] | None = None) -> None:
        self._history.attempt(
            f"{self._what}, wave {number}: {_told(status, fields)}",
            lambda history: history.set_wave(
                self._ref, number, status, fields, full_record=self._full_record
            ),
        )


def _end_of(record: ExecutionRecord) -> tuple[int, str]:
    return record["attempt"], record["status"]


def _told(status: ExecutionStatus | WaveStatus | None, fields: Mapping[str, Any] | None) -> str:
    return "; ".join(filter(None, (status and f"status {status}", ", ".join(sorted(fields or ())))))

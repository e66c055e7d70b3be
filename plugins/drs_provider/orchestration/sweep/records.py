"""Closing orphaned records of the history: those whose run is gone, or over without having told its end."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from drs_provider import settings
from drs_provider.airflow_api.run import RunView
from drs_provider.core.events import Event
from drs_provider.core.identity import TAG_EXECUTION_ID, TAG_WAVE_NUMBER
from drs_provider.core.states import LIVE_WAVE, TERMINAL_EXECUTION, ExecutionStatus, WaveStatus
from drs_provider.core.times import format_time
from drs_provider.exceptions import DrsError, RunUnknownError
from drs_provider.history.best_effort import is_loss
from drs_provider.history.outcome import ExecutionRef, HistoryBusyError
from drs_provider.history.store import DynamoDbHistory
from drs_provider.hooks.aws import errors
from drs_provider.hooks.aws.clients import aws_clients
from drs_provider.orchestration.sweep.executions import RunOf, run_of
from drs_provider.orchestration.sweep.scope import LOOK_ERRORS, SESSION, SweepScope
from drs_provider.rules.drs.jobs import parse_jobs
from drs_provider.rules.record.schema import ExecutionRecord, WaveRow
from drs_provider.rules.sweep.records import (
    NO_OWN_ID,
    OPEN_STATUSES,
    UNRECOGNIZED_RECORD_ERRORS,
    RecordAction,
    RunOutcome,
    closed_record,
    is_of_deployment,
    last_sign_of_life,
    orphan_status,
    record_action,
)
from drs_provider.rules.sweep.report import Finding, SweepReport
from drs_provider.runtime.execution import AwsAccess
from drs_provider.runtime.jobs import LONGEST_JOB_SECONDS
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)

AWS_ERRORS = (*errors.AWS_ERRORS, DrsError, HistoryBusyError)
OPEN_RECORD = "open record"
ORPHAN = "orphaned record"


def open_history() -> DynamoDbHistory | None:
    """Return the history table, or None if the history is switched off.

    Unlike the history of a running execution it raises: a sweep that cannot look must say so.
    """
    target = settings.history_target()
    if target is None:
        return None
    clients = aws_clients(target, session_name=AwsAccess(SESSION).session_name, fail_fast=True)
    return DynamoDbHistory(clients.fail_fast_client("dynamodb"), settings.get("history_table"))


@dataclass(frozen=True)
class RecordSweep:
    """One look at every open record."""

    history: DynamoDbHistory
    scope: SweepScope
    view: RunView
    report: SweepReport
    now: float

    def run(self) -> None:
        """Sweep all open records; what fails is in the report."""
        try:
            ids = [found for status in OPEN_STATUSES for found in self.history.ids_by_status(status)]
        except AWS_ERRORS as error:
            self._lost("the history table cannot be read", error)
            return
        for execution_id in dict.fromkeys(ids):
            try:
                # The index lags behind and leaves out rows: decide only on the record itself.
                record = self.history.read(execution_id)
                if record is not None and record["status"] not in TERMINAL_EXECUTION:
                    self.report.records_open += 1
                    self._sweep(record)
            except RunUnknownError as error:
                self.report.failures.append(
                    f"execution {execution_id}: {error}; its record was left as it is"
                )
            except AWS_ERRORS as error:
                self._lost(f"execution {execution_id}: its record could not be swept", error)
            except UNRECOGNIZED_RECORD_ERRORS as error:
                # Other systems may write to the table, too: theirs must not hide the others' records.
                log.warning("The record of execution %s cannot be read", execution_id, exc_info=True)
                self.report.failures.append(
                    f"execution {execution_id}: its record cannot be read as one of ours, and was left as it is: "
                    f"{type(error).__name__}: {error}"
                )

    def _lost(self, what: str, error: Exception) -> None:
        if isinstance(error, (ClientError, BotoCoreError)) and not is_loss(error):
            raise error
        self.report.failures.append(f"{what}: {error}")

    def _sweep(self, record: ExecutionRecord) -> None:
        owned = is_of_deployment(record, settings.get("deployment_id"))
        run = run_of(record, self.view) if owned else RunOf(RunOutcome.LIVES)
        action = record_action(
            record,
            owned=owned,
            own_id=settings.has_own_deployment_id(),
            outcome=run.outcome,
            told_end=run.told is not None,
            now=self.now,
        )
        if not owned:
            if action is RecordAction.REPORT:
                self._find(record, "foreign record", "left", *_FOREIGN)
        elif action is RecordAction.REPORT:
            self._find(
                record, OPEN_RECORD, "left", *(_UNPROVEN if run.outcome is RunOutcome.GONE else _STUCK)
            )
        elif action is RecordAction.LEAVE:
            self._halted(record, run)
        elif action is RecordAction.CATCH_UP and run.told is not None:
            self._catch_up(record, run.told)
        else:
            self._close(record, run)

    def _halted(self, record: ExecutionRecord, run: RunOf) -> None:
        """Tell of a run that lives, and in which nothing will happen."""
        if run.outcome is not RunOutcome.LIVES:
            return
        if self.view.is_paused(record["dagId"]):
            reason, remedy = "its DAG is paused: the execution does not go on", "Unpause the DAG."
        elif record["dagId"] not in self.scope.dag_ids:
            reason = "its plan does not load any more, and no last good form of it is known"
            remedy = "If its run stands still: put the plan's file back, or delete the run; its record is closed then."
        else:
            return
        self._find(record, OPEN_RECORD, "left", reason, remedy)

    def _catch_up(self, record: ExecutionRecord, told: ExecutionRecord) -> None:
        reason = f"its run ended {told['status']}, which never reached the table"
        if self.report.dry_run:
            self._find(record, ORPHAN, "would catch up", reason)
            return
        self._write(record, told, "caught up", reason)

    def _close(self, record: ExecutionRecord, run: RunOf) -> None:
        if run.unproven:
            self.report.failures.append(
                f"execution {record['executionId']}: the end that its run told does not count, its record is closed "
                f"without it: {run.unproven}"
            )
        reason = (
            "its DAG run is gone" if run.outcome is RunOutcome.GONE else "its DAG run is over and told no end"
        )
        if self.report.dry_run:
            end = orphan_status(ExecutionStatus(record["status"]), run.outcome)
            self._find(record, ORPHAN, "would close", f"{reason}; it would be {end}")
            return
        ended_at = last_sign_of_life(record, now=self.now)
        if run.found and run.found.ended_at:
            ended_at = max(ended_at, run.found.ended_at)
        notes = dict(self._job_notes(record))
        closed = closed_record(
            record,
            outcome=run.outcome,
            reason=f"{reason}; found {format_time(self.now)}",
            wave_notes=notes,
            ended_at=ended_at,
        )
        self._write(record, closed, "closed", reason, notes=notes.values())

    def _write(
        self,
        record: ExecutionRecord,
        end: ExecutionRecord,
        action: str,
        reason: str,
        *,
        notes: Collection[str] = (),
    ) -> None:
        stored = self.history.finalize(ExecutionRef.of(end), end)
        if stored["status"] not in TERMINAL_EXECUTION:
            self.report.failures.append(
                f"execution {record['executionId']}: its record is {stored['status']} and could not be {action}"
            )
            return
        emit(
            record["executionId"],
            Event.EXECUTION_ORPHANED,
            status=stored["status"],
            action=action,
            reason=reason,
        )
        told = "; ".join([f"{reason}; it is {stored['status']} now", *notes])
        self._find(record, ORPHAN, action, told, _REMEDY_JOBS if notes else "")

    def _job_notes(self, record: ExecutionRecord) -> Iterator[tuple[int, str]]:
        """Yield what is known of the jobs of every wave that has not ended."""
        for wave in record["waves"]:
            status = WaveStatus(wave["status"])
            if (
                status in LIVE_WAVE
                and status is not WaveStatus.PENDING
                and (note := self._job_note(record, wave))
            ):
                yield wave["waveNumber"], note

    def _job_note(self, record: ExecutionRecord, wave: WaveRow) -> str:
        recorded = {job["jobId"] for job in wave.get("jobs", ()) if job["status"] != "COMPLETED"}
        account_id = wave.get("accountContext", {}).get("accountId", "")
        target = self.scope.target_at(account_id, wave.get("region", ""), plan_name=record["planId"])
        if target is None:
            return _unasked(recorded, f"no known plan has a target in account {account_id}")
        try:
            recent = AwsAccess(SESSION).drs(target).jobs_since(self.now - LONGEST_JOB_SECONDS)
            jobs = parse_jobs(recent)
        except LOOK_ERRORS as error:
            log.warning("The jobs of execution %s cannot be read: %s", record["executionId"], error)
            return _unasked(recorded, str(error))
        number = str(wave["waveNumber"])
        running = sorted(
            job.job_id
            for job in jobs
            if not job.completed
            and (
                job.job_id in recorded
                or (job.tags.get(TAG_EXECUTION_ID), job.tags.get(TAG_WAVE_NUMBER))
                == (record["executionId"], number)
            )
        )
        return f"DRS jobs cannot be cancelled, still running: {', '.join(running)}" if running else ""

    def _find(self, record: ExecutionRecord, kind: str, action: str, reason: str, remedy: str = "") -> None:
        subject = f"{record.get('dagId', record['planId'])} {record.get('dagRunId', record['executionId'])}"
        found = Finding(
            kind,
            subject,
            action,
            f"{record['status']}: {reason}",
            remedy,
            record["executionId"],
            record["planId"],
        )
        log.info("%s: %s: %s (%s)", found.kind, found.subject, found.action, found.reason)
        self.report.findings.append(found)


_FOREIGN = (
    "it is not of this Airflow by [drs] deployment_id, and nothing has been written to it for a day",
    "None, if another Airflow writes to this table. If deployment_id was changed, close it by hand.",
)
_UNPROVEN = (
    f"its run is gone, or another Airflow's that writes to this table: {NO_OWN_ID}",
    "Set [drs] deployment_id in every Airflow. If the run was deleted here, close the record by hand.",
)
_STUCK = (
    "its run is over, but a task of it counts as active",
    "Look at the run: set that task's state, or clear it. The record is closed after that.",
)
_REMEDY_JOBS = "Watch these jobs in DRS; terminate what they launch if it was a drill."


def _unasked(recorded: set[str], why: str) -> str:
    jobs = f" {', '.join(sorted(recorded))}" if recorded else " any"
    return f"whether its DRS jobs still run could not be asked ({why}):{jobs}"

"""The end of an attempt: terminal status, record, report, notifications, and the run's colour."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, cast

from airflow.sdk import BaseOperator

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunFacts, RunView
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.assets import add_event
from drs_provider.core.events import Event
from drs_provider.core.identity import role_session_name
from drs_provider.core.texts import cause
from drs_provider.exceptions import DrsConfigurationError, DrsError, EvidenceError, ExecutionFailedError
from drs_provider.history.outcome import ExecutionRef
from drs_provider.links import DrsReportLink
from drs_provider.rules.record.merging import with_link, with_report, with_report_error
from drs_provider.rules.record.schema import ExecutionRecord, WaveRow
from drs_provider.runtime.channels.declared import EXECUTION_END
from drs_provider.runtime.channels.failures import tells_failure
from drs_provider.runtime.channels.party import Run
from drs_provider.runtime.execution import Execution, ended_without_execution, never_started
from drs_provider.runtime.expected_duration import keep_durations
from drs_provider.runtime.history import RunHistory
from drs_provider.runtime.metrics import send_metrics
from drs_provider.runtime.notifications import notify, notify_refused
from drs_provider.runtime.plan_state import keep_end
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)

#: Above this, the XCom leaves out the server rows; report and history hold them.
MAX_XCOM_SERVERS = 200


class PlanFinalizeOperator(BaseOperator):
    """Writes the terminal status of an attempt, once, and raises at its end if the execution did not end well.

    It is a teardown that fails the DAG run: of the patterns that Airflow offers the only one whose run colour is
    right after a failed wave, an aborted run and a cleared wave. Run again, it finds what it wrote.

    :raises ExecutionFailedError: if the execution failed, was cancelled, or its cleanup did not succeed
    """

    ui_color = "#c9c9c9"
    operator_extra_links = (DrsReportLink(),)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.link_address: str | None = None

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """End the attempt."""
        view = RunView(context)
        if outcome := ended_without_execution(view):
            if failure := view.pull(keys.PREPARE, keys.FAILURE):
                raise ExecutionFailedError(failure["message"])
            why = view.pull(keys.PREPARE, keys.EXCLUSION)
            return {"outcome": outcome, **({"why": why} if why else {})}
        if never_started(view):
            return self._end_refused(context, view)
        try:
            execution = Execution.frozen(context)
        except EvidenceError as error:
            # The end is recorded all the same; nothing that the frozen plan says can be believed.
            return self._end_refused(context, view, evidence=str(error))
        return self._end(execution)

    def _end(self, execution: Execution) -> dict[str, Any]:
        from drs_provider.orchestration.end.final_record import final_record  # boto3 stays out of DAG parsing

        state = TaskState(execution.context)
        ended_at = state.once(f"{keys.ENDED_AT}_{execution.attempt}", execution.now())
        final = final_record(execution, ended_at=ended_at, earlier=state.get(keys.EARLIER_ATTEMPTS) or [])
        record = self._write_report(
            execution.history.finalize(final.record), execution.history, execution.view
        )
        kept = [row for row in record["attempts"] if row["attempt"] <= record["attempt"]]
        state.set(keys.EARLIER_ATTEMPTS, kept)
        publish_end(execution.view, without_rows_if_large(record))
        send_metrics(record, state, execution.view)
        keep_durations(execution, record)
        keep_end(execution.plan.dag_id, record)
        statuses = {wave["waveName"]: wave["status"] for wave in record["waves"]}
        execution.emit(Event.EXECUTION_FINALIZED, status=record["status"], waves=statuses)
        if final.left:
            notify(execution, "cleanup_failed", final.left)
        summary = final.summary + no_report_text(record)
        notify(execution, "finished", summary, record=without_rows_if_large(record))
        if final.problem:
            raise ExecutionFailedError(f"{final.record['status']}: {final.problem}")
        add_event(execution.context, record)
        return {"status": record["status"], "report": self.link_address}

    def _end_refused(
        self, context: Mapping[str, Any], view: RunView, *, evidence: str | None = None
    ) -> dict[str, Any]:
        from drs_provider.orchestration.end.final_record import refused_record

        run = RunFacts.of(context)
        record = refused_record(run, view, evidence=evidence)
        history = RunHistory.of(ExecutionRef.of(record), lambda: record)
        record = self._write_report(history.finalize(record), history, view)
        emit(
            record["executionId"],
            Event.EXECUTION_FINALIZED,
            status=record["status"],
            error=record["errorMessage"],
        )
        publish_end(view, without_rows_if_large(record))
        send_metrics(record, TaskState(context), view)
        notify_refused(context, view, without_rows_if_large(record))
        raise ExecutionFailedError(f"{record['status']}: {record['errorMessage']}")

    def _write_report(self, record: ExecutionRecord, history: RunHistory, view: RunView) -> ExecutionRecord:
        from drs_provider.report.files import write_report

        findings = (view.pull(keys.PREPARE, keys.PREFLIGHT) or {}).get("findings") or []
        try:
            report = write_report(record, settings.reports_path(), findings=findings)
        except OSError as error:
            # The outcome of a recovery does not hang on the place for its report.
            self.log.exception("The report could not be written below %s", settings.reports_path())
            emit(record["executionId"], Event.REPORT_FAILED, error=str(error))
            why = cause(str(error))
            history.report_failed(why)
            return with_report_error(record, record["attempt"], why)
        self.link_address = report.html_uri
        self.log.info("Report: %s", report.html_uri)
        link = self._link(record, report.path)
        history.report_written(report.json_uri, report.sha256, link)
        record = with_report(record, record["attempt"], uri=report.json_uri, sha256=report.sha256)
        return with_link(record, record["attempt"], link)

    def _link(self, record: ExecutionRecord, path: str) -> dict[str, Any] | str:
        """Add the report to the chain of evidence; return its link, or why it has none."""
        from drs_provider.evidence.adding import add_report
        from drs_provider.evidence.opening import evidence_signer, evidence_store

        execution_id = record["executionId"]
        try:
            signer = evidence_signer(role_session_name(execution_id))
            head = add_report(evidence_store(), path, signer, at=time.time())
        except (OSError, DrsError) as error:
            # Nor does it hang on the chain: `drs report verify` names the gap, `drs evidence link` closes it.
            self.log.exception("The report is not in the chain of evidence")
            emit(execution_id, Event.EVIDENCE_FAILED, error=str(error))
            return cause(str(error))
        emit(execution_id, Event.EVIDENCE_LINKED, link=head.number, sha256=head.sha256)
        return {"number": head.number, "sha256": head.sha256}


def no_report_text(record: ExecutionRecord) -> str:
    """Return what a message says about a report that was not written, or not linked; empty if it was."""
    row = record["attempts"][-1]
    if "reportError" in row:
        return f"; NO REPORT: {row['reportError']}"
    return f"; NOT IN THE CHAIN OF EVIDENCE: {row['chainError']}" if "chainError" in row else ""


def publish_end(view: RunView, record: ExecutionRecord) -> None:
    """Publish the record of the attempt that ends; without a key unsigned: a run may be refused for just that."""
    try:
        EXECUTION_END.publish(Run(view, record["executionId"]), record, attempt=record["attempt"])
    except DrsConfigurationError as error:
        log.warning("The record is not signed: %s", error)
        view.push(keys.EXECUTION_RECORD, dict(record))


def without_rows_if_large(record: ExecutionRecord) -> ExecutionRecord:
    """Return the record as an XCom holds it: without server rows if there are very many."""
    if sum(len(wave.get("serverStatuses", [])) for wave in record["waves"]) <= MAX_XCOM_SERVERS:
        return record
    waves = [
        cast("WaveRow", {name: value for name, value in wave.items() if name != "serverStatuses"})
        for wave in record["waves"]
    ]
    return {**record, "waves": waves}

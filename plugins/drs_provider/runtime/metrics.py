"""Metrics of an ended execution to CloudWatch; best effort: a failure never changes the outcome."""

from __future__ import annotations

import logging
from typing import Any

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunView
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.events import Event
from drs_provider.core.identity import role_session_name
from drs_provider.core.texts import cause
from drs_provider.exceptions import DrsError
from drs_provider.rules.record.metrics import execution_metrics
from drs_provider.rules.record.schema import ExecutionRecord
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)


def send_metrics(record: ExecutionRecord, state: TaskState, view: RunView) -> None:
    """Send the metrics of an attempt, once, if ``[drs] metrics_connection`` is set.

    What fails is logged, told in the timeline, and kept as the XCom ``metrics_failure``. A retry does not send again
    what was sent.
    """
    sent = f"{keys.METRICS_SENT}_{record['attempt']}"
    if not settings.get("metrics_connection") or state.get(sent):
        return
    from drs_provider.hooks.cloudwatch_api import FAILURES  # boto3 stays out of DAG parsing

    try:
        facts = _send(record)
    except FAILURES as error:
        log.exception("The metrics could not be sent")
        view.push(keys.METRICS_FAILURE, cause(str(error)))
        emit(record["executionId"], Event.METRICS_FAILED, attempt=record["attempt"], error=str(error))
        return
    state.set(sent, True)
    emit(record["executionId"], Event.METRICS_SENT, attempt=record["attempt"], **facts)


def _send(record: ExecutionRecord) -> dict[str, Any]:
    from drs_provider.hooks.aws.clients import aws_clients
    from drs_provider.hooks.cloudwatch_api import CloudWatchApi
    from drs_provider.report import figures

    target = settings.metrics_target()
    if target is None:
        raise DrsError("[drs] metrics_connection was taken away meanwhile")
    metrics = execution_metrics(record, rto=figures.rto(record), rpo=figures.rpo(record))
    namespace = settings.get("metrics_namespace")
    session = role_session_name(record["executionId"])
    clients = aws_clients(target, session_name=session, fail_fast=True)
    CloudWatchApi(clients).put_metrics(namespace, metrics, record.get("endTime", record["startTime"]))
    return {"count": len(metrics), "namespace": namespace}

"""Messages through the notifiers that providers ship. They never alter a result, and never hold one up for long."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import pkgutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunView
from drs_provider.core.events import Event
from drs_provider.core.texts import cause, clipped
from drs_provider.exceptions import DrsConfigurationError, EvidenceError
from drs_provider.plan.model import Plan
from drs_provider.runtime.channels.declared import NOTIFICATIONS
from drs_provider.runtime.channels.party import Run
from drs_provider.runtime.execution import Execution
from drs_provider.runtime.timeline import emit

log = logging.getLogger(__name__)

FINISHED = "finished"
#: Longest summary of a message, in characters; ticket fields and text messages hold no more
MAX_SUMMARY = 1_000
DEFAULT_TIMEOUT_SECONDS = 30.0


def notify(execution: Execution, event: str, summary: str, **facts: Any) -> None:
    """Send the plan's notifications for an event.

    Templates of the notifier's arguments see Airflow's context and ``drs`` (``event``, ``summary``, ``executionId``,
    ``planName``, ``executionType``, ``ticket`` … and the event's own facts). What fails is logged, told in the
    timeline, and kept for the record.
    """
    plan = execution.plan
    drs = {
        "event": event,
        "summary": clipped(summary, MAX_SUMMARY),
        "executionId": plan.execution_id,
        "executionType": str(plan.execution_type),
        "planName": plan.plan_name,
        "planTitle": plan.plan_title,
        "ticket": plan.ticket,
        "reason": plan.reason,
        "elapsedSeconds": round(execution.now() - execution.started_at),
        "expectedSeconds": round(execution.expected.seconds),
        **facts,
    }
    failed = send(plan.notifications, {**execution.context, "drs": drs})
    for notifier, error in failed.items():
        execution.emit(Event.NOTIFICATION_FAILED, notifier=notifier, error=error)
    if failed:
        rows = [{"event": event, "notifier": path, "error": error} for path, error in failed.items()]
        execution.view.push(keys.NOTIFICATION_FAILURES, rows)


def tell_refused_to(view: RunView, plan: Plan, execution_id: str) -> None:
    """Leave word of whom to tell if the run ends before it is an execution: it then has no frozen plan to read."""
    told = [item for item in plan.notifications if FINISHED in item.events]
    if told:
        NOTIFICATIONS.publish(Run(view, execution_id), told)


def notify_refused(context: Mapping[str, Any], view: RunView, record: Mapping[str, Any]) -> None:
    """Send the notifications for the end of a run that was refused."""
    execution_id = record["executionId"]
    try:
        told = NOTIFICATIONS.read(Run(view, execution_id)).value or []
    except EvidenceError as error:
        log.warning("Nobody is told of the end: %s", error)
        emit(execution_id, Event.NOTIFICATION_FAILED, notifier="all", error=str(error))
        return
    drs = {
        **{name: record.get(name) for name in ("executionId", "executionType", "ticket", "reason")},
        "planName": record["planId"],
        "planTitle": record["planName"],
        "event": FINISHED,
        "summary": clipped(
            f"{record['executionType']} {record['planName']}: {record['status']}, {record['errorMessage']}",
            MAX_SUMMARY,
        ),
        "record": record,
    }
    rows = [item.model_dump(mode="json") for item in told]
    for notifier, failure in send(rows, {**context, "drs": drs}).items():
        emit(execution_id, Event.NOTIFICATION_FAILED, notifier=notifier, error=failure)


def failures(view: RunView, task_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return the messages of some tasks that were not delivered."""
    return [row for task_id in task_ids for row in view.pull(task_id, keys.NOTIFICATION_FAILURES) or ()]


def send(notifications: Sequence[Mapping[str, Any]], context: Mapping[str, Any]) -> dict[str, str]:
    """Send those of the notifications that name the event in ``context["drs"]``; return what failed, and why."""
    failed = {}
    for notification in notifications:
        if context["drs"]["event"] not in notification["events"]:
            continue
        path = notification["notifier"]
        if error := _call(path, notification["args"], context):
            log.error("Notification through %s failed", path, exc_info=error)
            failed[path] = cause(f"{type(error).__name__}: {error}")
    return failed


def _call(path: str, args: Mapping[str, Any], context: Mapping[str, Any]) -> Exception | None:
    """Call a notifier, and give up on it when it takes too long: a recovery does not wait for a mail server."""
    limit = _longest_seconds()
    # Until it is proven otherwise: it may still be on its way when the time is over.
    outcome: list[Exception | None] = [TimeoutError(f"no answer within {limit:g} seconds")]

    def call() -> None:
        try:
            pkgutil.resolve_name(path)(**args)(dict(context))
            outcome.append(None)
        except Exception as error:  # whatever a notifier raises must not change a recovery's outcome
            outcome.append(error)

    # A daemon: a notifier that hangs for good must not keep the task's process from ending.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(call,), daemon=True, name=path)
    thread.start()
    thread.join(limit)
    return outcome[-1]


def _longest_seconds() -> float:
    try:
        return settings.get_seconds("notification_timeout_seconds")
    except DrsConfigurationError as error:
        # A message that cannot be bounded as wished is still no reason to end a recovery.
        log.error("%s; %g seconds are used", error, DEFAULT_TIMEOUT_SECONDS)
        return DEFAULT_TIMEOUT_SECONDS


async def rto_missed(
    plan: dict[str, Any], notifications: list[dict[str, Any]], context: dict[str, Any] | None = None
) -> None:
    """Tell that a running execution has passed its RTO; Airflow's deadline alert calls it in the triggerer.

    :param plan: ``name``, ``title`` and ``rto_minutes`` of the plan
    :param context: the DAG run and the deadline, as Airflow gives them
    """
    context = context or {}
    run_id = context.get("dag_run", {}).get("dag_run_id", "")
    summary = (
        f"{plan['title']}: the RTO of {plan['rto_minutes']} minutes is over, run {run_id} is not finished"
    )
    drs = {"event": "rto_missed", "summary": summary, "planName": plan["name"], "planTitle": plan["title"]}
    await asyncio.to_thread(send, notifications, {**context, "drs": drs})

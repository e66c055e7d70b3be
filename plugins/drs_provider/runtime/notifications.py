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
from drs_provider.core.identity import message_key
from drs_provider.core.texts import cause, clipped
from drs_provider.core.times import format_time, parse_time
from drs_provider.exceptions import DrsConfigurationError, EvidenceError
from drs_provider.links import page_address
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


def notify(
    execution: Execution,
    event: str,
    summary: str,
    *,
    told_as: str | None = None,
    deadline: float | None = None,
    occurrence: int = 1,
    **facts: Any,
) -> None:
    """Send the plan's notifications for an event.

    Templates of the notifier's arguments see Airflow's context and ``drs`` (``event``, ``summary``, ``url``,
    ``executionId``, ``planName``, ``executionType``, ``ticket`` … and the event's own facts). What fails is logged,
    told in the timeline, and kept for the record.

    :param told_as: a wider event: notifications that name it, and not this one, get the message as that
    :param deadline: epoch seconds until which somebody should act
    :param occurrence: which one of several, where a task tells the same thing more than once in an attempt
    """
    plan, view = execution.plan, execution.view
    drs = {
        "event": event,
        "summary": clipped(summary, MAX_SUMMARY),
        "executionId": plan.execution_id,
        "executionType": str(plan.execution_type),
        "attempt": execution.attempt,
        "planName": plan.plan_name,
        "planTitle": plan.plan_title,
        "ticket": plan.ticket,
        "reason": plan.reason,
        "elapsedSeconds": round(execution.now() - execution.started_at),
        "expectedSeconds": round(execution.expected.seconds),
        **_placed(plan.plan_name, plan.dag_run_id, deadline),
        "dedupKey": message_key(event, plan.execution_id, execution.attempt, view.task_id, occurrence),
        **facts,
    }
    failed = send(plan.notifications, {**execution.context, "drs": drs}, told_as=told_as)
    for notifier, error in failed.items():
        execution.emit(Event.NOTIFICATION_FAILED, notifier=notifier, error=error)
    if failed:
        before = view.pull(view.task_id, keys.NOTIFICATION_FAILURES) or []
        rows = [{"event": event, "notifier": path, "error": error} for path, error in failed.items()]
        view.push(keys.NOTIFICATION_FAILURES, [*before, *rows])


def tell_plan(
    plan: Plan,
    event: str,
    summary: str,
    *,
    context: Mapping[str, Any],
    since: float,
    deadline: float | None = None,
    **facts: Any,
) -> dict[str, str]:
    """Send a plan's notifications for what happens to no execution: ``readiness_lost``, ``drill_overdue``.

    :param context: Airflow's, of the task that tells
    :param since: epoch seconds since when it is so: the same message has the same key
    :param deadline: epoch seconds until which somebody should act
    :return: notifier -> why its message was not delivered
    """
    drs = {
        "event": event,
        "summary": clipped(summary, MAX_SUMMARY),
        "planName": plan.name,
        "planTitle": plan.display_title,
        **_placed(plan.name, None, deadline),
        "dedupKey": message_key(event, plan.name, round(since)),
        **facts,
    }
    return send([item.model_dump(mode="json") for item in plan.notifications], {**context, "drs": drs})


def _placed(plan_name: str, run_id: str | None, deadline: float | None = None) -> dict[str, Any]:
    """Return what every message has: where to look, and until when somebody should act."""
    return {
        "url": page_address(plan_name, run_id),
        "deadline": deadline,
        "deadlineText": "" if deadline is None else format_time(deadline),
    }


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
        "attempt": record["attempt"],
        **_placed(record["planId"], record["dagRunId"]),
        "dedupKey": message_key(FINISHED, execution_id, record["attempt"]),
        "record": record,
    }
    rows = [item.model_dump(mode="json") for item in told]
    for notifier, failure in send(rows, {**context, "drs": drs}).items():
        emit(execution_id, Event.NOTIFICATION_FAILED, notifier=notifier, error=failure)


def failures(view: RunView, task_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return the messages of some tasks that were not delivered."""
    return [row for task_id in task_ids for row in view.pull(task_id, keys.NOTIFICATION_FAILURES) or ()]


def send(
    notifications: Sequence[Mapping[str, Any]], context: Mapping[str, Any], *, told_as: str | None = None
) -> dict[str, str]:
    """Send those of the notifications that name the event in ``context["drs"]``; return what failed, and why.

    :param told_as: a wider event, for those that name only that
    """
    failed = {}
    names = [name for name in (context["drs"]["event"], told_as) if name]
    for notification in notifications:
        event = next((name for name in names if name in notification["events"]), None)
        if event is None:
            continue
        path = notification["notifier"]
        if error := _call(path, notification["args"], {**context, "drs": {**context["drs"], "event": event}}):
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
    deadline = context.get("deadline", {})
    over_at = deadline.get("deadline_time")
    drs = {
        "event": "rto_missed",
        "summary": summary,
        "planName": plan["name"],
        "planTitle": plan["title"],
        **_placed(plan["name"], run_id, None if over_at is None else parse_time(over_at)),
        "dedupKey": message_key("rto_missed", plan["name"], run_id, str(deadline.get("id"))),
    }
    await asyncio.to_thread(send, notifications, {**context, "drs": drs})

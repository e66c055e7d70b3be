"""Messages through the notifiers that providers ship. They never alter a result; a failure is logged and told."""

from __future__ import annotations

import asyncio
import logging
import pkgutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drs_provider.runtime.execution import Execution

log = logging.getLogger(__name__)


def notify(execution: Execution, event: str, summary: str, **facts: Any) -> None:
    """Send the plan's notifications for an event.

    Templates of the notifier's arguments see Airflow's context and ``drs`` (``event``, ``summary``, ``executionId``,
    ``planName``, ``executionType`` and the event's own facts).
    """
    plan = execution.plan
    drs = {
        "event": event,
        "summary": summary,
        "executionId": plan.execution_id,
        "executionType": str(plan.execution_type),
        "planName": plan.plan_name,
        "planTitle": plan.plan_title,
        "ticket": plan.ticket,
        "reason": plan.reason,
        **facts,
    }
    for notifier, error in send(plan.notifications, {**execution.context, "drs": drs}).items():
        execution.emit("notificationFailed", notifier=notifier, error=error)


def send(notifications: Sequence[Mapping[str, Any]], context: Mapping[str, Any]) -> dict[str, str]:
    """Send those of the notifications that name the event in ``context["drs"]``; return what failed, and why."""
    failed = {}
    for notification in notifications:
        if context["drs"]["event"] not in notification["events"]:
            continue
        path = notification["notifier"]
        try:
            pkgutil.resolve_name(path)(**notification["args"])(dict(context))
        except Exception as error:  # whatever a notifier raises must not change a recovery's outcome
            log.exception("Notification through %s failed", path)
            failed[path] = str(error)
    return failed


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

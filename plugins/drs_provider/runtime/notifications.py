"""Messages through the notifiers that providers ship. They never alter a result; a failure is logged and told."""

from __future__ import annotations

import logging
import pkgutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drs_provider.runtime.execution import Execution

log = logging.getLogger(__name__)


def notify(execution: Execution, event: str, summary: str, **facts: Any) -> None:
    """Send the plan's notifications for an event.

    Templates of the notifier's arguments see Airflow's context and ``drs`` (``event``, ``summary``, ``executionId``,
    ``planName``, ``executionType`` and the event's own facts).
    """
    for notification in execution.plan.notifications:
        if event in notification["events"]:
            _send(execution, notification, {"event": event, "summary": summary, **facts})


def _send(execution: Execution, notification: dict[str, Any], facts: dict[str, Any]) -> None:
    plan = execution.plan
    drs = {
        "executionId": plan.execution_id,
        "executionType": str(plan.execution_type),
        "planName": plan.plan_name,
        "planTitle": plan.plan_title,
        "ticket": plan.ticket,
        "reason": plan.reason,
        **facts,
    }
    try:
        notifier = pkgutil.resolve_name(notification["notifier"])(**notification["args"])
        notifier({**execution.context, "drs": drs})
    except Exception as error:  # whatever a notifier raises must not change a recovery's outcome
        log.exception("Notification through %s failed", notification["notifier"])
        execution.emit("notificationFailed", notifier=notification["notifier"], error=str(error))

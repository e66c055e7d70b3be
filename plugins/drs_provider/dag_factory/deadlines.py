"""The RTO as a deadline alert of Airflow: it tells people, and changes nothing in the run."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference  # type: ignore[attr-defined]

from drs_provider.plan.model import Plan

EVENT = "rto_missed"


def rto_alerts(plan: Plan) -> list[DeadlineAlert]:
    """Return the alert for a run that passes the plan's RTO, if the plan wants to be told; a clear starts it anew."""
    wanted = [item for item in plan.notifications if EVENT in item.events]
    minutes = plan.objectives.rto_minutes
    if not wanted or minutes is None:
        return []
    told = {"name": plan.name, "title": plan.display_title, "rto_minutes": minutes}
    return [
        DeadlineAlert(
            name="rto",
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(minutes=minutes),
            callback=AsyncCallback(
                "drs_provider.runtime.notifications.rto_missed",
                kwargs={"plan": told, "notifications": [item.model_dump(mode="json") for item in wanted]},
            ),
        )
    ]

"""Airflow's asset events of executions: any DAG can be scheduled on "recovered" or "drilled".

A task that succeeds emits an event for each asset that it names as its outlet. Which one an execution may emit shows
only at its end, so `finalize` names an alias; Airflow makes the asset when the first event comes, or when a DAG is
scheduled on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset, AssetAlias

from drs_provider.core.identity import dag_id_of, plan_name_of
from drs_provider.core.states import ExecutionType


def recovered(plan: str) -> Asset:
    """Return the asset of a plan's RECOVERY executions that ended well.

    :param plan: name of the plan
    """
    return Asset(f"drs://recovery-plans/{plan}/recovered")


def drilled(plan: str) -> Asset:
    """Return the asset of a plan's DRILL executions that ended well.

    :param plan: name of the plan
    """
    return Asset(f"drs://recovery-plans/{plan}/drilled")


def ended(plan: str) -> AssetAlias:
    """Return what stands for both of them among the outlets of the plan's last task.

    :param plan: name of the plan
    """
    return AssetAlias(dag_id_of(plan))


def add_event(context: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Add the event of an execution that has ended well; Airflow emits it if, and when, the task succeeds.

    :param context: of the plan's last task
    :param record: the execution's record
    """
    plan = plan_name_of(record["dagId"]) or record["dagId"]
    is_drill = ExecutionType(record["executionType"]).is_drill
    extra = {
        "plan": plan,
        "dagRunId": record["dagRunId"],
        **{name: record[name] for name in ("executionId", "executionType", "status", "attempt")},
    }
    context["outlet_events"][ended(plan)].add(drilled(plan) if is_drill else recovered(plan), extra=extra)

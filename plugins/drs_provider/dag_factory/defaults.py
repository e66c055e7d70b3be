"""How this provider's DAGs are scheduled, and their tasks owned, queued, pooled, prioritized and retried."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.sdk import CronTriggerTimetable

from drs_provider import settings
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.options import OPTIONS
from drs_provider.plan.operations import Schedule
from drs_provider.plan.problems import PlanProblem
from drs_provider.runtime.gate_retries import OwnFailures

_WITH_DEFAULT = ("priority_weight", "withdrawn_plan_days")

RETRIES = 3
RETRY_DELAY = timedelta(seconds=20)
LONGEST_RETRY_DELAY = timedelta(minutes=5)


def option_problems() -> Iterator[PlanProblem]:
    """Yield the options that every parse reads, and uses the default of, because they are not numbers."""
    for option in _WITH_DEFAULT:
        try:
            settings.get_int(option)
        except DrsConfigurationError as error:
            remedy = f"correct it; until then {OPTIONS[option].default} is used"
            yield PlanProblem("Airflow's configuration", "", str(error), remedy)


def timetable(schedule: Schedule) -> CronTriggerTimetable:
    """Return when Airflow starts a DAG.

    Without a start date, and at the next time: a plan that is deployed must not start the drill of last Saturday. With
    ``run_immediately=False`` Airflow would, for a tenth of the time between two runs
    (``airflow/timetables/trigger.py``).
    """
    return CronTriggerTimetable(schedule.cron, timezone=schedule.timezone, run_immediately=timedelta(0))


def default_args(priority: int, owner: str | None) -> dict[str, Any]:
    """Return the ``default_args`` of a plan's DAG.

    A smaller plan priority goes first, so it is subtracted from the configured weight. Retries only reconcile:
    no operator of this provider does anything twice.
    """
    arguments: dict[str, Any] = {
        "owner": owner or settings.get("owner"),
        "retries": RETRIES,
        "retry_delay": RETRY_DELAY,
        "retry_exponential_backoff": True,
        "max_retry_delay": LONGEST_RETRY_DELAY,
        "pool": settings.get("pool"),
        "priority_weight": max(1, settings.get_int_or_default("priority_weight") - priority),
        "weight_rule": "absolute",
    }
    if queue := settings.get("queue"):
        arguments["queue"] = queue
    return arguments


def gate_arguments() -> dict[str, Any]:
    """Return how tasks that ask people are retried: what the scheduler takes for killed, at once and almost always.

    An answer in the moment in which a task defers looks to the scheduler as if the task had been killed. Failures of
    its own are retried as those of other tasks.
    """
    return {
        "retries": 100,
        "retry_delay": timedelta(0),
        "retry_exponential_backoff": 0,
        "retry_policy": OwnFailures(most=RETRIES, delay=RETRY_DELAY, longest=LONGEST_RETRY_DELAY),
    }

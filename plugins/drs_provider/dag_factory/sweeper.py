"""The sweeper's DAG: one task, on a schedule of its own or when somebody triggers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import DAG, CronTriggerTimetable, Param, get_parsing_context
from pydantic import ValidationError

from drs_provider import keys, settings
from drs_provider.core.identity import SWEEPER_DAG_ID
from drs_provider.dag_factory.collection import collection_paused
from drs_provider.dag_factory.defaults import default_args, timetable
from drs_provider.exceptions import DrsConfigurationError
from drs_provider.operators.sweep import DrsSweepOperator
from drs_provider.plan.files.folder import load_catalog
from drs_provider.plan.operations import Schedule
from drs_provider.rules.sweep.conf import sweep_params

#: As a plan's: all plans go first.
PRIORITY = 1000

_DOC = """
# Sweeper

Looks behind executions that nobody ends any more:

- **orphaned records** of the history, whose DAG run is gone, or over without having told its end, are closed
- **drill instances** that have outlived their plan's `max_age_hours` are reported, and terminated if
  `[drs] sweep_terminate` or the run's `terminate` says so

Its report is the XCom `sweep_report` of the task `sweep`, and a table in the task's log. The task fails if something
could not be looked at.
"""


def sweeper_dags(plans_folder: Path) -> dict[str, DAG]:
    """Return the sweeper's DAG by its id; nothing in a task's own process that asks for another one."""
    wanted = get_parsing_context().dag_id
    return {SWEEPER_DAG_ID: sweeper_dag(plans_folder)} if wanted in (None, SWEEPER_DAG_ID) else {}


@collection_paused
def sweeper_dag(plans_folder: Path) -> DAG:
    """Return the sweeper's DAG.

    :raises DrsConfigurationError: if ``[drs] sweep_schedule`` is neither a cron expression nor ``off``
    """
    targets = {
        target for loaded in load_catalog(plans_folder).plans.values() for target in loaded.plan.aws_targets()
    }
    with maintenance_dag(
        schedule=maintenance_schedule("sweep_schedule", settings.get("sweep_schedule")),
        dag_id=SWEEPER_DAG_ID,
        dag_display_name="DRS sweeper",
        description="Closes orphaned records and finds drill instances that have outlived their time",
        doc_md=_DOC,
        params={
            name: Param(
                schema["default"], **{key: value for key, value in schema.items() if key != "default"}
            )
            for name, schema in sweep_params(targets).items()
        },
        retries=1,
    ) as dag:
        DrsSweepOperator(task_id=keys.SWEEP, plans_folder=plans_folder)
    return dag


def maintenance_dag(*, retries: int, **described: Any) -> DAG:
    """Return a DAG that looks after this installation; its tasks are to be added."""
    return DAG(
        catchup=False,
        is_paused_upon_creation=False,
        # Runs may be beside each other: one that watches terminations must not hold up the next one.
        max_active_runs=4,
        max_consecutive_failed_dag_runs=0,
        tags=["drs-maintenance"],
        default_args=default_args(PRIORITY, None) | {"retries": retries},
        auto_register=False,
        **described,
    )


def maintenance_schedule(option: str, text: str) -> CronTriggerTimetable | None:
    """Return the schedule that an option's text names; None for ``off``.

    :raises DrsConfigurationError: if it is neither a cron expression nor ``off``
    """
    text = text.strip()
    if text.lower() in ("", "off"):
        return None
    try:
        schedule = Schedule(cron=text)
    except ValidationError as error:
        raise DrsConfigurationError(
            f"[drs] {option} must be a cron expression of five fields, or off, not {text!r}"
        ) from error
    return timetable(schedule)

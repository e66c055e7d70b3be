"""The DAG that looks whether plans are ready: one task, on a schedule of its own or when somebody asks."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from drs_provider import keys, settings
from drs_provider.core.identity import READINESS_DAG_ID
from drs_provider.dag_factory.sweeper import maintenance_dag, maintenance_schedule
from drs_provider.operators.readiness import DrsReadinessOperator

_DOC = """
# Readiness

Runs the preflight of every plan, which changes nothing, and keeps what it shows: protected or not, ready or not.
Plans' notifications `readiness_lost` and `drill_overdue` are sent from here, once each.

Its report is the XCom `readiness_report`, and a text in the task's log.
"""


def readiness_dags(plans_folder: Path) -> dict[str, DAG]:
    """Return the DAG by its id; nothing in a task's own process that asks for another one."""
    wanted = get_parsing_context().dag_id
    return {READINESS_DAG_ID: readiness_dag(plans_folder)} if wanted in (None, READINESS_DAG_ID) else {}


def readiness_dag(plans_folder: Path) -> DAG:
    """Return the DAG.

    :raises DrsConfigurationError: if ``[drs] readiness_schedule`` is neither a cron expression nor ``off``
    """
    with maintenance_dag(
        schedule=maintenance_schedule("readiness_schedule", settings.get("readiness_schedule")),
        dag_id=READINESS_DAG_ID,
        dag_display_name="DRS readiness",
        description="Looks whether the plans are ready, and drilled as often as they promise",
        doc_md=_DOC,
        retries=1,
    ) as dag:
        DrsReadinessOperator(task_id=keys.READINESS, plans_folder=plans_folder)
    return dag

"""The doctor's DAG: one task, on a schedule of its own or when somebody asks."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG, Param, get_parsing_context

from drs_provider import keys, settings
from drs_provider.core.identity import DOCTOR_DAG_ID
from drs_provider.dag_factory.sweeper import maintenance_dag, maintenance_schedule
from drs_provider.operators.doctor import DrsDoctorOperator

_DOC = """
# Doctor

Looks whether this installation is fit for an execution: settings, signing keys and clocks of workers and triggerers,
the way into every account, the history table, the place for reports, the people that plans name. It changes nothing.

Its report is the XCom `doctor_report` of the task `doctor`; `airflow drs doctor` adds what only Airflow's API shows.
"""


def doctor_dags(plans_folder: Path) -> dict[str, DAG]:
    """Return the doctor's DAG by its id; nothing in a task's own process that asks for another one."""
    wanted = get_parsing_context().dag_id
    return {DOCTOR_DAG_ID: doctor_dag(plans_folder)} if wanted in (None, DOCTOR_DAG_ID) else {}


def doctor_dag(plans_folder: Path) -> DAG:
    """Return the doctor's DAG.

    :raises DrsConfigurationError: if ``[drs] doctor_schedule`` is neither a cron expression nor ``off``
    """
    with maintenance_dag(
        schedule=maintenance_schedule("doctor_schedule", settings.get("doctor_schedule")),
        dag_id=DOCTOR_DAG_ID,
        dag_display_name="DRS doctor",
        description="Looks whether this installation is fit for an execution",
        doc_md=_DOC,
        params={
            "notify": Param(
                False,
                type="boolean",
                title="Notify",
                description="Send each plan's notifications a test message.",
            )
        },
        retries=0,  # what it finds is not gone by trying again
    ) as dag:
        DrsDoctorOperator(task_id=keys.DOCTOR, plans_folder=plans_folder)
    return dag

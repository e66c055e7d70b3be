"""Maintenance: the sweeper, the doctor that looks whether this installation is fit for an execution, and evidence."""

from __future__ import annotations

from pathlib import Path

from drs_provider import settings
from drs_provider.dag_factory.doctor import doctor_dags
from drs_provider.dag_factory.evidence import evidence_dags
from drs_provider.dag_factory.readiness import readiness_dags
from drs_provider.dag_factory.sweeper import sweeper_dags

# Airflow's DAG discovery looks for the words "airflow" and "DAG" in a file before it parses it.
plans = Path(settings.get("plans_folder") or Path(__file__).parent / "plans")
globals().update(sweeper_dags(plans) | doctor_dags(plans) | readiness_dags(plans) | evidence_dags())

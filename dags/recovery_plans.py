"""The DAGs of all recovery plans. A broken plan file never breaks this file: see recovery_plan_errors.py."""

from __future__ import annotations

import gc
from pathlib import Path

from drs_provider import settings
from drs_provider.dag_factory.register import recovery_plan_dags

# Airflow's DAG discovery looks for the words "airflow" and "DAG" in a file before it parses it.
plans = Path(settings.get("plans_folder") or Path(__file__).parent / "plans")
globals().update(recovery_plan_dags(plans, Path(__file__)))
# The DAGs live as long as the process that parses this file: nothing of them is garbage while Airflow serializes them.
gc.freeze()

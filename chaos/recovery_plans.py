"""The DAGs of a campaign's plans; in its DAGs folder, where retries are not worth waiting for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from drs_provider.dag_factory.register import recovery_plan_dags

# Airflow looks for the words "airflow" and "DAG" in a file before it parses it.
_DAGS = recovery_plan_dags(Path(__file__).parent / "plans")
for _dag in _DAGS.values():
    for _task in _dag.tasks:
        _task.retry_delay = timedelta(seconds=2)
        _task.max_retry_delay = timedelta(seconds=6)
globals().update(_DAGS)

"""The DAG of building blocks of a campaign: two drills side by side, on servers that no plan has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from drs_provider.operators.enrich_recovery import DrsEnrichRecoveryOperator
from drs_provider.operators.start_recovery import DrsStartRecoveryOperator
from drs_provider.operators.terminate_recovery_instances import DrsTerminateRecoveryInstancesOperator
from drs_provider.sensors.job import DrsJobSensor

#: Region by name: in the second one, DRS shows jobs late, and never their tags. See chaos.block_runs.
PLACES = {"own": "eu-west-1", "own_late": "eu-north-1"}

with DAG(
    "chaos_blocks",
    schedule=None,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args={"retries": 8, "retry_delay": timedelta(seconds=2)},
) as dag:
    for place, region in PLACES.items():
        target: dict[str, Any] = {
            "aws_conn_id": "aws_dr",
            "account_id": "111122223333",
            "region_name": region,
            "own_account": True,
            "deferrable": True,
        }
        start = DrsStartRecoveryOperator(
            task_id=f"start_{place}",
            source_servers=[f"s-k{region.replace('-', '')}{number}".ljust(19, "0") for number in (1, 2)],
            any_network=True,
            **target,
        )
        wait = DrsJobSensor(task_id=f"wait_{place}", jobs=start.output, **target)
        rows = DrsEnrichRecoveryOperator(task_id=f"rows_{place}", jobs=wait.output, **target)
        end = DrsTerminateRecoveryInstancesOperator(task_id=f"terminate_{place}", jobs=start.output, **target)
        rows >> [end.as_teardown(on_failure_fail_dagrun=True), EmptyOperator(task_id=f"done_{place}")]

"""A drill of two servers, from its start to the last terminated instance.

`done` is the run's second leaf: with it the run is red if anything failed, and if the teardown failed, too.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, task

from drs_provider.operators.enrich_recovery import DrsEnrichRecoveryOperator
from drs_provider.operators.start_recovery import DrsStartRecoveryOperator
from drs_provider.operators.terminate_recovery_instances import DrsTerminateRecoveryInstancesOperator
from drs_provider.sensors.job import DrsJobSensor

TARGET = {
    "aws_conn_id": "aws_dr",
    "account_id": "111122223333",
    "region_name": "eu-west-1",
    "own_account": True,
    "deferrable": True,
}

with DAG("example_drs_drill", schedule=None, default_args=TARGET, tags=["example"]) as dag:
    start = DrsStartRecoveryOperator(
        task_id="start",
        source_servers=["s-4444444444444444a", "s-4444444444444444b"],
        allowed_vpcs=["vpc-0d5111aa"],
        allowed_subnets=["subnet-0d5111a1"],
        job_tags={"Team": "wiki"},
    )
    wait = DrsJobSensor(task_id="wait", jobs=start.output)
    rows = DrsEnrichRecoveryOperator(task_id="rows", jobs=start.output)

    @task
    def addresses(rows: list[dict]) -> dict[str, str]:
        """Return the private address of each server."""
        return {row["serverName"]: row["privateIp"] for row in rows}

    terminate = DrsTerminateRecoveryInstancesOperator(task_id="terminate", jobs=start.output)
    told = addresses(rows.output)
    wait >> rows
    told >> [terminate.as_teardown(on_failure_fail_dagrun=True), EmptyOperator(task_id="done")]

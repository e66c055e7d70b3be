"""Terminate what drill jobs launched; a recovery's instances, and everybody else's, stay."""

from airflow.sdk import DAG, Param

from drs_provider.operators.terminate_recovery_instances import DrsTerminateRecoveryInstancesOperator

with DAG(
    "example_drs_terminate",
    schedule=None,
    tags=["example"],
    params={"job_ids": Param("", type="string", description="drsjob-…, several separated by commas")},
) as dag:
    DrsTerminateRecoveryInstancesOperator(
        task_id="terminate",
        jobs="{{ params.job_ids }}",
        aws_conn_id="aws_dr",
        account_id="111122223333",
        region_name="eu-west-1",
        own_account=True,
        deferrable=True,
    )

"""One job for each server that the form of the run names, as drill or recovery.

Each instance of the mapped task is a start of its own: its retries find its own job and no other one.
"""

from airflow.sdk import DAG, Param

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

with DAG(
    "example_drs_start",
    schedule=None,
    default_args=TARGET,
    tags=["example"],
    params={
        "execution_type": Param("DRILL", enum=["DRILL", "RECOVERY"]),
        "source_state": Param("unknown", enum=["unknown", "lost", "fenced"]),
    },
) as dag:
    start = DrsStartRecoveryOperator.partial(
        task_id="start",
        execution_type="{{ params.execution_type }}",
        source_state="{{ params.source_state }}",
        allowed_vpcs=["vpc-0d5111aa"],
    ).expand(source_servers=[["s-1111111111111111a"], ["s-1111111111111111b"]])
    wait = DrsJobSensor(task_id="wait", jobs=start.output)
    terminate = DrsTerminateRecoveryInstancesOperator(task_id="terminate", jobs=start.output)
    wait >> terminate

"""Wait for jobs that somebody started elsewhere, and go on whatever became of them."""

from airflow.sdk import DAG, Param, task

from drs_provider.sensors.job import DrsJobSensor

with DAG(
    "example_drs_wait",
    schedule=None,
    tags=["example"],
    params={"job_ids": Param("", type="string", description="drsjob-…, several separated by commas")},
) as dag:
    wait = DrsJobSensor(
        task_id="wait",
        jobs="{{ params.job_ids }}",
        aws_conn_id="aws_dr",
        account_id="111122223333",
        region_name="eu-west-1",
        own_account=True,
        timeout_minutes=120,
        fail_if_not_recovered=False,
        deferrable=True,
    )

    @task
    def failed(verdict: dict) -> list[str]:
        """Return what failed, in DRS's words."""
        return [f"{row['serverName']}: {row['error']}" for row in verdict["servers"] if "error" in row]

    failed(wait.output)

"""What a job launched, as rows with EC2's data: for a list, a ticket, or the next task."""

from airflow.sdk import DAG, Param

from drs_provider.operators.enrich_recovery import DrsEnrichRecoveryOperator

with DAG(
    "example_drs_enrich",
    schedule=None,
    tags=["example"],
    params={"job_ids": Param("", type="string", description="drsjob-…, several separated by commas")},
) as dag:
    DrsEnrichRecoveryOperator(
        task_id="rows",
        jobs="{{ params.job_ids }}",
        aws_conn_id="aws_dr",
        account_id="111122223333",
        region_name="eu-west-1",
        own_account=True,
    )

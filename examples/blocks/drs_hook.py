"""What stands in a DRS account: a list of its recovery instances, read with the hook. Nothing is changed."""

from airflow.sdk import DAG, task

with DAG("example_drs_hook", schedule=None, tags=["example"]) as dag:

    @task
    def instances() -> list[dict]:
        """Return each recovery instance with its server and job."""
        from drs_provider.hooks.drs_hook import DrsHook

        hook = DrsHook(
            aws_conn_id="aws_dr", account_id="111122223333", region_name="eu-west-1", own_account=True
        )
        return [
            {
                "instance": found.ec2_instance_id,
                "state": found.ec2_state,
                "server": found.source_server_id,
                "job": found.job_id,
                "isDrill": found.is_drill,
            }
            for found in hook.recovery_instances()
        ]

    instances()

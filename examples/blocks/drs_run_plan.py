"""A drill of a plan that waits for nobody: no gates, no hold. Its record is what the task returns."""

from airflow.sdk import DAG

from drs_provider.operators.run_plan import DrsRunPlanOperator

with DAG("example_drs_run_plan", schedule=None, tags=["example"]) as dag:
    DrsRunPlanOperator(
        task_id="drill", plan="wiki_with_steps", skip_gates=True, reason="monthly drill", deferrable=True
    )

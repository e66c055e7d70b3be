"""A DAG that runs after each drill of a plan that ended well, whoever started the drill."""

from airflow.sdk import DAG, task

from drs_provider.assets import drilled

PLAN = "wiki_with_steps"

with DAG("example_drs_after_drill", schedule=drilled(PLAN), tags=["example"]) as dag:

    @task
    def drills(triggering_asset_events=None) -> list[dict]:
        """Return what the events tell: plan, run, execution, its type, status and attempt."""
        return [dict(event.extra) for event in triggering_asset_events[drilled(PLAN)]]

    drills()

"""A site failover: three recovery plans by priority, one after the other, under one ETA.

Trigger it as a person whom all three plans name in `recovery.initiators`; each execution then bears that user. A drill
may be scheduled as well. `arrival` tells how much of the ETA the site took, from the time of the disaster.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param, chain, task

from drs_provider.operators.run_plan import DrsRunPlanOperator

SITE = "berlin"
BY_PRIORITY = ("erp_three_tier", "shop_two_regions", "wiki")

with DAG(
    "example_drs_site_failover",
    schedule=None,
    render_template_as_native_obj=True,
    tags=["example"],
    params={
        "execution_type": Param("DRILL", enum=["DRILL", "RECOVERY"]),
        "confirm_site": Param(None, type=["string", "null"], description=f"For a RECOVERY: type {SITE}."),
        "source_state": Param("unknown", enum=["unknown", "lost", "fenced"]),
        "incident_time": Param(None, type=["string", "null"], format="date-time"),
        "skip_gates": Param(False, type="boolean", description="Only for a DRILL."),
        "eta_minutes": Param(240, type="integer", minimum=1),
        "reason": Param(f"failover of {SITE}", type="string"),
    },
) as dag:
    tiers = [
        DrsRunPlanOperator(
            task_id=plan,
            plan=plan,
            execution_type="{{ params.execution_type }}",
            confirm_plan=f"{{{{ '{plan}' if params.confirm_site == '{SITE}' else None }}}}",
            source_state="{{ params.source_state }}",
            incident_time="{{ params.incident_time }}",
            skip_gates="{{ params.skip_gates }}",
            reason="{{ params.reason }}",
            deferrable=True,
        )
        for plan in BY_PRIORITY
    ]

    @task
    def arrival(records: list[dict], params=None, dag_run=None) -> dict:
        """Return how long the site took, of its ETA; a PARTIAL plan is named."""
        given = params["incident_time"]
        begin = datetime.fromisoformat(given) if given else dag_run.run_after
        minutes = round((datetime.now(UTC) - begin).total_seconds() / 60, 1)
        return {
            "minutes": minutes,
            "withinEta": minutes <= params["eta_minutes"],
            "partial": [record["planName"] for record in records if record["status"] == "PARTIAL"],
        }

    chain(*tiers, arrival([tier.output for tier in tiers]))

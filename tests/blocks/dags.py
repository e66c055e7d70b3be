"""DAGs of building blocks for tests."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from drs_provider.operators.enrich_recovery import DrsEnrichRecoveryOperator
from drs_provider.operators.start_recovery import DrsStartRecoveryOperator
from drs_provider.operators.terminate_recovery_instances import DrsTerminateRecoveryInstancesOperator
from drs_provider.sensors.job import DrsJobSensor
from tests.harness.plans import WIKI

TARGET = {
    "aws_conn_id": "aws_dr",
    "region_name": "eu-west-1",
    "account_id": "111122223333",
    "own_account": True,
}
NETWORK = {"allowed_vpcs": ["vpc-0d5111aa"], "allowed_subnets": ["subnet-0d5111a1"]}


def drill_dag(
    start: dict[str, Any] | None = None,
    terminate: dict[str, Any] | None = None,
    *,
    teardown: bool = True,
    **common: Any,
) -> DAG:
    """Return a DAG that starts, waits, enriches and terminates.

    :param start: arguments of the start beside the target
    :param terminate: of the termination
    :param common: of all four
    """
    given = {**TARGET, "deferrable": True, **common}
    with DAG("my_drill", schedule=None) as dag:
        begun = DrsStartRecoveryOperator(
            task_id="start", **given, **({"source_servers": list(WIKI), **NETWORK} | (start or {}))
        )
        wait = DrsJobSensor(task_id="wait", jobs=begun.output, **given)
        rows = DrsEnrichRecoveryOperator(task_id="enrich", jobs=wait.output, **given)
        end = DrsTerminateRecoveryInstancesOperator(
            task_id="terminate", jobs=begun.output, **given, **(terminate or {})
        )
        begun >> wait >> rows >> end
        # With it, what failed before the teardown makes the run red, too.
        rows >> EmptyOperator(task_id="done")
        if teardown:
            end.as_teardown(on_failure_fail_dagrun=True)
    return dag

"""A preflight with everything that it asks."""

from __future__ import annotations

import time
from collections.abc import Mapping

from drs_provider import settings
from drs_provider.airflow_api.dag_runs import is_paused
from drs_provider.orchestration.steps.inner import operator_problem
from drs_provider.plan.conf.parsing import RunConf
from drs_provider.plan.model import Plan
from drs_provider.plan.people import People
from drs_provider.preflight.run import PreflightResult, run_preflight
from drs_provider.preflight.steps import AirflowReads
from drs_provider.rules.drs.owners import StillRuns
from drs_provider.runtime.execution import AwsAccess
from drs_provider.runtime.history import history_reader


def looked_at(
    plan: Plan,
    conf: RunConf,
    execution_id: str,
    *,
    initiated_by: str,
    known: Mapping[str, str],
    still_runs: StillRuns,
    people: People,
) -> PreflightResult:
    """Return what preflight finds.

    :param execution_id: in whose name AWS is asked
    :param people: teams and persons of the plans' libraries
    :param known: server → EC2 instance in which it runs in recovery, as it was kept
    """
    aws = AwsAccess(execution_id)
    return run_preflight(
        plan,
        conf,
        drs=aws.drs,
        ec2=aws.ec2,
        iam=aws.iam,
        steps=aws.step_resources,
        now=time.time(),
        initiated_by=initiated_by,
        read_history=history_reader(execution_id),
        own_deployment_id=settings.has_own_deployment_id(),
        airflow=AirflowReads(dag_is_paused=is_paused, operator_problem=operator_problem),
        still_runs=still_runs,
        failover=known,
        people=people,
    )

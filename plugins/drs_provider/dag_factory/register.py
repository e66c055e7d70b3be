"""Which DAGs a parse of the DAG file yields. It never raises for a bad plan and never looks at the network."""

from __future__ import annotations

import logging
from pathlib import Path

from airflow.sdk import DAG, get_parsing_context

from drs_provider import settings
from drs_provider.dag_factory.build import build_dag, build_single_task_dag
from drs_provider.plan.catalog import Catalog, load_catalog
from drs_provider.plan.identity import plan_name_of
from drs_provider.plan.last_good import LastGoodPlans
from drs_provider.plan.problems import PlanProblem

log = logging.getLogger(__name__)


def recovery_plan_dags(folder: Path) -> dict[str, DAG]:
    """Return the DAGs of the plans in a folder by their ids.

    A task's own process gets only the DAG that it asks for. If that plan's file no longer loads, it gets a DAG with
    that one task: it works from the frozen plan.
    """
    wanted = get_parsing_context()
    catalog = load_catalog(folder)
    if wanted.dag_id is None:
        return _all_dags(catalog)
    return _one_dag(catalog, wanted.dag_id, wanted.task_id)


def _one_dag(catalog: Catalog, dag_id: str, task_id: str | None) -> dict[str, DAG]:
    name = plan_name_of(dag_id)
    if name is None:
        return {}
    dag = _built(catalog, name)[0] if name in catalog.plans else None
    if dag is not None and (task_id is None or task_id in dag.task_dict):
        return {dag_id: dag}
    if task_id is None:
        return {}
    log.warning("The plan file of %s has no task %s any more; it works from the frozen plan", dag_id, task_id)
    return {dag_id: build_single_task_dag(dag_id, task_id)}


def _all_dags(catalog: Catalog) -> dict[str, DAG]:
    last_good = LastGoodPlans(settings.state_path())
    dags = {}
    for name, loaded in catalog.plans.items():
        dag, _ = _built(catalog, name)
        if dag is not None:
            dags[name] = dag
            last_good.remember(loaded.plan)
    keep_days = settings.get_int("withdrawn_plan_days")
    kept = {item.plan.name: item.plan for item in last_good.withdrawn(dags, keep_days=keep_days)}
    withdrawn = {name: build_dag(plan, withdrawn=True) for name, plan in kept.items()}
    return {dag.dag_id: dag for dag in (dags | withdrawn).values()}


def _built(catalog: Catalog, name: str) -> tuple[DAG | None, Exception | None]:
    """Return a plan's DAG, or why there is none: whatever is wrong with one plan must not take the others along."""
    try:
        return build_dag(catalog.plans[name].plan, plans_folder=catalog.folder), None
    except Exception as error:
        log.exception("Plan %s loads, but Airflow takes no DAG of it", name)
        return None, error


def plan_problems(folder: Path) -> tuple[PlanProblem, ...]:
    """Return everything that is wrong with the plans of a folder: files that do not load, plans without a DAG."""
    catalog = load_catalog(folder)
    failed = {name: _built(catalog, name)[1] for name in catalog.plans}
    return catalog.problems + tuple(
        PlanProblem(
            file=str(catalog.plans[name].file),
            path="",
            message=f"Airflow takes no DAG of this plan: {type(error).__name__}: {error}",
            remedy="correct what the message names",
        )
        for name, error in failed.items()
        if error is not None
    )

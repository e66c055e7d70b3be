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
    if loaded := catalog.plans.get(name):
        dag = build_dag(loaded.plan, plans_folder=catalog.folder)
        if task_id is None or task_id in dag.task_dict:
            return {dag_id: dag}
    if task_id is None:
        return {}
    log.warning("The plan file of %s has no task %s any more; it works from the frozen plan", dag_id, task_id)
    return {dag_id: build_single_task_dag(dag_id, task_id)}


def _all_dags(catalog: Catalog) -> dict[str, DAG]:
    last_good = LastGoodPlans(settings.state_path())
    dags = {}
    for loaded in catalog.plans.values():
        dags[loaded.plan.dag_id] = build_dag(loaded.plan, plans_folder=catalog.folder)
        last_good.remember(loaded.plan)
    keep_days = settings.get_int("withdrawn_plan_days")
    for kept in last_good.withdrawn(catalog.plans, keep_days=keep_days):
        dags[kept.plan.dag_id] = build_dag(kept.plan, withdrawn=True)
    return dags

"""Starting an execution, or saying why it cannot be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from drs_provider import keys
from drs_provider.airflow_rest.client import Api, ApiError
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.plans import WITHDRAWN_TAG, Plans, tags_of
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import text_or_map
from drs_provider.core.identity import dag_id_of
from drs_provider.plan.conf.parsing import clean_conf


def check_startable(api: Api, plan: str) -> None:
    """Refuse what Airflow would queue for ever or refuse in less clear words.

    :raises RefusedError: if the plan does not exist, or its DAG is paused, withdrawn, stale or has import errors
    """
    check_dag(f"plan {plan}", Plans(api).dag(plan))


def check_dag(what: str, dag: Mapping[str, Any]) -> None:
    """Refuse a DAG that cannot run now, as :func:`check_startable`."""
    dag_id = dag["dag_id"]
    if WITHDRAWN_TAG in tags_of(dag):
        problem, remedy = (
            "its plan file no longer loads or is gone, or Airflow refuses its DAG",
            "see: plans validate, and the import errors",
        )
    elif dag["has_import_errors"] or dag["is_stale"]:
        problem = "its DAG file has import errors" if dag["has_import_errors"] else "its DAG is stale"
        remedy = "see Airflow's import errors (airflow dags list-import-errors) and the DAG processor"
    elif dag["is_paused"]:
        problem = f"its DAG {dag_id} is paused: the run would wait in the queue"
        remedy = f"unpause it: airflow dags unpause {dag_id}, or the switch beside it in the UI"
    else:
        return
    raise RefusedError(f"{what} cannot start: {problem}", remedy, ExitCode.NOT_STARTABLE)


def begin(api: Api, plan: str, given: Mapping[str, Any]) -> Execution:
    """Start a run with what a form gave, where nothing given means the plan's or the form's default.

    :raises RefusedError: if the plan cannot start now, a RECOVERY is not confirmed, or Airflow refuses it
    """
    check_startable(api, plan)
    conf = clean_conf({name: value for name, value in given.items() if value is not None})
    if isinstance(conf.get("snapshots"), str):
        try:
            conf["snapshots"] = text_or_map(conf["snapshots"])
        except ValueError as error:
            raise RefusedError(f"snapshots: {error}", "", ExitCode.REFUSED_INPUT) from error
    if conf.get("execution_type") == "RECOVERY" and conf.get("dry_run") is not True:
        check_confirmed(plan, conf.get("confirm_plan"))
    return trigger(api, plan, conf, None)[0]


def check_confirmed(plan: str, typed: Any) -> None:
    """Refuse a RECOVERY whose plan was not named.

    :raises RefusedError: if another name was typed, or none
    """
    if typed != plan:
        message = f"`{typed or ''}` is not the plan's name; nothing was started"
        raise RefusedError(message, f"type {plan} if this plan is meant", ExitCode.REFUSED_INPUT)


def unhealthy(api: Api) -> list[str]:
    """Return the components that executions need and that are not healthy; they begin when those are back."""
    health = api.find("/monitor/health") or {}
    return [
        name
        for name in ("scheduler", "triggerer", "dag_processor")
        if (health.get(name) or {}).get("status") not in (None, "healthy")
    ]


def trigger(api: Api, plan: str, conf: Mapping[str, Any], run_id: str | None) -> tuple[Execution, bool]:
    """Start a run, or return the one of this id that was started with the same configuration before.

    :raises RefusedError: with CONFLICT if that run has another configuration
    """
    if run_id is not None and len(run_id) > keys.MOST_RUN_ID:
        message = f"--run-id has {len(run_id)} characters: Airflow could not write its tasks' logs"
        raise RefusedError(message, f"use at most {keys.MOST_RUN_ID}", ExitCode.REFUSED_INPUT)
    try:
        return Execution.start(api, dag_id_of(plan), conf, run_id), True
    except ApiError as error:
        if error.status != httpx.codes.CONFLICT or run_id is None:
            raise
    execution = Execution.of(api, dag_id_of(plan), run_id).refresh()
    earlier = execution.run.get("conf") or {}
    if earlier != dict(conf):
        differing = sorted(name for name in {*earlier, *conf} if earlier.get(name) != conf.get(name))
        raise RefusedError(
            f"{plan}/{run_id} was started before with other options: {', '.join(differing)}",
            "take another --run-id for another execution",
            ExitCode.CONFLICT,
        )
    return execution, False

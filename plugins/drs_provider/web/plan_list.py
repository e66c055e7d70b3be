"""The list of plans: the only thing of the page that reads Airflow's database itself.

Over Airflow's REST API it would take two requests for each of 500 plans. Here it takes the same few queries however
many plans and runs there are, over the DAGs that the user may read.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.models import DagModel, DagRun, TaskInstance, Variable
from airflow.models.dag import DagTag
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.orm import Session

from drs_provider import keys
from drs_provider.airflow_rest.plans import WITHDRAWN_TAG, is_plan
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.core.identity import DAG_ID_PREFIX, plan_name_of
from drs_provider.core.plan_tags import PlanTags
from drs_provider.core.states import ExecutionStatus, ExecutionType, running_status
from drs_provider.core.task_states import RUN_OVER
from drs_provider.rules.plan_state.kept import Failover
from drs_provider.rules.plan_state.state import plan_row

Row = dict[str, Any]

_WITHDRAWN = "its plan file no longer loads, or Airflow refuses its DAG; Airflow's import errors say why"
_STALE = "its DAG is not parsed any more: see Airflow's import errors and the DAG processor"
_PAUSED = "its DAG is paused in Airflow: nothing of it starts"


#: What every row has, of a plan of which nothing is known yet
_UNKNOWN: Row = {
    "stateSince": None,
    "stateWhy": "",
    "lastDrill": None,
    "drillEveryDays": None,
    "drillOverdue": None,
    "daysSinceDrill": None,
}


@dataclass(frozen=True)
class Wanted:
    """What of the list is asked for.

    :param search: what id, title or owner must contain
    :param sort: a field of a row, with ``-`` before it for descending
    :param state: only plans of this state
    """

    offset: int
    limit: int
    search: str = ""
    sort: str = "criticality"
    state: str = ""


def read(user: BaseUser, wanted: Wanted) -> dict[str, Any]:
    """Return the plans that the user may read: those asked for, and how many there are."""
    with create_session(scoped=False) as session:
        allowed = get_auth_manager().get_authorized_dag_ids(user=user, session=session)
        rows = [row for row in _rows(session, allowed) if _fits(row, wanted)]
    field, descending = wanted.sort.removeprefix("-"), wanted.sort.startswith("-")
    rows.sort(key=lambda row: str(row["planId"]))
    known = [row for row in rows if _order(row, field) is not None]
    unknown = [row for row in rows if _order(row, field) is None]
    known.sort(key=lambda row: _order(row, field), reverse=descending)
    shown = [*known, *unknown][wanted.offset : wanted.offset + wanted.limit]
    return {"plans": shown, "total": len(rows), "readAt": time.time()}


def read_one(dag_id: str) -> Row:
    """Return the row of one plan, which the caller may read.

    :raises RefusedError: if there is none
    """
    with create_session(scoped=False) as session:
        rows = _rows(session, {dag_id}, only=dag_id)
    if not rows:
        plan = plan_name_of(dag_id) or dag_id
        raise RefusedError(f"{plan} is no recovery plan", "see the list of plans", ExitCode.NOT_FOUND)
    return rows[0]


def _fits(row: Row, wanted: Wanted) -> bool:
    text = " ".join(str(row[name] or "") for name in ("planId", "title", "owner")).lower()
    return wanted.search.lower() in text and wanted.state in ("", row["state"])


def _order(row: Row, field: str) -> Any:
    """Return what a row is sorted by; None comes last."""
    if field == "readiness":
        return row["readiness"]["status"]
    if field == "lastDrill":
        return (row["lastDrill"] or {}).get("at")
    if field == "running":
        return -len(row["running"])
    value = row.get(field)
    return value.lower() if isinstance(value, str) else value


def _rows(session: Session, allowed: set[str], only: str | None = None) -> list[Row]:
    dags = [
        dag
        for dag in session.scalars(select(DagModel).where(_ours(DagModel.dag_id, only)))
        if dag.dag_id in allowed and is_plan({"description": dag.description})
    ]
    tags = defaultdict(set)
    for dag_id, name in session.execute(select(DagTag.dag_id, DagTag.name).where(_ours(DagTag.dag_id, only))):
        tags[dag_id].add(name)
    running = _running(session, only)
    stored = _stored(session, only)
    return [_row(dag, tags[dag.dag_id], running[dag.dag_id], stored.get(dag.dag_id)) for dag in dags]


def _ours(column: Any, only: str | None) -> Any:
    return column == only if only else column.startswith(DAG_ID_PREFIX, autoescape=True)


def _running(session: Session, only: str | None) -> defaultdict[str, list[Row]]:
    """Return what runs now, by DAG."""
    waiting = {
        (dag_id, run_id)
        for dag_id, run_id, task_id in session.execute(
            select(TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id).where(
                _ours(TaskInstance.dag_id, only), TaskInstance.state == "deferred"
            )
        )
        if keys.waits_for_people(task_id, "deferred")
    }
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for run in session.scalars(
        select(DagRun)
        .where(_ours(DagRun.dag_id, only), DagRun.state.not_in(list(RUN_OVER)))
        .order_by(DagRun.run_after)
    ):
        conf = run.conf if isinstance(run.conf, dict) else {}
        found[run.dag_id].append(
            {
                "runId": run.run_id,
                "executionType": str(conf.get("execution_type") or ExecutionType.DRILL),
                "dryRun": conf.get("dry_run") is True,
                "status": str(
                    ExecutionStatus.PENDING
                    if run.start_date is None
                    else running_status(gate_waiting=(run.dag_id, run.run_id) in waiting)
                ),
                "startedAt": (run.start_date or run.run_after).timestamp(),
            }
        )
    return found


def _stored(session: Session, only: str | None) -> dict[str, Mapping[str, Any]]:
    """Return what earlier executions left of each plan, by DAG."""
    return _kept(session, keys.PLAN_STATE, only)


def failover_of(dag_id: str) -> Row | None:
    """Return what failback needs of a plan that has failed over; None if it has not."""
    with create_session(scoped=False) as session:
        found = Failover.believed(_kept(session, keys.PLAN_FAILOVER, dag_id).get(dag_id))
    return found.kept_form() if found else None


def _kept(session: Session, prefix: str, only: str | None) -> dict[str, Any]:
    """Return what is kept in a Variable for each plan, by DAG."""
    wanted = Variable.key == f"{prefix}{only}" if only else Variable.key.startswith(prefix, autoescape=True)
    found = {}
    for variable in session.scalars(select(Variable).where(wanted)):
        with suppress(ValueError, TypeError):  # somebody edited it
            found[variable.key.removeprefix(prefix)] = json.loads(variable.val)
    return found


def _row(dag: DagModel, tags: Iterable[str], running: list[Row], stored: Mapping[str, Any] | None) -> Row:
    told = PlanTags.read(tags)
    next_drill = dag.next_dagrun_create_after
    plan = plan_name_of(dag.dag_id) or dag.dag_id
    return {
        "planId": plan,
        "title": dag.dag_display_name or plan,
        "description": dag.description or "",
        "criticality": told.criticality,
        "owner": dag.owners or "",
        **_UNKNOWN,
        **plan_row(stored, drill_every_days=told.drill_every_days, now=time.time()),
        "nextDrill": next_drill.timestamp() if next_drill else None,
        "running": running,
        "broken": _broken(dag, tags),
    }


def _broken(dag: DagModel, tags: Iterable[str]) -> str | None:
    if WITHDRAWN_TAG in tags:
        return _WITHDRAWN
    if dag.is_stale or dag.has_import_errors:
        return _STALE
    return _PAUSED if dag.is_paused else None

"""A plan as the page shows it: its row of the list, its waves, the form that starts it, its executions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session

from drs_provider import keys
from drs_provider.airflow_rest.client import Api, path
from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.texts import epoch
from drs_provider.core.states import ExecutionType
from drs_provider.report import figures
from drs_provider.rules.record.schema import without_empty
from drs_provider.snapshot.expected import foreseen
from drs_provider.snapshot.model import DRY_RUN
from drs_provider.web import plan_list
from drs_provider.web.act_list import start_act
from drs_provider.web.rights import Rights


def read(api: Api, dag_id: str, rights: Rights) -> dict[str, Any]:
    """Return everything about a plan.

    :raises RefusedError: if there is none, or the caller may not see it
    """
    details = api.get(f"/dags{path(dag_id, 'details')}")
    row = plan_list.read_one(dag_id)
    outline = _outline(dag_id)
    act = start_act(
        row["planId"], details.get("params") or {}, rights, outline.get("initiators") or (), row["broken"]
    )
    return {
        **row,
        "description": outline.get("businessFunction") or row["description"],
        "failover": plan_list.failover_of(dag_id),
        "objectives": outline.get("objectives") or {},
        "waves": [
            {name: wave.get(name) for name in ("number", "name", "servers", "gate", "dependsOn")}
            for wave in outline.get("waves", ())
        ],
        "estimate": without_empty({kind.lower(): estimate(api, dag_id, kind) for kind in ExecutionType}),
        "form": [field.to_dict() for field in act.fields],
        "acts": [act.to_dict()],
    }


def _outline(dag_id: str) -> Mapping[str, Any]:
    """Return what the plan's DAG tells of it; nothing if an older version of this package made the DAG."""
    with create_session(scoped=False) as session:
        dag = SerializedDagModel.get_dag(dag_id, session=session)
        told = dag.get_task(keys.PREPARE).doc_json if dag and dag.has_task(keys.PREPARE) else None
    return dict(json.loads(told)) if told else {}


def estimate(
    api: Api, dag_id: str, execution_type: str, factors: Mapping[int, float] | None = None
) -> dict[str, Any] | None:
    """Return what is expected of a plan's next execution; None while no run has told anything.

    :param factors: how many times as long waves take as is expected, by number
    :raises RefusedError: if the caller may not see the plan's runs
    """
    found = foreseen(api, dag_id, execution_type)
    if found is None:
        return None
    return {**found.expectation.what_if(factors or {}).to_row(), "toldBy": found.run_id}


def executions(api: Api, dag_id: str, offset: int, limit: int) -> dict[str, Any]:
    """Return the newest executions of a plan; how many there are is Airflow's count.

    :raises RefusedError: if the caller may not see them
    """
    body = {"dag_ids": [dag_id], "order_by": "-run_after", "page_limit": limit, "page_offset": offset}
    page = api.post("/dags/~/dagRuns/list", body)
    return {
        "executions": [_execution(Execution(api, run)) for run in page["dag_runs"]],
        "total": page["total_entries"],
    }


def _execution(execution: Execution) -> dict[str, Any]:
    run = execution.run
    conf = run.get("conf") or {}
    record: Any = execution.last_record() if execution.ended else None
    if record is None:
        status = "PENDING" if run["start_date"] is None else "IN_PROGRESS"
        ended = "COMPLETED" if run["state"] == "success" else "FAILED"
        if conf.get("dry_run") is True and execution.ended:
            ended = DRY_RUN
        facts = {
            "executionType": str(conf.get("execution_type") or "DRILL"),
            "status": ended if execution.ended else status,
            "startedAt": epoch(run["start_date"]) or epoch(run["run_after"]),
            "endedAt": epoch(run["end_date"]) if execution.ended else None,
        }
    else:
        recovery_time = figures.rto(record)
        facts = {
            "executionType": str(record["executionType"]),
            "status": str(record["status"]),
            "startedAt": record["startTime"],
            "endedAt": record.get("endTime"),
            "verdict": (record.get("verdict") or {}).get("result"),
            "rtaSeconds": recovery_time["usedSeconds"] if recovery_time["recoveredCompletely"] else None,
        }
    return without_empty({"runId": execution.run_id, **facts})

"""Adapter over what Airflow lets a worker and the triggerer do with other DAGs: trigger a run, ask for its state.

As in Airflow's own `TriggerDagRunOperator` and `DagStateTrigger`; the former leaves the triggering to the task runner,
which would defer and resume the task by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

from drs_provider.airflow_api.needed import optional
from drs_provider.exceptions import RunUnknownError

_COMMS = "airflow.sdk.execution_time.comms"
ErrorResponse, GetDag = optional(f"{_COMMS}:ErrorResponse"), optional(f"{_COMMS}:GetDag")
TriggerDagRun = optional(f"{_COMMS}:TriggerDagRun")
RuntimeTaskInstance = optional("airflow.sdk.execution_time.task_runner:RuntimeTaskInstance")
task_runner = optional("airflow.sdk.execution_time.task_runner")

_NOT_FOUND = 404


def trigger_run(dag_id: str, run_id: str, conf: Mapping[str, Any], note: str) -> bool:
    """Make a run of a DAG; return False if there is one of this id already, which is left as it is.

    :raises AirflowRuntimeError: if Airflow refuses, or does not answer; then the run may have been made
    """
    message = TriggerDagRun(dag_id=dag_id, run_id=run_id, conf=dict(conf), note=note)
    answer = task_runner.SUPERVISOR_COMMS.send(message)
    exists = isinstance(answer, ErrorResponse) and answer.error == ErrorType.DAGRUN_ALREADY_EXISTS
    if isinstance(answer, ErrorResponse) and not exists:
        raise AirflowRuntimeError(answer)
    return not exists


def run_state(dag_id: str, run_id: str) -> str | None:
    """Return the state of a run (``queued``, ``running``, ``success``, ``failed``), None if there is no such run.

    :raises RunUnknownError: if Airflow does not tell
    """
    try:
        if RuntimeTaskInstance.get_dr_count(dag_id=dag_id, run_ids=[run_id]) == 0:
            return None
        state = RuntimeTaskInstance.get_dagrun_state(dag_id=dag_id, run_id=run_id)
    except AirflowRuntimeError as error:
        raise RunUnknownError(
            f"Airflow does not tell the state of run {run_id} of {dag_id}: {error}"
        ) from error
    return str(getattr(state, "value", state))


def is_paused(dag_id: str) -> bool | None:
    """Return whether a DAG is paused, so that its runs never begin; None if there is no such DAG.

    :raises RunUnknownError: if Airflow does not tell
    """
    try:
        answer = task_runner.SUPERVISOR_COMMS.send(GetDag(dag_id=dag_id))
    except AirflowRuntimeError as error:
        if (getattr(error.error, "detail", None) or {}).get("status_code") == _NOT_FOUND:
            return None
        raise RunUnknownError(f"Airflow does not tell whether there is a DAG {dag_id}: {error}") from error
    paused = getattr(answer, "is_paused", None)
    if paused is None:
        raise RunUnknownError(f"Airflow does not tell whether DAG {dag_id} is paused: {answer!r}")
    return bool(paused)

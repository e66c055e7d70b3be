"""Cancelling an execution: Airflow marks its run failed, and its cleanup and its end still run."""

from __future__ import annotations

from drs_provider.airflow_rest.executions import Execution
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.core.texts import clean
from drs_provider.snapshot.model import ExecutionSnapshot


def check_running(execution: Execution, snapshot: ExecutionSnapshot) -> None:
    """Refuse to cancel what has ended.

    :raises RefusedError: if it has
    """
    if snapshot.ended:
        raise RefusedError(f"{execution.name} has ended already: {snapshot.status}", "", ExitCode.CONFLICT)


def cancel_run(execution: Execution, snapshot: ExecutionSnapshot, reason: str = "") -> str:
    """Cancel an execution, and return what becomes of its instances.

    :param reason: kept as the run's note
    :raises RefusedError: if it has ended, or Airflow refuses it
    """
    check_running(execution, snapshot)
    execution.stop(clean(reason))
    return instances_after(execution, snapshot)


def instances_after(execution: Execution, snapshot: ExecutionSnapshot) -> str:
    """Return what becomes of the instances of an execution that is cancelled."""
    if snapshot.execution_type != "DRILL":
        return "its instances stay"
    if (execution.header or {}).get("cleanup") == "keep":
        return "its instances stay, as plan or run configuration say"
    return "its cleanup terminates what it launched"

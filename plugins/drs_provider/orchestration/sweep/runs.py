"""The DAG run of a record, as far as Airflow knows it, and the end that its `finalize` told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drs_provider import keys
from drs_provider.airflow_api.other_runs import FoundRun, find_run, task_states, xcom_of
from drs_provider.airflow_api.run import RunView
from drs_provider.exceptions import EvidenceError
from drs_provider.rules.sweep.records import RunFate, is_end_of, run_fate
from drs_provider.runtime.channels.ends import require_told
from drs_provider.runtime.execution import execution_id_of


@dataclass(frozen=True)
class RunOf:
    """The DAG run of a record.

    :param told: the end that its `finalize` told, if it is one, and proven
    :param unproven: why what it told does not count
    """

    fate: RunFate
    found: FoundRun | None = None
    told: Any = None
    unproven: str = ""


def run_of(record: Mapping[str, Any], view: RunView) -> RunOf:
    """Tell what became of a record's run.

    :raises RunUnknownError: if Airflow does not tell
    """
    dag_id, run_id = record["dagId"], record["dagRunId"]
    found = find_run(dag_id, run_id)
    if found is None or execution_id_of(found.facts) != record["executionId"]:
        return RunOf(RunFate.GONE)  # a run that was made again under the same name is another execution
    fate = run_fate(found.state, task_states(dag_id, run_id))
    if fate is not RunFate.OVER:
        return RunOf(fate, found)
    told = xcom_of(view, dag_id, run_id, keys.FINALIZE, keys.EXECUTION_RECORD)
    if not is_end_of(told, record, run_state=found.state):
        return RunOf(fate, found)
    signature = xcom_of(view, dag_id, run_id, keys.FINALIZE, keys.EXECUTION_RECORD_SIGNATURE)
    try:
        require_told(told, signature)
    except EvidenceError as error:
        return RunOf(fate, found, unproven=str(error))
    return RunOf(fate, found, told)

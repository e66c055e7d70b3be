"""The DAG with which people add to the evidence: whoever started its run, authenticated by Airflow, is the author."""

from __future__ import annotations

from airflow.sdk import DAG, Param, get_parsing_context

from drs_provider import keys
from drs_provider.core.identity import EVIDENCE_DAG_ID
from drs_provider.dag_factory.sweeper import maintenance_dag
from drs_provider.evidence.conf import evidence_params
from drs_provider.operators.evidence import DrsEvidenceOperator

_DOC = """
# Evidence

Adds to the evidence of an execution: a note, a finding, the closing of a finding, a sign-off. Whoever starts the run is
recorded as its author. Nothing that was added can be changed or taken back.
"""


def evidence_dags() -> dict[str, DAG]:
    """Return the DAG by its id; nothing in a task's own process that asks for another one."""
    wanted = get_parsing_context().dag_id
    return {EVIDENCE_DAG_ID: evidence_dag()} if wanted in (None, EVIDENCE_DAG_ID) else {}


def evidence_dag() -> DAG:
    """Return the DAG; it has no schedule."""
    with maintenance_dag(
        schedule=None,
        dag_id=EVIDENCE_DAG_ID,
        dag_display_name="DRS evidence",
        description="Adds notes, findings and sign-offs to the evidence of executions",
        doc_md=_DOC,
        params={name: Param(**spec) for name, spec in evidence_params().items()},
        retries=0,  # what was written would be written twice
    ) as dag:
        DrsEvidenceOperator(task_id=keys.EVIDENCE)
    return dag

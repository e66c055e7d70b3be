"""Add a note, a finding, a sign-off to the evidence of an execution, or the links that are missing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from drs_provider import keys
from drs_provider.airflow_api.run import RunFacts, RunView
from drs_provider.core.evidence import peek
from drs_provider.core.identity import dag_id_of
from drs_provider.evidence.conf import LINK, EvidenceConf, EvidenceConfError, parse_evidence_conf
from drs_provider.evidence.links import NOTE
from drs_provider.exceptions import DrsConfigurationError, ExecutionRefusedError
from drs_provider.runtime.channels.failures import tells_failure

SESSION = "drs-evidence"


class DrsEvidenceOperator(BaseOperator):
    """Writes what the run's configuration states, in the name of the person who started the run, and links it.

    :raises ExecutionRefusedError: if no person started the run, or there is no such execution
    :raises DrsConfigurationError: if the configuration is wrong
    """

    ui_color = "#dfe8e4"

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Add it."""
        from drs_provider.evidence.opening import (  # boto3 stays out of DAG parsing
            evidence_signer,
            evidence_store,
        )

        run, view = RunFacts.of(context), RunView(context)
        if run.triggered_by is None or run.run_type != "manual":
            raise ExecutionRefusedError(
                "evidence is added by a person: no authenticated user has started this run"
            )
        try:
            conf = parse_evidence_conf(run.conf)
        except EvidenceConfError as error:
            raise DrsConfigurationError(f"run configuration: {error}") from error
        store, signer, now = evidence_store(), evidence_signer(SESSION), time.time()
        if conf.kind == LINK:
            from drs_provider.evidence.adding import add_missing

            return {"linked": add_missing(store, signer, at=now)}
        from drs_provider.evidence.adding import add_statement
        from drs_provider.evidence.statements import StatementError, has_report, statement

        if not has_report(store, f"{conf.plan}/{conf.execution_id}") and not _runs(view, conf):
            raise ExecutionRefusedError(
                f"plan {conf.plan} has no execution {conf.execution_id} with a report below {store.url}"
                + ("" if conf.kind != NOTE else f", and its run {conf.run_id!r} is none either")
            )
        try:
            content = statement(
                conf.kind,
                plan_id=conf.plan,
                execution_id=conf.execution_id,
                by=run.triggered_by,
                at=now,
                text=conf.text,
                owner=conf.owner,
                due=conf.due,
                finding=conf.finding,
                result=conf.result,
                run=run.run_id,
            )
            path, link = add_statement(store, content, signer, at=now)
        except StatementError as error:
            raise DrsConfigurationError(f"run configuration: {error}") from error
        self.log.info("%s by %s: %s", conf.kind, run.triggered_by, path)
        return {"document": path, "link": link.number, "sha256": link.sha256}


def _runs(view: RunView, conf: EvidenceConf) -> bool:
    """Tell whether a note is about an execution that has begun and has no report yet."""
    if conf.kind != NOTE or not conf.run_id:
        return False
    header = view.pull_from(dag_id_of(conf.plan), conf.run_id, keys.PREPARE, keys.FROZEN_PLAN)
    return bool(peek(header).get("execution_id") == conf.execution_id)

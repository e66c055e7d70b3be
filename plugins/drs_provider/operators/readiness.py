"""Run the preflight of every plan, and tell which plan is not ready, or was not drilled for too long."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.sdk import BaseOperator

from drs_provider import keys
from drs_provider.airflow_api.run import RunView
from drs_provider.core.texts import message
from drs_provider.exceptions import ReadinessIncompleteError
from drs_provider.runtime.channels.failures import tells_failure


class DrsReadinessOperator(BaseOperator):
    """Runs the preflight of every plan; its report is the XCom ``readiness_report``. It changes nothing in AWS.

    :param plans_folder: where the plan files are
    :raises ReadinessIncompleteError: if a plan could not be looked at; that plans are not ready is no failure of it
    """

    ui_color = "#d9ead3"

    def __init__(self, *, plans_folder: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._plans_folder = plans_folder

    @tells_failure
    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Look at all plans."""
        from drs_provider.orchestration.readiness import (  # boto3 stays out of DAG parsing
            look_at_plans,
            report_text,
        )

        report = look_at_plans(context, self._plans_folder)
        RunView(context).push(keys.READINESS_REPORT, report)
        text = report_text(report)
        self.log.info("%s", text)
        if not report["ok"]:
            raise ReadinessIncompleteError(message(text))
        return {"ok": True, "ready": len(report["ready"]), "notReady": len(report["notReady"])}

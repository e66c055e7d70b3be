"""Links from tasks to where a person looks next. A link never fails a task."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from drs_provider.core.account import AwsTarget
from drs_provider.partitions import partition_of

# botocore does not know consoles. Partitions that are missing here have none that is public.
_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-eusc": "console.amazonaws-eusc.eu",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


class DrsLink(BaseOperatorLink):
    """A link whose address the operator leaves in ``link_address`` while it runs.

    Airflow asks for it in the task's own process, at every exit of the task, and keeps the answer as an XCom.
    """

    name = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address, or an empty text as long as there is none."""
        return str(getattr(operator, "link_address", None) or "")


class DrsJobsLink(DrsLink):
    """Recovery job history in the target's DRS console."""

    name = "DRS jobs"

    @staticmethod
    def address(target: AwsTarget) -> str | None:
        """Return the console's address in a target's Region, or None if the partition's console is not known."""
        console = _CONSOLES.get(partition_of(target.region) or "")
        if console is None:
            return None
        return f"https://{target.region}.{console}/drs/home?region={target.region}#/jobs"


class DrsReportLink(DrsLink):
    """The attempt's report."""

    name = "Report"


def page_address(plan_name: str, run_id: str | None = None) -> str:
    """Return where people see a plan, or one execution of it; empty if ``[api] base_url`` is not set here.

    :param run_id: id of the execution's DAG run
    """
    base = str(conf.get("api", "base_url", fallback="") or "").rstrip("/")
    if not base:
        return ""
    if run_id is None:
        return f"{base}/drs/plans/{plan_name}"
    return f"{base}/drs/executions/{plan_name}/{quote(run_id, safe='')}"

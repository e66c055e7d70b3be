"""Plans as Airflow's API knows them: their DAGs and runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from drs_provider.airflow_rest.client import Api, path
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line
from drs_provider.core.identity import DAG_ID_PREFIX, dag_id_of
from drs_provider.plan.problems import did_you_mean, quoted_list

TAG = "drs"
WITHDRAWN_TAG = "withdrawn"


class Plans:
    """The DAGs of recovery plans."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def dags(self) -> list[dict[str, Any]]:
        """Return the DAGs of all plans that the user may see, stale ones included."""
        found = self._api.pages("/dags", "dags", tags=TAG, exclude_stale="false", order_by="dag_id")
        return [dag for dag in found if dag["dag_id"].startswith(DAG_ID_PREFIX) and is_plan(dag)]

    def dag(self, plan: str) -> dict[str, Any]:
        """Return the DAG of a plan.

        :raises RefusedError: if there is none, with what may have been meant
        """
        dag = self._api.find(f"/dags{path(dag_id_of(plan))}")
        if dag is None:
            names = [each["dag_id"].removeprefix(DAG_ID_PREFIX) for each in self.dags()]
            remedy = did_you_mean(plan, names, f"the plans are {quoted_list(names) or 'none'}")
            raise RefusedError(f"there is no plan `{one_line(plan)}`", remedy, ExitCode.NOT_FOUND)
        return dict(dag)

    def newest(self, dag_ids: Iterable[str], limit: int) -> list[dict[str, Any]]:
        """Return the newest runs of some DAGs, the newest first."""
        body = {"dag_ids": list(dag_ids), "order_by": "-run_after", "page_limit": limit}
        return list(self._api.post("/dags/~/dagRuns/list", body)["dag_runs"]) if body["dag_ids"] else []

    def runs_named(self, run_id: str) -> list[dict[str, Any]]:
        """Return the runs of this id, of whatever plan."""
        # The pattern is one of SQL: what it finds is compared again.
        found = self._api.pages(
            "/dags/~/dagRuns", "dag_runs", run_id_pattern=run_id, dag_id_prefix_pattern=DAG_ID_PREFIX
        )
        return [run for run in found if run["dag_run_id"] == run_id]


def is_plan(dag: Mapping[str, Any]) -> bool:
    """Tell whether a DAG is a plan's, and not a helper of this provider such as the sweeper."""
    return str(dag.get("description") or "").startswith("Recovery plan ")


def tags_of(dag: Mapping[str, Any]) -> set[str]:
    """Return the names of a DAG's tags."""
    return {tag["name"] for tag in dag.get("tags") or ()}

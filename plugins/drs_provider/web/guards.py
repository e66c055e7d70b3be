"""Who may ask for what: every route has these guards, and no route is open.

Airflow gives a plugin's app no guard at all. Routes of a plan need the caller's right on its DAG here, and what they
ask Airflow in the caller's name needs it there once more.
"""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.configuration import conf
from fastapi import Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from drs_provider.core.identity import dag_id_of

_NOT_FOREIGN = ("same-origin", "none")


def own_origin_only(request: Request) -> None:
    """Refuse what another site's page makes a browser send; the page itself may be linked to.

    Browsers say from where they ask, in ``Sec-Fetch-Site``, or in ``Origin`` where they send no fetch metadata.
    """
    site = request.headers.get("sec-fetch-site")
    if request.method in ("GET", "HEAD"):
        is_link = (
            request.headers.get("sec-fetch-mode") == "navigate" and request.scope["route"].name == "page"
        )
        if site is not None and site not in _NOT_FOREIGN and not is_link:
            raise HTTPException(403, "this is not for pages of other sites")
        return
    if site is not None and site != "same-origin":
        raise HTTPException(403, "this is not for pages of other sites")
    if site is None and urlsplit(request.headers.get("origin", "")).netloc not in _own_hosts(request):
        raise HTTPException(403, "this is for the recovery page only; programs use Airflow's REST API")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(403, "the content must be JSON")


def _own_hosts(request: Request) -> set[str]:
    configured = urlsplit(conf.get("api", "base_url", fallback="") or "").netloc
    return {host for host in (request.headers.get("host", ""), configured) if host}


#: Before a DAG's id where an address could have a plan's name: Airflow's tab knows only the id. Names have no colon.
_DAG = "dag:"


def dag_id_in(word: str) -> str:
    """Return the DAG id that an address means: by the plan's name, or by the DAG's id behind ``dag:``."""
    return word.removeprefix(_DAG) if word.startswith(_DAG) else dag_id_of(word)


#: What must be readable of a plan's DAG for what the page tells of its executions
READS: Final = (
    DagAccessEntity.RUN,
    DagAccessEntity.TASK_INSTANCE,
    DagAccessEntity.XCOM,
    DagAccessEntity.HITL_DETAIL,
)


async def may_read_plan(request: Request, user: GetUserDep) -> None:
    """Refuse who may not read the executions of the plan that the address names."""
    dag_id = dag_id_in(request.path_params["plan"])
    for entity in READS:
        await run_in_threadpool(requires_access_dag("GET", entity, dag_id), request, user)


UserDep = Annotated[BaseUser, Depends(get_user)]

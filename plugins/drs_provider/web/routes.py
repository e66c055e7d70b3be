"""The page's routes. All of them need a logged-in user; see :mod:`drs_provider.web.guards`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from drs_provider.web import execution_view, files, plan_list
from drs_provider.web.caller import CallerDep, Json, in_thread
from drs_provider.web.guards import OfPlan, UserDep, dag_id_in

router = APIRouter()
_READS = [Depends(OfPlan("GET"))]
_YEAR = "private, max-age=31536000, immutable"


@router.get("/", name="page")
@router.get("/plans/{rest:path}", name="page")
@router.get("/executions/{rest:path}", name="page")
async def page(request: Request) -> Response:
    """Return the page: the same HTML for every address, without any data."""
    built = files.page(f"{request.scope['root_path']}/static/")
    if built is None:
        raise HTTPException(404, "the page is not built: run `make page`")
    return HTMLResponse(built)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """Return a file of the page."""
    found = files.content(name)
    if found is None:
        raise HTTPException(404, "the page has no such file")
    return Response(found[0], media_type=found[1], headers={"cache-control": _YEAR})


@router.get("/api/me")
async def me(user: UserDep) -> Json:
    """Tell who asks."""
    return {"login": user.get_name()}


@router.get("/api/plans")
async def plans(
    user: UserDep,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    search: str = "",
    sort: str = "criticality",
    state: str = "",
) -> Json:
    """List the plans whose DAGs the user may read."""
    query = plan_list.Wanted(offset, limit, search, sort, state)
    return await in_thread(lambda: plan_list.read(user, query))


@router.get("/api/plans/{plan}", dependencies=_READS)
async def one_plan(plan: str) -> Json:
    """Tell everything about a plan."""
    return await in_thread(lambda: plan_list.read_one(dag_id_in(plan)))


@router.get("/api/executions/{plan}/{run_id}", dependencies=_READS)
async def execution(caller: CallerDep, plan: str, run_id: str) -> Json:
    """Tell how an execution stands."""
    return await caller.run(execution_view.read, dag_id_in(plan), run_id)

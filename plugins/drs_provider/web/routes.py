"""The page's routes. All of them need a logged-in user; see :mod:`drs_provider.web.guards`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response

from drs_provider.core.identity import plan_name_of
from drs_provider.core.states import ExecutionType
from drs_provider.web import (
    acting,
    execution_view,
    files,
    plan_list,
    plan_view,
    servers_view,
    timeline_view,
)
from drs_provider.web.caller import CallerDep, Json, in_thread
from drs_provider.web.guards import UserDep, dag_id_in, may_read_plan
from drs_provider.web.rights import Rights

router = APIRouter()
_READS = [Depends(may_read_plan)]
Offset = Annotated[int, Query(ge=0)]
Few = Annotated[int, Query(ge=1, le=50)]
Many = Annotated[int, Query(ge=1, le=1000)]
_KIND = Query(alias="executionType")
_FACTOR = "factor."
_MOST_TIMES = 1000.0
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
    offset: Offset = 0,
    limit: Many = 50,
    search: str = "",
    sort: str = "criticality",
    state: str = "",
) -> Json:
    """List the plans whose DAGs the user may read."""
    query = plan_list.Wanted(offset, limit, search, sort, state)
    return await in_thread(lambda: plan_list.read(user, query))


@router.get("/api/plans/{plan}", dependencies=_READS)
async def one_plan(caller: CallerDep, user: UserDep, plan: str) -> Json:
    """Tell everything about a plan."""
    dag_id = dag_id_in(plan)
    return await caller.run(lambda api: plan_view.read(api, dag_id, Rights.of(user, dag_id)))


@router.get("/api/plans/{plan}/executions", dependencies=_READS)
async def executions(caller: CallerDep, plan: str, offset: Offset = 0, limit: Few = 10) -> Json:
    """List the executions of a plan, the newest first."""
    return await caller.run(plan_view.executions, dag_id_in(plan), offset, limit)


@router.get("/api/plans/{plan}/estimate", dependencies=_READS)
async def estimate(
    request: Request,
    caller: CallerDep,
    plan: str,
    execution_type: Annotated[ExecutionType, _KIND] = ExecutionType.DRILL,
) -> Json:
    """Tell what is expected of the plan's next execution, and what if waves (``factor.<wave>=2``) took longer."""
    factors = _factors(request)
    found = await caller.run(plan_view.estimate, dag_id_in(plan), execution_type, factors)
    if found is None:
        raise HTTPException(404, "no run of this plan has told anything yet; a dry run does")
    return found


def _factors(request: Request) -> dict[int, float]:
    found: dict[int, float] = {}
    for name, value in request.query_params.items():
        if not name.startswith(_FACTOR):
            continue
        try:
            wave, factor = int(name.removeprefix(_FACTOR)), float(value)
        except ValueError:
            raise HTTPException(422, "factors are numbers: factor.2=1.5") from None
        if not 0 < factor <= _MOST_TIMES:
            raise HTTPException(422, f"{name} must be greater than 0 and at most {_MOST_TIMES:g}")
        found[wave] = factor
    return found


@router.post("/api/plans/{plan}/acts/start", dependencies=_READS)
async def start(caller: CallerDep, user: UserDep, plan: str, given: Json) -> Json:
    """Start a drill or a recovery."""
    dag_id = dag_id_in(plan)
    name = plan_name_of(dag_id) or dag_id
    return await caller.run(lambda api: acting.start(api, name, given, Rights.of(user, dag_id)))


@router.get("/api/executions/{plan}/{run_id}", dependencies=_READS)
async def execution(caller: CallerDep, user: UserDep, plan: str, run_id: str) -> Json:
    """Tell how an execution stands."""
    dag_id = dag_id_in(plan)
    return await caller.run(lambda api: execution_view.read(api, dag_id, run_id, Rights.of(user, dag_id)))


@router.get("/api/executions/{plan}/{run_id}/servers", dependencies=_READS)
async def servers(
    caller: CallerDep,
    plan: str,
    run_id: str,
    offset: Offset = 0,
    limit: Many = 50,
    wave: int | None = None,
    state: str = "",
    search: str = "",
    sort: str = "",
) -> Json:
    """List the servers of an execution."""
    wanted = servers_view.Wanted(offset, limit, wave, state, search, sort)
    return await caller.run(servers_view.read, dag_id_in(plan), run_id, wanted)


@router.get("/api/executions/{plan}/{run_id}/timeline", dependencies=_READS)
async def timeline(caller: CallerDep, plan: str, run_id: str) -> Json:
    """Tell what ran when."""
    return await caller.run(timeline_view.read, dag_id_in(plan), run_id)


@router.post("/api/executions/{plan}/{run_id}/acts/{act}", dependencies=_READS)
async def act(caller: CallerDep, user: UserDep, plan: str, run_id: str, act: str, given: Json) -> Json:
    """Do something to an execution."""
    dag_id = dag_id_in(plan)
    return await caller.run(lambda api: acting.act(api, dag_id, run_id, act, given, Rights.of(user, dag_id)))

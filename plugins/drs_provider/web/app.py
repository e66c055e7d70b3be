"""The page's app: its routes with their guards, and what its refusals look like."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import urlencode

import httpx
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response

from drs_provider.airflow_rest.client import ApiError
from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.web import routes
from drs_provider.web.acting import FieldError
from drs_provider.web.caller import Caller
from drs_provider.web.guards import own_origin_only

_STATUS = {
    ExitCode.REFUSED_INPUT: 422,
    ExitCode.NOT_ALLOWED: 403,
    ExitCode.NOT_FOUND: 404,
    ExitCode.CONFLICT: 409,
    ExitCode.NOT_STARTABLE: 409,
    ExitCode.UNREACHABLE: 503,
}


@cache
def page_app() -> FastAPI:
    """Return the app. Airflow's documents of an API are switched off: they would be open."""
    app = FastAPI(
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(get_user), Depends(own_origin_only)],
    )
    app.include_router(routes.router)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(HTTPException, _not_allowed)
    app.add_exception_handler(RequestValidationError, _malformed)
    return app


async def _refused(_: Request, error: Any) -> Response:
    status = _STATUS.get(error.code, 500)
    if isinstance(error, ApiError) and error.status == httpx.codes.UNAUTHORIZED:
        status = error.status
    return _told(status, error.message, error.remedy, **_field(error))


def _field(error: Any) -> dict[str, str]:
    return {"field": error.field} if isinstance(error, FieldError) else {}


async def _not_allowed(request: Request, error: Any) -> Response:
    route = request.scope.get("route")
    if error.status_code == httpx.codes.UNAUTHORIZED and getattr(route, "name", "") == "page":
        base = Caller(request).base_path
        back = urlencode({"next": request.url.path})
        return RedirectResponse(f"{base}/api/v2/auth/login?{back}")
    remedies = {401: "log in to Airflow", 403: "ask for the right, or ask others"}
    return _told(error.status_code, str(error.detail), remedies.get(error.status_code, ""))


async def _malformed(_: Request, error: Any) -> Response:
    first = error.errors()[0]
    return _told(422, str(first["msg"]), "", field=".".join(str(part) for part in first["loc"][1:]))


def _told(status: int, error: str, remedy: str, **more: Any) -> Response:
    return JSONResponse({"error": error, "remedy": remedy, **more}, status)

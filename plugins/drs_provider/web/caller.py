"""Airflow's REST API in process, as the caller: permissions and audit are Airflow's own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import httpx
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from anyio.lowlevel import RunVar
from fastapi import Depends, Request

from drs_provider.airflow_rest.client import Api
from drs_provider.airflow_rest.refused import RefusedError
from drs_provider.web.place import AIRFLOW, URL_PREFIX

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: How many requests of the page are worked on at once. They have threads of their own: each waits for routes of
#: Airflow, which need threads of the server's common pool.
_MOST_AT_ONCE = 16
_threads: RunVar[anyio.CapacityLimiter] = RunVar("drs_page_threads")


class InProcess(httpx.BaseTransport):
    """The way from a thread of the page to Airflow's own app, in the name of who asks.

    What the caller is known by, a bearer token or the UI's cookie, goes along as a bearer token: Airflow renews
    cookies, and must not do it for each of these requests.
    """

    def __init__(self, request: Request) -> None:
        self._airflow = request.scope[AIRFLOW]
        self._transport = httpx.ASGITransport(
            self._logged,
            raise_app_exceptions=False,
            client=(request.client.host, request.client.port) if request.client else ("127.0.0.1", 0),
        )
        self._headers = {
            "authorization": request.headers.get("authorization")
            or f"Bearer {request.cookies.get(COOKIE_NAME_JWT_TOKEN, '')}",
            "host": request.headers.get("host", "airflow"),
            "accept-encoding": "identity",
        }

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, from a thread of :meth:`Caller.run`."""
        request.headers.update(self._headers)
        return anyio.from_thread.run(self._answer, request)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._transport.handle_async_request(request)
        return httpx.Response(
            response.status_code, headers=response.headers, content=await response.aread(), request=request
        )

    async def _logged(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._airflow(scope, receive, send)
        except Exception:
            # Airflow has answered with 500 and leaves it to the server to log why.
            log.exception("Airflow failed at %s %s", scope["method"], scope["path"])
            raise


class _Known:
    """Who asks is known by the request itself; see :class:`drs_provider.airflow_rest.client.Identity`."""

    token, renewable, who = "", False, "you"
    remedies = ("log in to Airflow again", "log in to Airflow again")

    def __init__(self, base_path: str) -> None:
        #: Addresses are of this server: those that are told to people begin with its base path.
        self.url = base_path

    def request(self) -> dict[str, str]:
        """Return nothing: nobody logs in here."""
        return {}

    def renewed(self) -> str | None:
        """Return nothing: nobody logs in here."""
        return None


class Caller:
    """Who asks for something of the page."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @property
    def base_path(self) -> str:
        """Airflow's base path, without a slash at its end."""
        return str(self._request.scope["root_path"]).removesuffix(URL_PREFIX)

    async def run(self, function: Callable[Concatenate[Api, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function with Airflow's API as the caller, in a thread."""

        def call() -> T:
            with Api(_Known(self.base_path), InProcess(self._request)) as api:
                return function(api, *args, **kwargs)

        return await in_thread(call)


async def in_thread(function: Callable[[], T]) -> T:
    """Call a function in one of the page's own threads.

    :raises RefusedError: also where what was read is not as it should be; the log has it whole
    """

    def told() -> T:
        try:
            return function()
        except RefusedError:
            raise
        except Exception as error:
            log.exception("The recovery page failed")
            remedy = "see the API server's log; `airflow drs status` may know more"
            raise RefusedError("the page cannot show this: it failed over what it read", remedy) from error

    try:
        limiter = _threads.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_MOST_AT_ONCE)
        _threads.set(limiter)
    return await anyio.to_thread.run_sync(told, limiter=limiter)


CallerDep = Annotated[Caller, Depends(Caller)]
Json = dict[str, Any]

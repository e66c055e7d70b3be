"""Airflow's public REST API as one user; what it refuses becomes one line with a remedy and an exit code."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from typing import Any, Protocol, Self
from urllib.parse import quote, urlsplit

import httpx

from drs_provider.airflow_rest.refused import ExitCode, RefusedError
from drs_provider.airflow_rest.texts import one_line

PAGE_SIZE = 100
TIMEOUT_SECONDS = 30.0
_MAX_DETAIL = 600
_CODES = {
    httpx.codes.BAD_REQUEST: ExitCode.REFUSED_INPUT,
    httpx.codes.UNPROCESSABLE_ENTITY: ExitCode.REFUSED_INPUT,
    httpx.codes.UNAUTHORIZED: ExitCode.NOT_ALLOWED,
    httpx.codes.FORBIDDEN: ExitCode.NOT_ALLOWED,
    httpx.codes.NOT_FOUND: ExitCode.NOT_FOUND,
    httpx.codes.CONFLICT: ExitCode.CONFLICT,
    httpx.codes.BAD_GATEWAY: ExitCode.UNREACHABLE,
    httpx.codes.SERVICE_UNAVAILABLE: ExitCode.UNREACHABLE,
    httpx.codes.GATEWAY_TIMEOUT: ExitCode.UNREACHABLE,
}


class ApiError(RefusedError):
    """Airflow refused a request.

    :param status: HTTP status of the answer
    :param detail: what Airflow says about it
    """

    def __init__(self, message: str, status: int, detail: str, remedy: str = "") -> None:
        super().__init__(message, remedy, _CODES.get(httpx.codes(status), ExitCode.ERROR))
        self.status = status
        self.detail = detail

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed a while later."""
        return self.status >= httpx.codes.INTERNAL_SERVER_ERROR


class UnreachableError(RefusedError):
    """No answer came: nothing is known of what became of the request."""

    passes = True

    def __init__(self, url: str, reason: str) -> None:
        remedy = "check the address (--url) and that the API server runs"
        super().__init__(f"Airflow at {url} cannot be reached: {reason}", remedy, ExitCode.UNREACHABLE)


class Identity(Protocol):
    """Who asks, and how a token is had; without one, requests carry what their transport adds."""

    @property
    def url(self) -> str:
        """Address of the API server."""

    @property
    def token(self) -> str:
        """The token, or an empty text: then it is had when it is needed."""

    @property
    def renewable(self) -> bool:
        """Whether a token that has ended can be replaced."""

    @property
    def who(self) -> str:
        """Who logs in, for messages."""

    @property
    def remedies(self) -> tuple[str, str]:
        """What to do if the login is refused, and if the token is."""

    def request(self) -> dict[str, str]:
        """Return what Airflow's ``/auth/token`` is asked with."""

    def renewed(self) -> str | None:
        """Return a new token, or None if Airflow gives it."""


class Api:
    """Requests below ``/api/v2`` in the name of one user.

    :param transport: the way to the API server, which knows the user already; None for the network
    """

    def __init__(self, login: Identity, transport: httpx.BaseTransport | None = None) -> None:
        self._login = login
        self._is_known = transport is not None
        self._http = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            transport=transport,
            # On a way of its own, addresses are paths.
            base_url="http://airflow" if transport else "",
            # Proxies of the environment are not for this machine's own addresses.
            trust_env=not _is_loopback(login.url),
        )
        if login.token:
            self._http.headers["Authorization"] = f"Bearer {login.token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    @property
    def url(self) -> str:
        """Address of the API server."""
        return self._login.url

    def get(self, path: str, **params: Any) -> Any:
        """Read something.

        :raises ApiError: if Airflow refuses it
        :raises UnreachableError: if no answer comes
        """
        return self.request("GET", path, params=params)

    def find(self, path: str, **params: Any) -> Any:
        """Read something that may not exist: None then."""
        try:
            return self.get(path, **params)
        except ApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def find_users(self) -> list[str] | None:
        """Return the logins that FAB's own API knows; None if it does not tell."""
        users: list[str] = []
        try:
            while True:
                page = self._request(
                    "GET", "/auth/fab/v1/users", params={"limit": PAGE_SIZE, "offset": len(users)}
                )
                users += [user["username"] for user in page["users"]]
                if not page["users"] or len(users) >= page["total_entries"]:
                    return users
        except ApiError:
            return None

    def pages(self, path: str, key: str, **params: Any) -> list[dict[str, Any]]:
        """Read a whole collection."""
        items: list[dict[str, Any]] = []
        while True:
            page = self.get(path, **params, limit=PAGE_SIZE, offset=len(items))
            items += page[key]
            if not page[key] or len(items) >= page["total_entries"]:
                return items

    def of_page(self, path: str, **params: Any) -> Any:
        """Read something from the recovery page's own routes; refusals as with :meth:`get`."""
        return self._request("GET", f"/drs/api{path}", params=params)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create something; refusals as with :meth:`get`."""
        return self.request("POST", path, json=body)

    def patch(self, path: str, body: Mapping[str, Any], **params: Any) -> Any:
        """Change something; refusals as with :meth:`get`."""
        return self.request("PATCH", path, json=body, params=params)

    def me(self) -> dict[str, str]:
        """Return ``username`` and ``id`` by which Airflow knows who asks; refusals as with :meth:`get`.

        The route is the UI's: the public API has none.
        """
        answer: dict[str, str] = self._request("GET", "/ui/auth/me")
        return answer

    def request(self, method: str, path: str, **arguments: Any) -> Any:
        """Send a request and return the decoded answer; refusals as with :meth:`get`."""
        return self._request(method, f"/api/v2{path}", **arguments)

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        if not self._is_known and "Authorization" not in self._http.headers:
            self._log_in()
        response = self._send(method, path, **arguments)
        if response.status_code == httpx.codes.UNAUTHORIZED and self._login.renewable:
            # The token of a long watch has ended.
            self._log_in()
            response = self._send(method, path, **arguments)
        return self._decoded(response)

    def _log_in(self) -> None:
        if token := self._login.renewed():
            self._http.headers["Authorization"] = f"Bearer {token}"
            return
        response = self._send("POST", "/auth/token", json=self._login.request())
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            message = f"Airflow does not log {self._login.who} in"
            raise ApiError(message, response.status_code, _detail(response), self._login.remedies[0])
        token = self._decoded(response).get("access_token", "")
        self._http.headers["Authorization"] = f"Bearer {token}"

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._http.request(method, f"{self.url}{path}", **arguments)
        except httpx.TimeoutException as error:
            raise UnreachableError(self.url, f"no answer within {TIMEOUT_SECONDS:g} s") from error
        except httpx.TransportError as error:
            raise UnreachableError(self.url, str(error) or type(error).__name__) from error
        except httpx.InvalidURL as error:
            raise RefusedError(f"{self.url!r} is no address: {error}", "", ExitCode.REFUSED_INPUT) from error

    def _decoded(self, response: httpx.Response) -> Any:
        if response.is_success:
            try:
                return response.json() if response.content else None
            except json.JSONDecodeError as error:
                raise self._foreign("it answers with something that is no JSON") from error
        if response.is_redirect:
            raise self._foreign(f"it redirects to {response.headers.get('location', 'nowhere')}")
        raise _refusal(response, self._login.remedies[1])

    def _foreign(self, what: str) -> RefusedError:
        remedy = "give the address of Airflow's API server itself (--url), without /api/v2"
        return RefusedError(f"{self.url} is not Airflow's API: {what}", remedy, ExitCode.UNREACHABLE)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(response: httpx.Response, remedy: str) -> ApiError:
    status, detail = response.status_code, _detail(response)
    where = f"{response.request.method} {response.request.url.path}"
    if status == httpx.codes.UNAUTHORIZED:
        return ApiError("Airflow does not know you", status, detail, remedy)
    if status == httpx.codes.FORBIDDEN:
        message = f"Airflow does not allow you this: {detail}"
        return ApiError(message, status, detail, "ask for the right, or ask others")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        message = f"Airflow failed with {status} at {where}: {detail}"
        return ApiError(message, status, detail, "see its API server's log")
    return ApiError(f"Airflow refuses it: {detail}", status, detail)


def _detail(response: httpx.Response) -> str:
    """Return what an error answer says, on one line, whatever form it has."""
    try:
        body = response.json()
    except ValueError:
        return one_line(response.text)[:_MAX_DETAIL] or response.reason_phrase
    detail = body.get("detail", body) if isinstance(body, dict) else body
    if isinstance(detail, list):
        detail = "; ".join(_field_error(each) for each in detail)
    elif isinstance(detail, dict):
        detail = ", ".join(f"{name}: {value}" for name, value in detail.items())
    return one_line(detail)[:_MAX_DETAIL]


def _field_error(error: Any) -> str:
    if not isinstance(error, dict):
        return str(error)
    return f"{'.'.join(str(part) for part in error.get('loc', ()))}: {error.get('msg', error)}"


def path(*parts: str) -> str:
    """Return a path of the API from its parts, each escaped."""
    return "".join(f"/{quote(part, safe='~')}" for part in parts)

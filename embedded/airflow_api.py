"""A client of Airflow's public REST API, logged in as one user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

from embedded.processes import StackError

PAGE_SIZE = 100


class ApiError(StackError):
    """Airflow refused a request.

    :param status_code: HTTP status of the answer
    """

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class AirflowApi:
    """Requests to ``/api/v2`` in the name of one user.

    :param base_url: address of the API server
    :param user: name of the user, as Airflow records it for everything done here
    """

    def __init__(self, base_url: str, user: str, password: str, *, timeout_seconds: float = 30.0) -> None:
        self.user = user
        self._password = password
        # Proxy settings of the environment are not for the loopback interface.
        self._http = httpx.Client(base_url=base_url, timeout=timeout_seconds, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def log_in(self) -> None:
        """Fetch a token for the user.

        :raises ApiError: if the login is refused
        """
        body = {"username": self.user, "password": self._password}
        token = _checked(self._http.post("/auth/token", json=body)).json()["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str, path: str, **arguments: Any) -> Any:
        """Send a request below ``/api/v2`` and return the decoded answer.

        :raises ApiError: if Airflow refuses it
        """
        if "Authorization" not in self._http.headers:
            self.log_in()
        response = self._http.request(method, f"/api/v2{path}", **arguments)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self.log_in()
            response = self._http.request(method, f"/api/v2{path}", **arguments)
        return _checked(response).json() if response.content else None

    def health(self) -> dict[str, str | None]:
        """Return each component's health ("healthy", "unhealthy" or None); empty while nothing answers."""
        try:
            response = self._http.get("/api/v2/monitor/health")
        except httpx.TransportError:
            return {}
        if response.status_code != httpx.codes.OK:
            return {}
        return {name: value["status"] for name, value in response.json().items() if value}

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """Return a DAG, or None if it is not listed."""
        return self._found("GET", f"/dags/{dag_id}")

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the DAG files that could not be imported."""
        return self._pages("/importErrors", "import_errors")

    def trigger(self, dag_id: str, conf: Mapping[str, Any], run_id: str | None = None) -> dict[str, Any]:
        """Start a run and return it.

        :param run_id: the caller's name for the run; a second run of that name is refused with 409
        """
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf)}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return dict(self.request("POST", f"/dags/{dag_id}/dagRuns", json=body))

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a run."""
        return dict(self.request("GET", _run_path(dag_id, run_id)))

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances."""
        return self._pages(f"{_run_path(dag_id, run_id)}/taskInstances", "task_instances")

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        """Return an XCom's value, or None if there is none."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{quote(key, safe='')}"
        entry = self._found("GET", path, params={"stringify": "false"})
        return None if entry is None else entry["value"]

    def waiting_questions(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the human-in-the-loop details of a run that nobody has answered."""
        return self._pages(
            f"{_run_path(dag_id, run_id)}/hitlDetails", "hitl_details", response_received="false"
        )

    def answer(
        self, dag_id: str, run_id: str, task_id: str, option: str, inputs: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Answer a waiting question as this user.

        :param option: one of the question's options
        :raises ApiError: if the user may not answer (403) or somebody has answered already (409)
        """
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/-1/hitlDetails"
        body = {"chosen_options": [option], "params_input": dict(inputs or {})}
        return dict(self.request("PATCH", path, json=body))

    def _found(self, method: str, path: str, **arguments: Any) -> dict[str, Any] | None:
        try:
            return dict(self.request(method, path, **arguments))
        except ApiError as error:
            if error.status_code == httpx.codes.NOT_FOUND:
                return None
            raise

    def _pages(self, path: str, key: str, **params: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        while True:
            page = self.request("GET", path, params={**params, "limit": PAGE_SIZE, "offset": len(items)})
            items += page[key]
            if not page[key] or len(items) >= page["total_entries"]:
                return items


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        reason = response.json().get("detail", response.text)
    except ValueError:
        reason = response.text
    request = response.request
    message = f"Airflow refused {request.method} {request.url.path}: {response.status_code} {reason}"
    raise ApiError(message, response.status_code)

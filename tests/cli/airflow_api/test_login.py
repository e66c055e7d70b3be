"""Logins without a password, over HTTP against servers that behave as Airflow, its auth managers and MWAA do."""

from __future__ import annotations

import json
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from drs_provider.airflow_rest.refused import ExitCode

ENVIRONMENT = (
    "AIRFLOW_API_CLIENT_ID",
    "AIRFLOW_API_CLIENT_SECRET",
    "AIRFLOW_MWAA_ENVIRONMENT",
    "AIRFLOW_CLI_ENVIRONMENT",
)
Answer = tuple[int, dict[str, Any], dict[str, str]]


@contextmanager
def serving(route: Callable[[str, str, str, Any], Answer]) -> Iterator[str]:
    """Serve ``route(method, path, authorization, body)`` on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            authorization = self.headers.get("Authorization", "")
            status, data, headers = route(self.command, self.path.partition("?")[0], authorization, body)
            content = json.dumps(data).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Airflow:
    """An API server with Keycloak's form of ``/auth/token``, MWAA's login and ``/ui/auth/me``.

    :param tokens: token → name
    """

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {"ready": "anna"}
        self.ended: set[str] = set()
        self.asked: list[Any] = []

    def __call__(self, method: str, path: str, authorization: str, body: str) -> Answer:
        if path == "/auth/token":
            return self._token(json.loads(body))
        if path == "/pluginsv2/aws_mwaa/login":
            return self._mwaa(parse_qs(body))
        name = self.tokens.get(authorization.removeprefix("Bearer "))
        if name is None or authorization.removeprefix("Bearer ") in self.ended:
            return 401, {"detail": "Invalid JWT token"}, {}
        if (method, path) == ("GET", "/ui/auth/me"):
            return 200, {"username": name, "id": f"id-of-{name}"}, {}
        return 404, {"detail": "Not Found"}, {}

    def _token(self, body: dict[str, str]) -> Answer:
        self.asked.append(body)
        if body.get("grant_type") != "client_credentials":
            return 422, {"detail": "not the form of client credentials"}, {}
        if (body["client_id"], body["client_secret"]) != ("airflow", "hush"):
            return 403, {"detail": "Client credentials authentication failed"}, {}
        token = f"keycloak-{len(self.asked)}"
        self.tokens[token] = "service-account-airflow"
        return 201, {"access_token": token}, {}

    def _mwaa(self, form: dict[str, list[str]]) -> Answer:
        self.asked.append(form)
        if form.get("token") != ["web-token"]:
            return 403, {"detail": "no"}, {}
        token = f"mwaa-{len(self.asked)}"
        self.tokens[token] = "assumed-role/dr-operators"
        return 200, {}, {"Set-Cookie": f"_token={token}; Path=/; HttpOnly"}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Airflow]:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    made = Airflow()
    with serving(made) as url:
        monkeypatch.setenv("AIRFLOW_API_URL", url)
        yield made


@pytest.fixture
def mwaa(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """CreateWebLoginToken for botocore's own client: by IAM, at the path of its model."""
    state: dict[str, Any] = {"host": "", "signed": []}

    def route(method: str, path: str, authorization: str, _body: str) -> Answer:
        state["signed"].append(authorization)
        if (method, path) != ("POST", "/webtoken/prod"):
            return 404, {"message": "no such environment"}, {"x-amzn-ErrorType": "ResourceNotFoundException"}
        return 200, {"WebToken": "web-token", "WebServerHostname": state["host"], "IamIdentity": "me"}, {}

    with serving(route) as url:
        settings = {
            "AWS_ENDPOINT_URL_MWAA": url,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_MAX_ATTEMPTS": "1",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield state


def test_a_ready_token_and_the_name_that_plans_must_contain(airflow, drs, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CLI_TOKEN", "ready")
    done = drs("whoami")
    assert (done.code, done.out) == (ExitCode.OK, "anna\n")
    assert "initiators and approvers" in done.err
    assert json.loads(drs("whoami", "-o", "json").out)["id"] == "id-of-anna"


@pytest.mark.parametrize("words", [("--client-id", "airflow"), ()])
def test_client_credentials_in_keycloaks_form(airflow, drs, monkeypatch, words):
    monkeypatch.setenv("AIRFLOW_API_CLIENT_SECRET", "hush")
    if not words:
        monkeypatch.setenv("AIRFLOW_API_CLIENT_ID", "airflow")
    assert drs("whoami", *words).out == "service-account-airflow\n"
    assert airflow.asked == [
        {"grant_type": "client_credentials", "client_id": "airflow", "client_secret": "hush"}
    ]


def test_a_client_whose_secret_is_wrong_or_missing_is_told(airflow, drs, monkeypatch):
    done = drs("whoami", "--client-id", "airflow")
    assert (done.code, "set AIRFLOW_API_CLIENT_SECRET" in done.err) == (ExitCode.NOT_ALLOWED, True)
    monkeypatch.setenv("AIRFLOW_API_CLIENT_SECRET", "wrong-secret")
    done = drs("whoami", "--client-id", "airflow")
    assert done.code == ExitCode.NOT_ALLOWED
    assert "Airflow does not log client airflow in; check client and secret" in done.err
    assert "wrong-secret" not in done.err


def test_mwaa_by_iam_and_again_when_its_token_has_ended(airflow, mwaa, drs, monkeypatch):
    mwaa["host"] = os.environ["AIRFLOW_API_URL"].removeprefix("http://")
    airflow.ended.add("mwaa-1")
    done = drs("whoami", "--mwaa", "prod")
    assert (done.code, done.out) == (ExitCode.OK, "assumed-role/dr-operators\n")
    assert airflow.asked == [{"token": ["web-token"]}] * 2
    assert all(signed.startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/") for signed in mwaa["signed"])
    monkeypatch.setenv("AIRFLOW_MWAA_ENVIRONMENT", "prod")
    assert drs("whoami").out == done.out


def test_mwaa_sends_its_token_to_its_own_web_server_only(airflow, mwaa, drs, monkeypatch):
    mwaa["host"] = "abc.c2.airflow.eu-west-1.on.aws"
    done = drs("whoami", "--mwaa", "prod")
    assert done.code == ExitCode.REFUSED_INPUT
    assert "is abc.c2.airflow.eu-west-1.on.aws, not 127.0.0.1:" in done.err
    done = drs("whoami", "--mwaa", "prod", "--url", "http://abc.c2.airflow.eu-west-1.on.aws")
    assert "by https only" in done.err
    assert airflow.asked == []
    done = drs("whoami", "--mwaa", "other")
    assert (done.code, "no such environment" in done.err) == (ExitCode.NOT_ALLOWED, True)
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "You must specify a region" in drs("whoami", "--mwaa", "prod").err


def saved(folder: Any, url: str, name: str = "production", token: str | None = None) -> None:
    """Leave what ``airflowctl auth login`` leaves."""
    (folder / f"{name}.json").write_text(json.dumps({"api_url": url}))
    if token is not None:
        (folder / f"debug_creds_{name}.json").write_text(json.dumps({f"api_token_{name}": token}))


def test_what_airflowctl_left_is_used_for_its_own_address_only(airflow, drs, monkeypatch, tmp_path):
    url = os.environ["AIRFLOW_API_URL"]
    monkeypatch.setenv("AIRFLOW_CLI_DEBUG_MODE", "true")
    saved(tmp_path, url, token="ready")
    assert drs("whoami").out == "anna\n"
    monkeypatch.delenv("AIRFLOW_API_URL")
    assert drs("whoami").out == "anna\n"
    done = drs("whoami", "--url", "http://127.0.0.1:9")
    assert done.code == ExitCode.NOT_ALLOWED
    assert f"airflowctl's token is for {url}" in done.err
    monkeypatch.setenv("AIRFLOW_CLI_ENVIRONMENT", "staging")
    assert "you are not logged in" in drs("whoami", "--url", url).err
    saved(tmp_path, url, "staging")
    assert "airflowctl has no address or no token for its environment staging" in drs("whoami").err
    monkeypatch.setenv("AIRFLOW_CLI_ENVIRONMENT", "../x")
    assert drs("whoami").code == ExitCode.REFUSED_INPUT
    (tmp_path / "broken.json").write_text("{")
    monkeypatch.setenv("AIRFLOW_CLI_ENVIRONMENT", "broken")
    assert "cannot be read" in drs("whoami").err


def test_the_token_of_the_machines_keyring(airflow, drs, monkeypatch, tmp_path):
    """The keyring itself is no part of the lock: a module with its one function stands in."""
    saved(tmp_path, os.environ["AIRFLOW_API_URL"])
    asked = []
    keyring = types.ModuleType("keyring")
    keyring.get_password = lambda service, key: asked.append((service, key)) or "ready"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    assert drs("whoami").out == "anna\n"
    assert asked == [("airflowctl", "api_token_production")]
    monkeypatch.setitem(sys.modules, "keyring", None)
    done = drs("whoami")
    assert (done.code, "pip install keyring" in done.err) == (ExitCode.NOT_ALLOWED, True)


def test_ways_in_exclude_each_other(airflow, drs):
    done = drs("whoami", "--mwaa", "prod", "--username", "anna")
    assert done.code == ExitCode.REFUSED_INPUT
    assert "--username and --mwaa exclude each other" in done.err

"""An HTTP server that answers as told, for what no simulated service does: refusals, lost and cut answers."""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

HUB_KEY = "AKIAHUB0000000000000"
HUB_ACCOUNT = "111122223333"

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")


@dataclass(frozen=True)
class Call:
    """A request as it arrived."""

    service: str
    operation: str
    region: str
    access_key: str
    body: dict[str, Any]
    user_agent: str


@dataclass(frozen=True)
class Refusal:
    """An error answer."""

    code: str
    status: int = 400
    message: str = "refused by the test"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """A body as it stands."""

    body: bytes
    status: int = 200


LOST = object()  # the connection ends without an answer

Answer = dict[str, Any] | Refusal | Raw | Callable[[Call], Any] | object


class ScriptedAws:
    """Answers STS by itself, and any other operation with what the test queued for it.

    The last queued answer of an operation is repeated.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.identities = {HUB_KEY: (HUB_ACCOUNT, f"arn:aws:iam::{HUB_ACCOUNT}:user/airflow")}
        self.refusals: dict[str, Refusal] = {}  # by role ARN
        self.session_seconds = 3600
        self._answers: dict[str, deque[Answer]] = defaultdict(deque)
        self._lock = threading.Lock()
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                scripted._handle(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, operation: str, *answers: Answer) -> None:
        self._answers[operation].extend(answers)

    def operations(self, service: str | None = None) -> list[str]:
        return [call.operation for call in self.calls if service in (None, call.service)]

    def calls_of(self, operation: str) -> list[Call]:
        return [call for call in self.calls if call.operation == operation]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handle(self, request: BaseHTTPRequestHandler) -> None:
        call = _call_of(request)
        with self._lock:
            self.calls.append(call)
            answer = self._sts(call) if call.service == "sts" else self._queued(call.operation)
        if callable(answer):
            answer = answer(call)
        if answer is LOST:
            request.close_connection = True
            request.connection.shutdown(2)
            return
        _send(request, answer, xml=call.service in ("sts", "ec2", "iam"))

    def _queued(self, operation: str) -> Answer:
        answers = self._answers[operation]
        if not answers:
            return Refusal("NotScripted", 400, f"the test queued no answer for {operation}")
        return answers.popleft() if len(answers) > 1 else answers[0]

    def _sts(self, call: Call) -> Answer:
        if call.operation == "GetCallerIdentity":
            if call.access_key not in self.identities:
                return Refusal("InvalidClientTokenId", 403, "The security token included is invalid.")
            account, arn = self.identities[call.access_key]
            return Raw(
                f"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn><UserId>U</UserId>"
                f"<Account>{account}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>".encode()
            )
        role_arn = call.body["RoleArn"]
        if role_arn in self.refusals:
            return self.refusals[role_arn]
        account, role = re.fullmatch(r"arn:[\w-]+:iam::(\d+):role/(.+)", role_arn).groups()
        key = f"ASIA{len(self.identities):016d}"
        session = call.body["RoleSessionName"]
        name = role.rpartition("/")[2]  # STS tells a role without its path
        self.identities[key] = (account, f"arn:aws:sts::{account}:assumed-role/{name}/{session}")
        expires = (datetime.now(UTC) + timedelta(seconds=self.session_seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Raw(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>secret-of-role</SecretAccessKey>"
            f"<SessionToken>token-of-role</SessionToken><Expiration>{expires}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>".encode()
        )


def _call_of(request: BaseHTTPRequestHandler) -> Call:
    body = request.rfile.read(int(request.headers.get("Content-Length", 0))).decode()
    signed = _CREDENTIAL.search(request.headers.get("Authorization", ""))
    assert signed, "every request is signed"
    if "x-www-form-urlencoded" in request.headers.get("Content-Type", ""):
        values = {name: texts[0] for name, texts in parse_qs(body).items()}
        operation = values["Action"]
    elif target := request.headers.get("X-Amz-Target"):
        values, operation = json.loads(body), target.rpartition(".")[2]
    else:
        values, operation = json.loads(body or "{}"), request.path.strip("/")
    return Call(
        service=signed["service"],
        operation=operation,
        region=signed["region"],
        access_key=signed["key"],
        body=values,
        user_agent=request.headers.get("User-Agent", ""),
    )


def _send(request: BaseHTTPRequestHandler, answer: Any, *, xml: bool) -> None:
    headers: dict[str, str] = {}
    if isinstance(answer, Raw):
        status, body = answer.status, answer.body
    elif isinstance(answer, Refusal):
        status = answer.status
        headers = {"x-amzn-ErrorType": answer.code, **answer.headers}
        if xml:
            body = (
                f"<ErrorResponse><Error><Code>{answer.code}</Code><Message>{answer.message}</Message></Error>"
                "</ErrorResponse>"
            ).encode()
        else:
            body = json.dumps({"__type": answer.code, "message": answer.message}).encode()
    else:
        status, body = 200, json.dumps(answer).encode()
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)

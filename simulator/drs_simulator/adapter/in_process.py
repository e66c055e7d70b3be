"""The simulator without a server: moto's ``mock_aws`` with the gate before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.handlers import BUILTIN_HANDLERS
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from drs_simulator.adapter.gate import ConnectionBroken, Gate
from drs_simulator.adapter.simulation import Simulation
from drs_simulator.adapter.wire import WireResponse, read_request

# botocore has no types.
_connection_closed: Any = ConnectionClosedError
_aws_response: Any = AWSResponse


class _Intercept:
    """A ``before-send`` handler that stands before moto's own. Idle unless a simulation is active."""

    def __init__(self) -> None:
        self.gate: Gate | None = None

    def __call__(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if self.gate is None:
            return None
        parts = urlsplit(request.url)
        headers = {key.lower(): _text(value) for key, value in request.headers.items()}
        wire = read_request(request.method, parts.path, parts.query, headers, _body(request))
        try:
            response = self.gate.handle(wire, lambda: _forward(request))
        except ConnectionBroken:
            raise _connection_closed(endpoint_url=request.url) from None
        # botocore does not ask whether a body is as long as it was announced.
        raw = MockRawResponse(response.body[: response.cut_at])
        answer: AWSResponse = _aws_response(request.url, response.status, response.headers, raw)
        return answer


_INTERCEPT = _Intercept()
# Clients take the handlers over when they are made; the first to answer wins.
BUILTIN_HANDLERS.insert(0, ("before-send", _INTERCEPT))


@contextmanager
def gated(simulation: Simulation) -> Iterator[None]:
    """Answer all boto3 clients that are made within."""
    with mock_aws(config={"core": {"mock_credentials": False}}):
        # moto's start has reset its backends.
        simulation.reset()
        _INTERCEPT.gate = Gate(simulation)
        # All handlers of an event are called: moto's own would do everything a second time.
        botocore_stubber.enabled = False
        try:
            yield
        finally:
            botocore_stubber.enabled = True
            _INTERCEPT.gate = None


def _forward(request: AWSPreparedRequest) -> WireResponse:
    answer = botocore_stubber.process_request(request)
    if answer is None:
        return WireResponse(501, {"Content-Type": "text/plain"}, b"not simulated")
    status, headers, body = answer
    return WireResponse(int(status), dict(headers), body.encode() if isinstance(body, str) else body)


def _body(request: AWSPreparedRequest) -> bytes:
    body = request.body
    if isinstance(body, str):
        return body.encode()
    # Streams are objects for S3, of which the gate wants to know nothing.
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value

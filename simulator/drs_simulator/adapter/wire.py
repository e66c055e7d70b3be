"""Requests and errors of every AWS service, as far as the gate has to read and write them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from drs_simulator.adapter.drs_wire import drs_operation, error_status
from drs_simulator.adapter.identities import UNKNOWN_TOKEN
from drs_simulator.engine.errors import DrsError

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_SERVICE_NAMES = {"monitoring": "cloudwatch"}
_QUERY_SERVICES = frozenset({"ec2", "sts", "iam", "sns", "cloudwatch", "autoscaling", "cloudformation"})
_REST_OPERATIONS = {
    "lambda": (
        ("POST", re.compile(r"/functions/[^/]+/invocations$"), "Invoke"),
        ("GET", re.compile(r"/functions/[^/]+$"), "GetFunction"),
        ("GET", re.compile(r"/functions/[^/]+/configuration$"), "GetFunctionConfiguration"),
    ),
    "route53": (
        ("POST", re.compile(r"/hostedzone/[^/]+/rrset/?$"), "ChangeResourceRecordSets"),
        ("GET", re.compile(r"/hostedzone/[^/]+/rrset/?$"), "ListResourceRecordSets"),
        ("GET", re.compile(r"/hostedzone/[^/]+$"), "GetHostedZone"),
        ("GET", re.compile(r"/change/[^/]+$"), "GetChange"),
    ),
}
_STATUS = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "ExpiredToken": 403,
    "InvalidClientTokenId": 403,
    "MissingAuthenticationToken": 403,
    "UnauthorizedOperation": 403,
    "AuthFailure": 401,
    "InvalidAccessKeyId": 403,
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "ServiceUnavailableException": 503,
    "Unavailable": 503,
}
_DRS_STATUS = {
    "UnrecognizedClientException": 403,
    "ExpiredTokenException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ServiceUnavailableException": 503,
    "InternalFailure": 500,
}


@dataclass(frozen=True, slots=True)
class WireRequest:
    """A request, and what its signature and body say about it."""

    method: str
    path: str
    query: str
    body: bytes
    service: str
    operation: str
    region: str
    access_key: str | None
    form: dict[str, list[str]] = field(default_factory=dict)
    content_type: str = ""

    @property
    def protocol(self) -> str:
        """``rest-json``, ``json``, ``ec2``, ``query`` or ``rest-xml``: how errors are written."""
        if self.service == "ec2":
            return "ec2"
        if self.content_type.startswith("application/x-amz-json"):
            return "json"
        if self.service in _QUERY_SERVICES or self.form:
            return "query"
        return "rest-xml" if self.service in {"s3", "route53"} else "rest-json"

    def parameter(self, name: str) -> str | None:
        """A value of a form-encoded body."""
        values = self.form.get(name)
        return values[0] if values else None


@dataclass(slots=True)
class WireResponse:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut_at: int | None = None
    """After so many bytes of the body the connection breaks."""


def read_request(method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> WireRequest:
    """Understand a request; ``headers`` are in lower case."""
    match = _CREDENTIAL.search(headers.get("authorization", ""))
    key, region, signing_name = match.groups() if match else (None, "", "")
    service = _SERVICE_NAMES.get(signing_name, signing_name)
    content_type = headers.get("content-type", "")
    form: dict[str, list[str]] = {}
    if content_type.startswith("application/x-www-form-urlencoded"):
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    operation = _operation(service, method, path, headers.get("x-amz-target", ""), form)
    return WireRequest(
        method, path, query, body, service, operation, region, key, form=form, content_type=content_type
    )


def _operation(service: str, method: str, path: str, target: str, form: dict[str, list[str]]) -> str:
    if target:
        return target.rpartition(".")[2]
    if "Action" in form:
        return form["Action"][0]
    if service == "drs":
        return drs_operation(method, path) or f"{method} {path}"
    if (smithy := path.rpartition("/operation/"))[1]:
        return smithy[2]
    rest = _REST_OPERATIONS.get(service, ())
    return next(
        (name for verb, form, name in rest if verb == method and form.search(path)), f"{method} {path}"
    )


def render_error(
    request: WireRequest, error: DrsError, status: int | None = None, retry_after: int | None = None
) -> WireResponse:
    """An error in the protocol of the request's service."""
    protocol = request.protocol
    status = status or _default_status(request, error.code)
    headers: dict[str, str] = {}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if protocol in {"ec2", "query", "rest-xml"}:
        headers["Content-Type"] = "text/xml"
        return WireResponse(status, headers, _xml(protocol, error).encode())
    headers["x-amzn-ErrorType"] = error.code
    body = {"message": error.message, **error.members}
    if protocol == "json":
        headers["Content-Type"] = "application/x-amz-json-1.1"
        body["__type"] = error.code
    else:
        headers["Content-Type"] = "application/json"
    return WireResponse(status, headers, json.dumps(body).encode())


def _default_status(request: WireRequest, code: str) -> int:
    if request.service == "drs":
        return _DRS_STATUS.get(code) or error_status(code)
    if request.protocol == "json" and _STATUS.get(code, 400) < 500:
        return 400
    return _STATUS.get(code, 400)


def _xml(protocol: str, error: DrsError) -> str:
    code, message = escape(error.code), escape(error.message)
    if protocol == "ec2":
        return (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            "<RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
        )
    if protocol == "rest-xml":
        return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
    )


def expired_code(request: WireRequest) -> str:
    """The service family's error code for a token that has expired."""
    if request.service == "ec2":
        return "RequestExpired"
    return "ExpiredToken" if request.protocol in {"query", "rest-xml"} else "ExpiredTokenException"


def unknown_key(request: WireRequest) -> DrsError:
    """The service family's answer to an access key that does not exist."""
    if request.service == "ec2":
        return DrsError("AuthFailure", "AWS was not able to validate the provided access credentials")
    if request.protocol == "rest-xml":
        return DrsError(
            "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
        )
    code = "InvalidClientTokenId" if request.protocol == "query" else "UnrecognizedClientException"
    return DrsError(code, UNKNOWN_TOKEN)


def denied_code(request: WireRequest) -> str:
    """The service family's error code for a denied action."""
    if request.service == "ec2":
        return "UnauthorizedOperation"
    return "AccessDenied" if request.protocol in {"query", "rest-xml"} else "AccessDeniedException"

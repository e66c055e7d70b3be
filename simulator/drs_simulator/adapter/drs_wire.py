"""DRS's rest-json protocol, read from botocore's model of the service."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.session
from botocore.model import OperationModel, ServiceModel

from drs_simulator.engine.errors import DrsError, invalid

_TAG_OPERATIONS = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}
_TAGS_PATH = "/tags/"
_SESSION: Any = botocore.session.Session()
_UNMODELLED_STATUS = {"UnknownOperationException": 501}


@cache
def service_model() -> ServiceModel:
    """Botocore's model of DRS."""
    model: ServiceModel = _SESSION.get_service_model("drs")
    return model


@cache
def operation_model(operation: str) -> OperationModel:
    """Botocore's model of an operation; OperationNotFoundError if there is none."""
    model: OperationModel = service_model().operation_model(operation)
    return model


@cache
def _by_path() -> dict[tuple[str, str], str]:
    paths = {}
    for name in service_model().operation_names:
        http = operation_model(name).http
        paths[http["method"], http["requestUri"]] = name
    return paths


@cache
def http_status(operation: str) -> int:
    """The status of an operation's success."""
    return int(operation_model(operation).http.get("responseCode", 200))


def drs_operation(method: str, path: str) -> str | None:
    """The operation of a method and path, None if DRS has no such operation."""
    if path.startswith(_TAGS_PATH):
        return _TAG_OPERATIONS.get(method)
    return _by_path().get((method, path))


def parse_drs_request(method: str, path: str, query: str, body: str) -> tuple[str, dict[str, Any]] | None:
    """Operation and parameters of a request; None if DRS has no such operation.

    ValidationException if the body is not a JSON object.
    """
    operation = drs_operation(method, path)
    if operation is None:
        return None
    params: dict[str, Any] = {}
    if body:
        try:
            params = json.loads(body)
        except ValueError as error:
            raise DrsError("ValidationException", "The body is not JSON.", reason="cannotParse") from error
        if not isinstance(params, dict):
            raise invalid("The body is not a JSON object.")
    if path.startswith(_TAGS_PATH):
        params["resourceArn"] = unquote(path.removeprefix(_TAGS_PATH))
    _add_query(operation, query, params)
    return operation, params


def _add_query(operation: str, query: str, params: dict[str, Any]) -> None:
    if not query:
        return
    values = parse_qs(query, keep_blank_values=True)
    shape = operation_model(operation).input_shape
    for name, member in shape.members.items() if shape is not None else ():
        sent = values.get(member.serialization.get("name", name))
        if member.serialization.get("location") != "querystring" or sent is None:
            continue
        if member.type_name == "list":
            params[name] = sent
        else:
            is_number = member.type_name == "integer" and sent[0].isdecimal()
            params[name] = int(sent[0]) if is_number else sent[0]


@cache
def error_status(code: str) -> int:
    """The HTTP status of an error of DRS."""
    model: Any = service_model()
    shape = model.shape_for(code) if code in model.shape_names else None
    if shape is None:
        return _UNMODELLED_STATUS.get(code, 400)
    return int(shape.metadata.get("error", {}).get("httpStatusCode", 400))


def render_drs_error(error: DrsError, status: int | None = None) -> tuple[int, dict[str, str], str]:
    """An error answer."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    body = json.dumps({"message": error.message, **error.members})
    return status or error_status(error.code), headers, body

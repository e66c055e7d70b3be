"""Validation of a whole request or response of one operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import OperationModel, Shape, StructureShape

from drs_simulator.validation.deviations import (
    ERROR_DEVIATIONS,
    ERROR_ENVELOPE_MEMBERS,
    GENERIC_ERROR_MEMBERS,
    is_known_error,
)
from drs_simulator.validation.model import error_shape, located_members, operation
from drs_simulator.validation.violations import Check, Violation, shown
from drs_simulator.validation.walker import Place, walk

_BOOLEANS = {"true": True, "false": False}


def validate_request(operation_name: str, params: Mapping[str, Any]) -> list[Violation]:
    """Check the members of a request, from body, URI and query string in one mapping.

    Members that travel as text outside the body may still be text. Raises botocore's
    OperationNotFoundError for an operation that the model does not have.
    """
    shape = operation(operation_name).input_shape
    if not isinstance(shape, StructureShape):
        return []
    return list(walk(shape, _with_typed_text(shape, params), Place(operation_name)))


def validate_response(
    operation_name: str,
    http_status: int,
    body: Mapping[str, Any],
    *,
    error_code: str | None,
    headers: Mapping[str, str] | None = None,
) -> list[Violation]:
    """Check one decoded response: status, members, and for an error that the operation may give it.

    `error_code` is None for a success. `headers` adds the members that travel there (Retry-After).
    Raises botocore's OperationNotFoundError for an operation that the model does not have.
    """
    model = operation(operation_name)
    if error_code is not None:
        return list(_error(model, http_status, body, error_code, headers or {}))
    return list(_success(model, http_status, body))


def _success(model: OperationModel, http_status: int, body: Mapping[str, Any]) -> Iterator[Violation]:
    yield from _status(model.name, http_status, frozenset({int(model.http["responseCode"])}))
    if isinstance(model.output_shape, StructureShape):
        yield from walk(model.output_shape, body, Place(model.name))
    elif body:
        yield Violation(Check.UNKNOWN, model.name, "", f"the operation answers nothing, not {shown(body)}")


def _error(
    model: OperationModel, http_status: int, body: Mapping[str, Any], code: str, headers: Mapping[str, str]
) -> Iterator[Violation]:
    shape = error_shape(code)
    declared = {declared.error_code for declared in model.error_shapes}
    if code not in declared and not is_known_error(model.name, code):
        yield Violation(Check.ERROR, model.name, "", f"does not declare {code}")
    else:
        yield from _status(model.name, http_status, _error_statuses(code, shape))
    if shape is None:
        yield from _generic_error_body(model.name, body)
    else:
        yield from _modelled_error_body(model.name, shape, body, headers)


def _status(operation_name: str, http_status: int, expected: frozenset[int]) -> Iterator[Violation]:
    if http_status not in expected:
        wanted = " or ".join(str(status) for status in sorted(expected))
        yield Violation(Check.STATUS, operation_name, "", f"HTTP {http_status} instead of {wanted}")


def _error_statuses(code: str, shape: StructureShape | None) -> frozenset[int]:
    if shape is not None:
        return frozenset({int(shape.metadata["error"]["httpStatusCode"])})
    return ERROR_DEVIATIONS[code].http_statuses


def _modelled_error_body(
    operation_name: str, shape: StructureShape, body: Mapping[str, Any], headers: Mapping[str, str]
) -> Iterator[Violation]:
    members = {name: value for name, value in body.items() if name not in ERROR_ENVELOPE_MEMBERS}
    for name in located_members(shape).keys() & members.keys():
        yield Violation(Check.UNKNOWN, operation_name, name, "belongs in a header, not in the body")
    yield from walk(shape, members | _header_members(shape, headers), Place(operation_name))


def _header_members(shape: StructureShape, headers: Mapping[str, str]) -> dict[str, Any]:
    lower = {name.lower(): value for name, value in headers.items()}
    found = {
        name: lower[member.serialization["name"].lower()]
        for name, member in located_members(shape).items()
        if member.serialization["name"].lower() in lower
    }
    return _with_typed_text(shape, found)


def _generic_error_body(operation_name: str, body: Mapping[str, Any]) -> Iterator[Violation]:
    for name, value in body.items():
        if name not in GENERIC_ERROR_MEMBERS:
            yield Violation(Check.UNKNOWN, operation_name, name, "a generic error has only a message")
        elif not isinstance(value, str):
            yield Violation(Check.TYPE, operation_name, name, f"{shown(value)} is not a string")


def _with_typed_text(shape: StructureShape, values: Mapping[str, Any]) -> dict[str, Any]:
    located = located_members(shape)
    return {
        name: _typed(located[name], value) if name in located else value for name, value in values.items()
    }


def _typed(shape: Shape, value: Any) -> Any:
    """What a text outside the body stands for; unreadable text stays, for the type check to name."""
    if not isinstance(value, str):
        return value
    if shape.type_name in ("integer", "long"):
        return int(value) if value.isascii() and value.removeprefix("-").isdigit() else value
    if shape.type_name == "boolean":
        return _BOOLEANS.get(value, value)
    if shape.type_name == "list":
        return [value]
    return value

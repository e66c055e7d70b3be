"""The errors that DRS operations answer with, as one exception that carries the modelled members."""

from __future__ import annotations

from typing import Any


class DrsError(Exception):
    """An error answer: ``code`` names a shape of the service model, ``members`` are its further members."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.members = members


def conflict(message: str, resource_id: str = "", resource_type: str = "") -> DrsError:
    """409: the resource is in a state that forbids the call."""
    members = {"resourceId": resource_id, "resourceType": resource_type} if resource_id else {}
    return DrsError("ConflictException", message, **members)


def quota_exceeded(message: str, quota_code: str) -> DrsError:
    """402: one of the service quotas would be exceeded."""
    return DrsError("ServiceQuotaExceededException", message, serviceCode="drs", quotaCode=quota_code)


def invalid(message: str, *fields: tuple[str, str]) -> DrsError:
    """400: the request is malformed, or (assumed) names something unknown where no 404 is declared."""
    members: dict[str, Any] = {"reason": "fieldValidationFailed" if fields else "other"}
    if fields:
        members["fieldList"] = [{"name": name, "message": text} for name, text in fields]
    return DrsError("ValidationException", message, **members)


def not_found(resource_type: str, resource_id: str) -> DrsError:
    """404: no such resource in this account and Region."""
    return DrsError(
        "ResourceNotFoundException",
        f"{resource_type} {resource_id} was not found.",
        resourceId=resource_id,
        resourceType=resource_type,
    )


def uninitialized() -> DrsError:
    """400: DRS was never initialised in this account and Region."""
    return DrsError("UninitializedAccountException", "Account not initialized")


def access_denied(caller_arn: str, action: str, resource: str) -> DrsError:
    """403: the caller's policies deny the action."""
    return DrsError(
        "AccessDeniedException",
        f"User: {caller_arn} is not authorized to perform: {action} on resource: {resource}",
    )


def not_implemented(operation: str) -> DrsError:
    """501: the operation exists in DRS but not in the simulator."""
    return DrsError("UnknownOperationException", f"The simulator does not implement drs:{operation}.")

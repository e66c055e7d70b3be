"""The errors that DRS operations answer with, as one exception that carries the modelled members."""

from __future__ import annotations

import hashlib
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


def job_log_not_found(job_id: str) -> DrsError:
    """404: the log of a job that does not exist. The operation does not declare it.

    Source: github.com/johnjcousens/aws-elasticdrs-orchestrator at e962c1e6, lambda-response.json.
    """
    text = f"Job with Id: '{job_id}' was not found"
    return DrsError("ResourceNotFoundException", text, resourceId=job_id, resourceType="Job")


def uninitialized() -> DrsError:
    """400: DRS was never initialised in this account and Region."""
    return DrsError("UninitializedAccountException", "Account not initialized")


def access_denied(caller_arn: str, action: str, resource: str) -> DrsError:
    """403: the caller's policies deny the action."""
    return DrsError("AccessDeniedException", unauthorized_text(caller_arn, action, resource))


_ENCODED_CHARACTERS = 700
"""Length of EC2's encoded message (assumed); its content is for sts:DecodeAuthorizationMessage only."""


def unauthorized_text(caller_arn: str, action: str, resource: str = "*") -> str:
    """What AWS says of an action that no policy of the caller allows, in EC2's form for an action of EC2.

    Source of EC2's form: github.com/johnjcousens/aws-elasticdrs-orchestrator at efeae491.
    """
    text = (
        f"User: {caller_arn} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
    if not action.startswith("ec2:"):
        return text
    encoded = "".join(
        hashlib.sha256(f"{n}{text}".encode()).hexdigest() for n in range(_ENCODED_CHARACTERS // 64 + 1)
    )
    return (
        f"You are not authorized to perform this operation. {text}. "
        f"Encoded authorization failure message: {encoded[:_ENCODED_CHARACTERS]}"
    )


def not_implemented(operation: str) -> DrsError:
    """501: the operation exists in DRS but not in the simulator."""
    return DrsError("UnknownOperationException", f"The simulator does not implement drs:{operation}.")

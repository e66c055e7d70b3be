"""SSM Automation: executions of runbooks, which a client token makes once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drs_simulator.engine.entities import Place
from drs_simulator.engine.errors import DrsError
from drs_simulator.engine.ids import digest_uuid
from drs_simulator.engine.services.choice import Choice
from drs_simulator.service_spec import AutomationSpec

if TYPE_CHECKING:
    from drs_simulator.engine.world import World

AWS_DOCUMENTS = ("AWS-RunShellScript", "AWS-RunPowerShellScript")
"""Command documents of AWS's own that exist everywhere."""


@dataclass(slots=True)
class Execution:
    """A runbook at work."""

    execution_id: str
    place: Place
    request: dict[str, Any]
    rule: AutomationSpec
    caller_arn: str
    at: float
    cancelled_at: float | None = None


class Automations:
    """All executions of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._executions: dict[str, Execution] = {}
        self._choice = Choice()

    @property
    def executions(self) -> tuple[Execution, ...]:
        """All of them, oldest first."""
        return tuple(self._executions.values())

    def document_type(self, name: str) -> str | None:
        """``Automation`` or ``Command`` for a document that exists, else None."""
        if name in AWS_DOCUMENTS:
            return "Command"
        rules = self._world.scenario.services.automations
        return "Automation" if any(rule.document == name for rule in rules) else None

    def start(self, place: Place, caller_arn: str, request: dict[str, Any]) -> dict[str, Any]:
        """StartAutomationExecution. The same client token with the same request gives the same execution (assumed)."""
        earlier = self._with_token(place, request.get("ClientToken"))
        if earlier is not None:
            if earlier.request != request:
                raise DrsError(
                    "IdempotentParameterMismatch", "The client token was used with other parameters."
                )
            return {"AutomationExecutionId": earlier.execution_id}
        name = request["DocumentName"]
        if self.document_type(name) != "Automation":
            text = f"Document with name {name} does not exist."
            raise DrsError("AutomationDefinitionNotFoundException", text)
        rule = self._choice.first(
            self._world.scenario.services.automations,
            lambda rule: rule.document == name and _has(request.get("Parameters", {}), rule.match),
        )
        execution_id = digest_uuid(self._world.seed, "automation", len(self._executions))
        self._executions[execution_id] = Execution(
            execution_id, place, request, rule or AutomationSpec(document=name), caller_arn, self._world.now
        )
        return {"AutomationExecutionId": execution_id}

    def get(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """GetAutomationExecution. AutomationExecutionNotFoundException for an unknown one."""
        return {"AutomationExecution": self._shown(self._find(place, request))}

    def list(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeAutomationExecutions, in one page; of the filters TagKey, ExecutionId and DocumentNamePrefix."""
        found = [
            self._listed(execution)
            for execution in self._executions.values()
            if execution.place == place
            and all(_passes(execution, item["Key"], item["Values"]) for item in request.get("Filters", ()))
        ]
        return {"AutomationExecutionMetadataList": found}

    def stop(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """StopAutomationExecution. InvalidAutomationStatusUpdateException for one that is over."""
        execution = self._find(place, request)
        if self._status(execution) != "InProgress":
            text = f"Automation execution {execution.execution_id} is over."
            raise DrsError("InvalidAutomationStatusUpdateException", text)
        execution.cancelled_at = self._world.now
        return {}

    def _with_token(self, place: Place, token: str | None) -> Execution | None:
        if token is None:
            return None
        return next(
            (
                execution
                for execution in self._executions.values()
                if execution.place == place and execution.request.get("ClientToken") == token
            ),
            None,
        )

    def _find(self, place: Place, request: Mapping[str, Any]) -> Execution:
        execution = self._executions.get(request["AutomationExecutionId"])
        if execution is None or execution.place != place:
            text = f"Automation execution {request['AutomationExecutionId']} was not found."
            raise DrsError("AutomationExecutionNotFoundException", text)
        return execution

    def _status(self, execution: Execution) -> str:
        if execution.cancelled_at is not None:
            return "Cancelled"
        over = self._world.now >= execution.at + execution.rule.seconds
        return execution.rule.status if over else "InProgress"

    def _listed(self, execution: Execution) -> dict[str, Any]:
        status = self._status(execution)
        row: dict[str, Any] = {
            "AutomationExecutionId": execution.execution_id,
            "AutomationExecutionStatus": status,
            "DocumentName": execution.request["DocumentName"],
            "ExecutedBy": execution.caller_arn,
            "ExecutionStartTime": execution.at,
            "Mode": execution.request.get("Mode", "Auto"),
        }
        if status != "InProgress":
            row["ExecutionEndTime"] = execution.cancelled_at or execution.at + execution.rule.seconds
        if status == execution.rule.status != "Success":
            row["FailureMessage"] = execution.rule.failure or "Step fails when it is simulated so."
        if status == "Success":
            row["Outputs"] = {key: list(values) for key, values in execution.rule.outputs.items()}
        return row

    def _shown(self, execution: Execution) -> dict[str, Any]:
        row = self._listed(execution)
        row["Parameters"] = execution.request.get("Parameters", {})
        return row


def _has(parameters: Mapping[str, list[str]], match: str) -> bool:
    return not match or any(match in value for values in parameters.values() for value in values)


def _passes(execution: Execution, key: str, values: list[str]) -> bool:
    if key == "TagKey":
        return any(tag["Key"] in values for tag in execution.request.get("Tags", ()))
    if key == "ExecutionId":
        return execution.execution_id in values
    if key == "DocumentNamePrefix":
        return any(execution.request["DocumentName"].startswith(value) for value in values)
    raise DrsError("InvalidFilterKey", f"The simulator does not know the filter {key}.")

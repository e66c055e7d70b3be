"""SSM Run Command: commands run for a while on instances whose agent is there, and end as the scenario says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from drs_simulator.engine.entities import Place
from drs_simulator.engine.errors import DrsError
from drs_simulator.engine.ids import digest_uuid
from drs_simulator.engine.services.choice import Choice
from drs_simulator.engine.times import stamp
from drs_simulator.service_spec import CommandSpec

if TYPE_CHECKING:
    from drs_simulator.engine.world import World

_SHOWN_CHARACTERS = 24_000
"""GetCommandInvocation shows so much of an output (API reference)."""
_DEFAULT_TIMEOUT_SECONDS = 3600.0
_NOT_OVER = -1


@dataclass(slots=True)
class Invocation:
    """A command on one instance."""

    instance_id: str
    rule: CommandSpec
    cancelled_at: float | None = None


@dataclass(slots=True)
class Command:
    """A command that was sent."""

    command_id: str
    place: Place
    request: dict[str, Any]
    at: float
    invocations: dict[str, Invocation]

    @property
    def timeout(self) -> float:
        """How many seconds it may run: the document's parameter, as the service takes it."""
        values = self.request.get("Parameters", {}).get("executionTimeout") or [_DEFAULT_TIMEOUT_SECONDS]
        return float(values[0])


class Commands:
    """All commands of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sent: dict[str, Command] = {}
        self._choice = Choice()

    def send(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """SendCommand to instances by id. InvalidInstanceId if SSM cannot reach one."""
        ids = [*request.get("InstanceIds", ()), *_targeted(request)]
        missing = [i for i in ids if not self._has_agent(place, i)]
        if missing or not ids:
            text = f"Instances [[{', '.join(missing)}]] not in a valid state for account {place.account_id}"
            raise DrsError("InvalidInstanceId", text)
        command_id = digest_uuid(self._world.seed, "command", len(self._sent))
        invocations = {i: Invocation(i, self._rule(place, i, request)) for i in ids}
        command = Command(command_id, place, request, self._world.now, invocations)
        self._sent[command_id] = command
        return {"Command": self._view(command)}

    def invocation(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """GetCommandInvocation. InvocationDoesNotExist if the command was not sent to that instance."""
        command = self._sent.get(request["CommandId"])
        if command is None or command.place != place or request["InstanceId"] not in command.invocations:
            raise DrsError("InvocationDoesNotExist", "")
        return self._shown(command, command.invocations[request["InstanceId"]])

    def invocations(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """ListCommandInvocations, in one page."""
        found = [
            self._shown(command, invocation)
            for command in self._of(place, request)
            for invocation in command.invocations.values()
            if request.get("InstanceId") in {None, invocation.instance_id}
        ]
        return {"CommandInvocations": [_listed(row) for row in found]}

    def commands(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """ListCommands, in one page."""
        return {"Commands": [self._view(command) for command in self._of(place, request)]}

    def cancel(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """CancelCommand: what still runs is Cancelled at once (the service may take a while)."""
        for command in self._of(place, request):
            for invocation in command.invocations.values():
                if self._status(command, invocation) == "InProgress":
                    invocation.cancelled_at = self._world.now
        return {}

    def information(self, place: Place, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeInstanceInformation, in one page: DRS's instances that SSM reaches, of the filter InstanceIds."""
        wanted = [v for f in request.get("Filters", ()) if f["Key"] == "InstanceIds" for v in f["Values"]]
        state = self._world.region(place)
        return {
            "InstanceInformationList": [
                {
                    "InstanceId": instance_id,
                    "PingStatus": "Online",
                    "PlatformType": "Windows"
                    if "Windows" in state.servers[instance.server_id].spec.os
                    else "Linux",
                    "ComputerName": state.servers[instance.server_id].spec.name,
                }
                for instance_id, instance in state.instances.items()
                if (not wanted or instance_id in wanted) and self._has_agent(place, instance_id)
            ]
        }

    def _of(self, place: Place, request: dict[str, Any]) -> Iterator[Command]:
        wanted, instance_id = request.get("CommandId"), request.get("InstanceId")
        return (
            command
            for command in self._sent.values()
            if command.place == place
            and wanted in {None, command.command_id}
            and (instance_id is None or instance_id in command.invocations)
        )

    def _rule(self, place: Place, instance_id: str, request: Mapping[str, Any]) -> CommandSpec:
        name, launched_at = self._server(place, instance_id)
        texts = [request.get("DocumentName", ""), *_texts(request.get("Parameters", {}))]
        age = self._world.now - launched_at

        def fits(rule: CommandSpec) -> bool:
            named = any(fnmatchcase(name, pattern) for pattern in rule.servers)
            return named and age >= rule.after and any(rule.match in text for text in texts)

        return self._choice.first(self._world.scenario.services.commands, fits) or CommandSpec()

    def _server(self, place: Place, instance_id: str) -> tuple[str, float]:
        state = self._world.region(place)
        instance = state.instances.get(instance_id)
        if instance is None:
            return "", self._world.started_at
        return state.servers[instance.server_id].spec.name, instance.launched_at

    def _has_agent(self, place: Place, instance_id: str) -> bool:
        if self._world.machines.state(place, instance_id) != "RUNNING":
            return False
        state = self._world.region(place)
        instance = state.instances.get(instance_id)
        if instance is None:
            return True
        agent = state.servers[instance.server_id].spec.ssm_agent
        return agent != "never" and self._world.now >= instance.launched_at + agent

    def _status(self, command: Command, invocation: Invocation) -> str:
        rule = invocation.rule
        if invocation.cancelled_at is not None:
            return "Cancelled"
        if self._world.now < command.at + min(rule.seconds, command.timeout):
            return "InProgress"
        if rule.seconds > command.timeout:
            return "TimedOut"
        return rule.status or ("Success" if rule.exit_code == 0 else "Failed")

    def _shown(self, command: Command, invocation: Invocation) -> dict[str, Any]:
        rule, status = invocation.rule, self._status(command, invocation)
        over = status in {"Success", "Failed"}
        ended = invocation.cancelled_at or command.at + min(rule.seconds, command.timeout)
        return {
            "CommandId": command.command_id,
            "InstanceId": invocation.instance_id,
            "Comment": command.request.get("Comment", ""),
            "DocumentName": command.request.get("DocumentName", ""),
            "PluginName": "aws:runShellScript",
            "ResponseCode": rule.exit_code if over else _NOT_OVER,
            "ExecutionStartDateTime": stamp(command.at),
            "ExecutionElapsedTime": "" if status == "InProgress" else f"PT{ended - command.at:.3f}S",
            "ExecutionEndDateTime": "" if status == "InProgress" else stamp(ended),
            "Status": status,
            "StatusDetails": "ExecutionTimedOut" if status == "TimedOut" else status,
            "StandardOutputContent": rule.output[:_SHOWN_CHARACTERS] if over else "",
            "StandardErrorContent": rule.error[:_SHOWN_CHARACTERS] if over else "",
        }

    def _view(self, command: Command) -> dict[str, Any]:
        statuses = {self._status(command, invocation) for invocation in command.invocations.values()}
        bad = next((s for s in ("InProgress", "Failed", "TimedOut", "Cancelled") if s in statuses), "Success")
        return {
            "CommandId": command.command_id,
            "DocumentName": command.request.get("DocumentName", ""),
            "Comment": command.request.get("Comment", ""),
            "Parameters": command.request.get("Parameters", {}),
            "InstanceIds": list(command.invocations),
            "RequestedDateTime": command.at,
            "Status": bad,
            "StatusDetails": bad,
            "TargetCount": len(command.invocations),
        }


def _targeted(request: Mapping[str, Any]) -> list[str]:
    return [
        value
        for target in request.get("Targets", ())
        if str(target.get("Key", "")).lower() == "instanceids"
        for value in target.get("Values", ())
    ]


def _texts(parameters: Mapping[str, Any]) -> Iterator[str]:
    for values in parameters.values():
        yield from (str(value) for value in (values if isinstance(values, list) else [values]))


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    shown = ("CommandId", "InstanceId", "Comment", "DocumentName", "Status", "StatusDetails")
    return {key: row[key] for key in shown}

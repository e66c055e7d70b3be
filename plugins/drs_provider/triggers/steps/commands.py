"""Run Command of Systems Manager: commands on recovered servers, again until they end as wanted."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from drs_provider.hooks.aws.errors import error_code
from drs_provider.probe.function import allowed
from drs_provider.rules.steps.answers import command_look
from drs_provider.rules.steps.requests import instance_information, send_command
from drs_provider.rules.steps.results import Look, Subject
from drs_provider.rules.steps.scripts import host_of, http_look, look_script
from drs_provider.triggers.steps.scene import Client, Scene

#: A look from a server is over after ten seconds; the agent may be busy with something else.
_LOOK_COMMAND_SECONDS = 60


class CommandRunner:
    """Sends commands, and reads what they came to.

    :param once: for what is not to be sent a second time by the SDK
    """

    def __init__(self, scene: Scene, ssm: Client, once: Client) -> None:
        self._scene = scene
        self._ssm = ssm
        self._once = once
        self._platforms: dict[str, str] = {}

    async def platform(self, instance_id: str) -> str | None:
        """Return what a server runs, None while SSM does not reach it."""
        if instance_id not in self._platforms:
            rows = await self._ssm.pages(
                "describe_instance_information",
                "InstanceInformationList",
                **instance_information([instance_id]),
            )
            if not rows or rows[0].get("PingStatus") != "Online":
                return None
            self._platforms[instance_id] = str(rows[0].get("PlatformType", "Linux"))
        return self._platforms[instance_id]

    async def send(self, instance_id: str, lines: Sequence[str], seconds: float) -> Look:
        """Send a command."""
        platform = self._platforms[instance_id]
        request = send_command(
            instance_id, lines, platform=platform, seconds=seconds, comment=self._scene.comment
        )
        try:
            answer = await self._once.ask("send_command", **request)
        except ClientError as error:
            if error_code(error) != "InvalidInstanceId":
                raise
            self._platforms.pop(instance_id, None)
            return Look("waiting", "Systems Manager does not reach the server")
        return Look("waiting", "a command was sent", answer["Command"]["CommandId"])

    async def ended(self, instance_id: str, command_id: str) -> Mapping[str, Any]:
        """Return GetCommandInvocation's row; Pending if it is not visible yet."""
        try:
            return await self._ssm.ask("get_command_invocation", CommandId=command_id, InstanceId=instance_id)
        except ClientError as error:
            if error_code(error) != "InvocationDoesNotExist":
                raise
            return {"Status": "Pending"}


class CommandLooker:
    """Runs a step's commands on each server."""

    def __init__(self, scene: Scene, runner: CommandRunner) -> None:
        self._scene = scene
        self._runner = runner
        self._seen: dict[str, str] = {}

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Send the commands, or read what they came to; while they run, the last end is what was seen."""
        look = await self._look(subject, handle)
        if look.state == "waiting" and look.handle is None:
            self._seen[subject.key] = look.output
        return (
            replace(look, output=self._seen.get(subject.key, look.output))
            if look.state == "waiting"
            else look
        )

    async def _look(self, subject: Subject, handle: str | None) -> Look:
        instance_id = subject.values["instance_id"]
        platform = await self._runner.platform(instance_id)
        if platform is None:
            return Look("waiting", "Systems Manager does not reach the server", handle)
        settings = self._scene.settings(subject)
        if handle is None:
            if refused := self._refused(settings):
                return Look("failed", refused)
            return await self._runner.send(
                instance_id, self._lines(settings, platform), self._seconds(settings)
            )
        look = self._judged(settings, await self._runner.ended(instance_id, handle), handle)
        # What ended badly is run anew at the next look.
        return Look("waiting", look.output) if look.state == "failed" else look

    def _refused(self, settings: Mapping[str, Any]) -> str:
        del settings
        return ""

    def _lines(self, settings: Mapping[str, Any], platform: str) -> list[str]:
        del platform
        return list(settings["commands"])

    def _seconds(self, settings: Mapping[str, Any]) -> float:
        return max(1.0, min(float(settings["command_seconds"]), self._scene.deadline - time.time()))

    def _judged(self, settings: Mapping[str, Any], row: Mapping[str, Any], handle: str) -> Look:
        return command_look(
            row, handle, exit_code=settings["expect_exit_code"], output_match=settings.get("output_match")
        )


class ServerLooker(CommandLooker):
    """Lets a recovered server look at a port or a URL."""

    def _refused(self, settings: Mapping[str, Any]) -> str:
        """A plan that names a host by name in a drill is refused when it loads: here only addresses are left."""
        networks = self._scene.step.get("networks")
        host = host_of(self._scene.kind, settings)
        if networks is None or host == "localhost":
            return ""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return f"{host} is resolved by the server, and may lead out of the drill"
        if address.is_loopback or allowed(host, networks):
            return ""
        return f"{host} is outside of the drill's networks ({', '.join(networks) or 'none are known'})"

    def _lines(self, settings: Mapping[str, Any], platform: str) -> list[str]:
        return look_script(self._scene.kind, settings, platform)

    def _seconds(self, settings: Mapping[str, Any]) -> float:
        del settings
        return _LOOK_COMMAND_SECONDS

    def _judged(self, settings: Mapping[str, Any], row: Mapping[str, Any], handle: str) -> Look:
        look = command_look(row, handle)
        if look.state != "passed" or self._scene.kind == "tcp":
            return look
        told = http_look(settings, str(row.get("StandardOutputContent", "")))
        return replace(told, handle=handle if told.state == "passed" else None)


@asynccontextmanager
async def command_looker(scene: Scene) -> AsyncIterator[CommandLooker]:
    """Give a looker of ``ssm_command``, or of ``tcp`` and ``http`` from a server."""
    async with scene.reach("ssm") as ssm, scene.reach("ssm", once=True) as once:
        runner = CommandRunner(scene, ssm, once)
        yield (CommandLooker if scene.kind == "ssm_command" else ServerLooker)(scene, runner)

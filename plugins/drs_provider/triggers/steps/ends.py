"""The end of what an action started: a runbook, commands, a change of DNS; known by their handles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drs_provider.rules.steps.answers import automation_look, command_look, dns_look
from drs_provider.rules.steps.results import Look, Subject
from drs_provider.triggers.steps.commands import CommandRunner
from drs_provider.triggers.steps.scene import Client, Scene


class AutomationEnd:
    """Waits for an execution of a runbook."""

    def __init__(self, ssm: Client) -> None:
        self._ssm = ssm

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return how far it is."""
        execution_id = known(subject, handle)
        answer = await self._ssm.ask("get_automation_execution", AutomationExecutionId=execution_id)
        return automation_look(answer["AutomationExecution"], execution_id)


class CommandEnd:
    """Waits for commands."""

    def __init__(self, scene: Scene, runner: CommandRunner) -> None:
        self._scene = scene
        self._runner = runner

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return how far they are."""
        command_id = known(subject, handle)
        row = await self._runner.ended(subject.values["instance_id"], command_id)
        return command_look(row, command_id, exit_code=self._scene.step["settings"]["expect_exit_code"])


class DnsEnd:
    """Waits until all name servers of Route 53 have a change."""

    def __init__(self, route53: Client) -> None:
        self._route53 = route53

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return whether they have."""
        change_id = known(subject, handle)
        answer = await self._route53.ask("get_change", Id=change_id)
        return dns_look(answer["ChangeInfo"], change_id)


def known(subject: Subject, handle: str | None) -> str:
    """Return the handle.

    :raises ValueError: if there is none: nothing was started that could be waited for
    """
    if handle is None:
        raise ValueError(f"nothing was started for {subject.name}")
    return handle


@asynccontextmanager
async def automation_end(scene: Scene) -> AsyncIterator[AutomationEnd]:
    """Give a looker of ``ssm_automation``."""
    async with scene.client("ssm") as ssm:
        yield AutomationEnd(ssm)


@asynccontextmanager
async def command_end(scene: Scene) -> AsyncIterator[CommandEnd]:
    """Give a looker of ``ssm_command`` that was run."""
    async with scene.client("ssm") as ssm:
        yield CommandEnd(scene, CommandRunner(scene, ssm, ssm))


@asynccontextmanager
async def dns_end(scene: Scene) -> AsyncIterator[DnsEnd]:
    """Give a looker of ``dns_change``."""
    async with scene.client("route53") as route53:
        yield DnsEnd(route53)

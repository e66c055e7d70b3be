"""The end of what an action started: a runbook, commands, a change of DNS; known by their handles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drs_provider.airflow_api.dag_runs import run_state
from drs_provider.rules.steps.answers import automation_look, command_look, dns_look, run_look
from drs_provider.rules.steps.requests import run_of_handle
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


class DagEnd:
    """Waits for the run of another DAG; it holds no client."""

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return how far it is."""
        dag_id, run_id = run_of_handle(known(subject, handle))
        return run_look(dag_id, run_id, await asyncio.to_thread(run_state, dag_id, run_id))


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
    async with scene.reach("ssm") as ssm:
        yield AutomationEnd(ssm)


@asynccontextmanager
async def command_end(scene: Scene) -> AsyncIterator[CommandEnd]:
    """Give a looker of ``ssm_command`` that was run."""
    async with scene.reach("ssm") as ssm:
        yield CommandEnd(scene, CommandRunner(scene, ssm, ssm))


@asynccontextmanager
async def dag_end(scene: Scene) -> AsyncIterator[DagEnd]:
    """Give a looker of ``trigger_dag``."""
    del scene
    yield DagEnd()


@asynccontextmanager
async def dns_end(scene: Scene) -> AsyncIterator[DnsEnd]:
    """Give a looker of ``dns_change``."""
    async with scene.reach("route53") as route53:
        yield DnsEnd(route53)

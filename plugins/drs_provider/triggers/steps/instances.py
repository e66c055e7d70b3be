"""EC2's status checks of all servers of a step, asked for together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from drs_provider.hooks.aws.chunks import chunks
from drs_provider.hooks.aws.errors import error_code
from drs_provider.hooks.ec2.ec2_rows import status_checks
from drs_provider.rules.steps.answers import status_look
from drs_provider.rules.steps.results import Look, Subject
from drs_provider.triggers.steps.scene import Client, Scene

#: DescribeInstanceStatus takes so many ids.
_CHUNK = 100


class Ec2StatusLooker:
    """Looks at status checks."""

    def __init__(self, scene: Scene, ec2: Client) -> None:
        self._ids = [subject.values["instance_id"] for subject in scene.subjects]
        self._ec2 = ec2
        self._lock = asyncio.Lock()
        self._begun = self._answered = 0
        self._checks: dict[str, dict[str, str]] = {}

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return what a server's checks say; looks that wait at the same time share an answer."""
        del handle
        wanted = self._begun + 1
        async with self._lock:
            if self._answered < wanted:
                self._begun += 1
                self._checks = await self._ask()
                self._answered = self._begun
        return status_look(self._checks.get(subject.values["instance_id"]))

    async def _ask(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for ids in chunks(self._ids, _CHUNK):
            rows = await self._known(ids)
            found.update({row["InstanceId"]: status_checks(row) for row in rows if row.get("InstanceId")})
        return found

    async def _known(self, ids: list[str]) -> list[dict[str, Any]]:
        """One id that EC2 does not know fails the call for all: then each is asked for."""
        try:
            return await self._pages(InstanceIds=ids)
        except Exception as error:
            if not error_code(error).startswith("InvalidInstanceID"):
                raise
        return [row for one in ids for row in await self._single(one)]

    async def _single(self, instance_id: str) -> list[dict[str, Any]]:
        try:
            return await self._pages(InstanceIds=[instance_id])
        except Exception as error:
            if not error_code(error).startswith("InvalidInstanceID"):
                raise
            return []

    async def _pages(self, **request: Any) -> list[dict[str, Any]]:
        return await self._ec2.pages(
            "describe_instance_status", "InstanceStatuses", IncludeAllInstances=True, **request
        )


@asynccontextmanager
async def ec2_status_looker(scene: Scene) -> AsyncIterator[Ec2StatusLooker]:
    """Give a looker."""
    async with scene.reach("ec2") as ec2:
        yield Ec2StatusLooker(scene, ec2)

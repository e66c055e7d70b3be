"""Ports and URLs, from the triggerer or from the probe; alarms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from drs_provider.probe.function import LOOK_SECONDS, look
from drs_provider.rules.steps.answers import alarms_look, short, told_look
from drs_provider.rules.steps.results import Look, Subject
from drs_provider.triggers.steps.scene import Client, Scene


def _order(scene: Scene, subject: Subject) -> dict[str, Any]:
    return {
        **scene.settings(subject),
        "check": scene.kind,
        "networks": scene.step.get("networks"),
        "seconds": LOOK_SECONDS,
    }


class WorkerLooker:
    """Looks from the triggerer itself, in threads of its own: those of the event loop serve all its triggers."""

    def __init__(self, scene: Scene, threads: ThreadPoolExecutor) -> None:
        self._scene = scene
        self._threads = threads

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return what one look came to."""
        del handle
        order = _order(self._scene, subject)
        return told_look(await asyncio.get_running_loop().run_in_executor(self._threads, look, order))


class ProbeLooker:
    """Lets the probe look."""

    def __init__(self, scene: Scene, functions: Client) -> None:
        self._scene = scene
        self._functions = functions

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return what one invocation told."""
        del handle
        order = _order(self._scene, subject)
        answer = await self._functions.ask(
            "invoke", FunctionName=order["probe"], Payload=json.dumps(order).encode()
        )
        payload = json.loads(await answer["Payload"].read() or b"null")
        if answer.get("FunctionError"):
            message = payload.get("errorMessage") if isinstance(payload, dict) else payload
            return Look("waiting", short(f"the probe failed: {message}"))
        return told_look(payload)


class AlarmLooker:
    """Looks at alarms."""

    def __init__(self, scene: Scene, cloudwatch: Client) -> None:
        self._scene = scene
        self._cloudwatch = cloudwatch

    async def look(self, subject: Subject, handle: str | None) -> Look:
        """Return whether all alarms are as they should be."""
        del handle
        settings = self._scene.settings(subject)
        kinds = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms"}
        rows = [
            row
            for kind, key in kinds.items()
            for row in await self._cloudwatch.pages(
                "describe_alarms", key, AlarmNames=settings["alarms"], AlarmTypes=[kind]
            )
        ]
        found = {
            row["AlarmName"]: (str(row.get("StateValue")), str(row.get("StateReason", ""))) for row in rows
        }
        return alarms_look(found, settings["alarms"], settings["state"])


@asynccontextmanager
async def worker_looker(scene: Scene) -> AsyncIterator[WorkerLooker]:
    """Give a looker of ``tcp`` and ``http`` from here."""
    threads = ThreadPoolExecutor(int(scene.step.get("parallel", 1)), thread_name_prefix="drs-look")
    try:
        yield WorkerLooker(scene, threads)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def probe_looker(scene: Scene) -> AsyncIterator[ProbeLooker]:
    """Give a looker of ``tcp`` and ``http`` from the probe."""
    async with scene.reach("lambda") as functions:
        yield ProbeLooker(scene, functions)


@asynccontextmanager
async def alarm_looker(scene: Scene) -> AsyncIterator[AlarmLooker]:
    """Give a looker of ``cloudwatch_alarm``."""
    async with scene.reach("cloudwatch") as cloudwatch:
        yield AlarmLooker(scene, cloudwatch)

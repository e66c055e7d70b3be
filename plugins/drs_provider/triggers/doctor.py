"""The trigger that lets the doctor see a triggerer: its settings, its clock, and whether it gets into each target."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from drs_provider.core.account import AwsTarget
from drs_provider.core.texts import cause
from drs_provider.hooks.aws.clients import aws_clients
from drs_provider.runtime.component import component_facts


class DrsDoctorTrigger(BaseTrigger):
    """Tells what it sees once, and ends.

    :param targets: accounts to prove the identity in, as plain data
    :param session_name: role session name of its calls
    """

    def __init__(self, *, targets: list[dict[str, Any]], session_name: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.targets = targets
        self.session_name = session_name

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores to make this trigger again."""
        path = f"{type(self).__module__}.{type(self).__qualname__}"
        return path, {"targets": self.targets, "session_name": self.session_name}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, and tell."""
        facts = await asyncio.to_thread(component_facts, "triggerer")
        facts["refused"] = {
            target["name"]: told for target in self.targets if (told := await self._refused(target))
        }
        yield TriggerEvent(facts)

    async def _refused(self, target: dict[str, Any]) -> str:
        try:
            clients = aws_clients(AwsTarget.from_dict(target), session_name=self.session_name, fail_fast=True)
            async with clients.async_client("sts") as sts:
                await sts.get_caller_identity()
        except Exception as error:  # of credentials anything may come, and all of it is the answer
            return cause(f"{type(error).__name__}: {error}")
        return ""

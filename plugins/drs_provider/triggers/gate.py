"""The trigger that waits for the answer to a gate."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent

from drs_provider.airflow_api import hitl

log = logging.getLogger(__name__)

#: Airflow resumes a deferred task in the moment of the answer; this is for what it took while the task still ran.
LOOK_SECONDS = 5.0
LEAST_SECONDS = 0.02


class DrsGateTrigger(BaseTrigger):
    """Reads the answer to a request that is open, and closes the request when its time has passed.

    Before the task is queued again the scheduler must have seen the end of the process that deferred, or it takes the
    task for a killed one. Both times are absolute, so that a restarted triggerer does not begin anew.

    :param ti_id: id of the task instance that the request belongs to
    :param deadline: epoch seconds at which the request is closed
    :param not_before: epoch seconds before which the task must not be resumed
    :param closing: the option that the request is closed with
    :param turn_at: epoch seconds at which the task is resumed without an answer, to remind people or to ask others,
        or None
    """

    def __init__(
        self,
        *,
        ti_id: str,
        deadline: float,
        not_before: float,
        closing: str,
        turn_at: float | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ti_id = ti_id
        self.deadline = deadline
        self.not_before = not_before
        self.closing = closing
        self.turn_at = turn_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "ti_id": self.ti_id,
                "deadline": self.deadline,
                "not_before": self.not_before,
                "closing": self.closing,
                "turn_at": self.turn_at,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait for an answer, the deadline, or the time to remind people."""
        turn_at = self.deadline if self.turn_at is None else max(self.turn_at, self.not_before)
        while (response := await self._response()) is None or time.time() < self.not_before:
            if response is None and self.turn_at is not None and time.time() >= turn_at:
                response = {"turn": True}
                break
            until = min(self.deadline, turn_at) if response is None else self.not_before
            await asyncio.sleep(min(LOOK_SECONDS, max(until - time.time(), LEAST_SECONDS)))
        yield TriggerEvent({**response, "ti_id": self.ti_id})

    async def _response(self) -> dict[str, Any] | None:
        try:
            if time.time() >= self.deadline:
                await asyncio.to_thread(hitl.close_request, self.ti_id, self.closing)
            return await asyncio.to_thread(hitl.read_response, self.ti_id)
        except AirflowRuntimeError as error:
            log.warning("The answer to the gate cannot be read; trying again: %s", error)
            await asyncio.sleep(LOOK_SECONDS)
            return None

"""The trigger that waits for the end of another DAG's run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from drs_provider.airflow_api.dag_runs import run_state
from drs_provider.core.task_states import RUN_OVER
from drs_provider.exceptions import RunUnknownError

log = logging.getLogger(__name__)


class DrsRunEndTrigger(BaseTrigger):
    """Waits until a run is over, or gone; its event only says "look again".

    Airflow's ``DagStateTrigger`` would wait for a deleted run for ever, and fail the task if Airflow's API does not
    answer for a moment.
    """

    def __init__(self, *, dag_id: str, run_id: str, poll_interval_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dag_id = dag_id
        self.run_id = run_id
        self.poll_interval_seconds = poll_interval_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what Airflow stores to make this trigger again."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "dag_id": self.dag_id,
                "run_id": self.run_id,
                "poll_interval_seconds": self.poll_interval_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask for the run's state until it is over."""
        while True:
            try:
                state = await asyncio.to_thread(run_state, self.dag_id, self.run_id)
            except RunUnknownError as error:
                log.warning("%s; asking again", error)
            else:
                if state is None or state in RUN_OVER:
                    yield TriggerEvent({"state": state})
                    return
            await asyncio.sleep(self.poll_interval_seconds)

"""The frozen plan of an execution: kept in `prepare`'s task state store, published as XComs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from drs_provider import keys
from drs_provider.airflow_api.run import RunView
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.evidence import peek
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave
from drs_provider.runtime.channels.declared import FROZEN_PLAN, FROZEN_WAVE
from drs_provider.runtime.channels.party import Run

STARTED_AT = "started_at"


class Freezer:
    """Keeps the frozen plan: the store survives retries and clears, the XComs are what other tasks can read.

    The header goes in last and comes out last, so a plan that is half written or half published is no plan.
    """

    def __init__(self, context: Mapping[str, Any], execution_id: str) -> None:
        self._context = context
        self._execution_id = execution_id
        self._state = TaskState(context)

    def started_at(self) -> float:
        """Return when the execution began (epoch seconds); a retry does not move it."""
        return float(self._state.once(STARTED_AT, time.time()))

    def publish_again(self) -> bool:
        """Publish what an earlier try froze; False if there is nothing.

        As it is stored, and also without a key: a plan that does not verify must not look like none.
        """
        header = self._state.get(keys.FROZEN_PLAN)
        if header is None:
            return False
        run = self._run(None)
        for ref in peek(header).get("waves", ()):
            FROZEN_WAVE.publish_again(run, wave=ref["number"])
        FROZEN_PLAN.publish_again(run)
        return True

    def freeze(self, header: FrozenPlan, waves: Sequence[FrozenWave]) -> None:
        """Keep and publish a plan."""
        run = self._run(header.plan_hash)
        for wave in waves:
            FROZEN_WAVE.publish(run, wave, wave=wave.number)
        FROZEN_PLAN.publish(run, header)

    def _run(self, plan_hash: str | None) -> Run[RunView]:
        return Run(RunView(self._context), self._execution_id, plan_hash, self._context)

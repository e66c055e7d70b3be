"""The frozen plan of an execution: sealed, kept in `prepare`'s task state store, published as XComs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from drs_provider import keys, settings
from drs_provider.airflow_api.run import RunView
from drs_provider.airflow_api.state_store import TaskState
from drs_provider.core.evidence import FROZEN_PLAN, FROZEN_WAVE, binding, seal
from drs_provider.rules.execution.frozen import FrozenPlan, FrozenWave

STARTED_AT = "started_at"


class Freezer:
    """Keeps the frozen plan: the store survives retries and clears, the XComs are what other tasks can read.

    The header goes in last and comes out last, so a plan that is half written or half published is no plan.
    """

    def __init__(self, state: TaskState, execution_id: str) -> None:
        self._state = state
        self._execution_id = execution_id
        self._sealed: dict[str, Any] = {}

    def started_at(self) -> float:
        """Return when the execution began (epoch seconds); a retry does not move it."""
        return float(self._state.once(STARTED_AT, time.time()))

    def load(self) -> bool:
        """Read what an earlier try froze; False if there is nothing."""
        header = self._state.get(keys.FROZEN_PLAN)
        if header is None:
            return False
        numbers = [wave["number"] for wave in header["payload"]["waves"]]
        self._sealed = {
            keys.frozen_wave_key(number): self._state.get(keys.frozen_wave_key(number)) for number in numbers
        }
        self._sealed[keys.FROZEN_PLAN] = header
        return True

    def freeze(self, header: FrozenPlan, waves: Sequence[FrozenWave]) -> None:
        """Seal and keep a plan."""
        key = settings.signing_key()
        for wave in waves:
            self._sealed[keys.frozen_wave_key(wave.number)] = seal(
                wave.model_dump(mode="json"),
                key=key,
                purpose=FROZEN_WAVE,
                binding=binding(self._execution_id, wave=wave.number, plan_hash=header.plan_hash),
            )
        self._sealed[keys.FROZEN_PLAN] = seal(
            header.model_dump(mode="json"), key=key, purpose=FROZEN_PLAN, binding=binding(self._execution_id)
        )
        for name, sealed in self._sealed.items():
            self._state.set(name, sealed)

    def publish(self, view: RunView) -> None:
        """Write the XComs that the other tasks read."""
        for name, sealed in self._sealed.items():
            view.push(name, sealed)

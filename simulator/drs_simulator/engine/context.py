"""What an operation needs to know: the world, the Region that is asked, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drs_simulator.engine.entities import Caller, RegionState

if TYPE_CHECKING:
    from drs_simulator.engine.world import World


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation."""

    world: World
    state: RegionState
    caller: Caller

    @property
    def now(self) -> float:
        """Simulated time of the call."""
        return self.world.now

"""The DRS backend in moto's sense: one per account and Region, over the world that is being simulated."""

from __future__ import annotations

from typing import Any

from moto.core.base_backend import BackendDict, BaseBackend

from drs_simulator.adapter.current import current_simulation
from drs_simulator.engine.context import Call
from drs_simulator.engine.entities import Caller, Place
from drs_simulator.engine.operations import perform


class DrsBackend(BaseBackend):
    """DRS of one account and Region. It keeps nothing itself: moto's reset must not forget half a world."""

    def perform(self, operation: str, params: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """Do an operation and return its response body. DrsError for every error answer."""
        world = current_simulation().world
        state = world.region(Place(self.account_id, self.region_name))
        return perform(Call(world, state, caller), operation, params)


drs_backends: BackendDict[DrsBackend] = BackendDict(DrsBackend, "drs")

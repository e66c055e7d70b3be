"""Changes of Route 53: PENDING for a while, then INSYNC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drs_simulator.engine.ids import digest_id

if TYPE_CHECKING:
    from drs_simulator.engine.world import World


class DnsChanges:
    """When which change was made."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made: dict[str, float] = {}

    def made(self) -> str:
        """Note a change and return its id."""
        change_id = digest_id("C", self._world.seed, "change", len(self._made)).upper()
        self._made[change_id] = self._world.now
        return change_id

    def status(self, change_id: str) -> str | None:
        """PENDING or INSYNC; None for a change that was never made."""
        at = self._made.get(change_id)
        if at is None:
            return None
        pending = self._world.now < at + self._world.scenario.services.dns_change_seconds
        return "PENDING" if pending else "INSYNC"

"""A simulated world: one clock, one agenda, all accounts and Regions of a scenario."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from drs_simulator.engine.agenda import Agenda
from drs_simulator.engine.calls import CallLog
from drs_simulator.engine.clock import Clock
from drs_simulator.engine.entities import Place, RegionState
from drs_simulator.engine.faults import FaultBook
from drs_simulator.engine.machines import Machines
from drs_simulator.engine.seeding import seed_region
from drs_simulator.engine.services.automations import Automations
from drs_simulator.engine.services.commands import Commands
from drs_simulator.engine.services.dns_changes import DnsChanges
from drs_simulator.engine.services.functions import Functions
from drs_simulator.engine.times import parse_stamp
from drs_simulator.scenario import Scenario


class World:
    """Everything that exists in a simulation. Not thread-safe: the adapter holds one lock around it."""

    def __init__(
        self,
        scenario: Scenario,
        machines: Machines,
        *,
        speed: float = 1.0,
        start: float | None = None,
        seed: int | None = None,
        wall: Callable[[], float] = time.monotonic,
        idle_speed: float | None = None,
    ) -> None:
        self.scenario = scenario
        self.machines = machines
        self.seed = scenario.seed if seed is None else seed
        if start is None:
            start = parse_stamp(scenario.start_time) if scenario.start_time else time.time()
        self.started_at = start
        self.clock = Clock(start, speed, wall, idle_speed=idle_speed)
        self.agenda = Agenda(self.clock.wake)
        self.faults = FaultBook(self.seed, scenario.faults)
        self.calls = CallLog()
        self._current = start
        self._regions: dict[Place, RegionState] = {}
        self.commands = Commands(self)
        self.automations = Automations(self)
        self.functions = Functions(self)
        self.dns_changes = DnsChanges(self)
        for account_id, account in scenario.accounts.items():
            for region_name, spec in account.regions.items():
                seed_region(self, Place(account_id, region_name), spec)

    @property
    def now(self) -> float:
        """The simulated time up to which everything has happened."""
        return self._current

    def tick(self) -> None:
        """Let everything happen that is due; called before every request of every service."""
        now = max(self._current, self.clock.now())
        self.agenda.run_until(now)
        if not len(self.agenda):
            # Nothing is under way: the clock has been resting since the last thing happened.
            now = max(self._current, self.clock.rest(max(self._current, self.agenda.last_time or 0.0)))
        self._current = now

    def advance(self, seconds: float) -> float:
        """Move the clock forward, let everything due happen, return the new time."""
        self._current = max(self._current, self.clock.advance(seconds))
        self.agenda.run_until(self._current)
        self.tick()
        return self._current

    def region(self, place: Place) -> RegionState:
        """DRS in an account and Region; one the scenario does not list is not initialised."""
        if place not in self._regions:
            self._regions[place] = RegionState(place, page_size=self.scenario.page_size)
        return self._regions[place]

    def regions(self) -> list[RegionState]:
        """All Regions known so far."""
        return list(self._regions.values())

    def rng(self, *parts: object) -> random.Random:
        """A generator of its own for each purpose, so that one does not disturb the other."""
        return random.Random("/".join(str(part) for part in (self.seed, *parts)))

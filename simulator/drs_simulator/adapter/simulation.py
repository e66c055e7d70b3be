"""A world in moto's backends."""

from __future__ import annotations

import os
import threading
from typing import Any

from moto.moto_api._internal import mock_random

from drs_simulator.adapter.current import SimulatorError, clear_backends, require_none_running
from drs_simulator.adapter.identities import Identities
from drs_simulator.adapter.machines import MotoMachines
from drs_simulator.adapter.other_services import seed_services
from drs_simulator.adapter.registration import register
from drs_simulator.engine.errors import invalid
from drs_simulator.engine.world import World
from drs_simulator.scenario import Scenario, load_scenario
from drs_simulator.validation.messages import validate_request


class Simulation:
    """A world in moto's backends, with the lock that everything around it takes.

    :param any_key: an unknown access key, but a temporary one (ASIA…), is one more of the first account's user
    """

    def __init__(
        self,
        scenario: Scenario | str | None = None,
        *,
        speed: float = 1.0,
        seed: int | None = None,
        start: float | None = None,
        idle_speed: float | None = None,
        any_key: bool = False,
    ) -> None:
        _require_usable_environment()
        require_none_running()
        register()
        self.lock = threading.RLock()
        self._speed = speed
        self._seed = seed
        self._start = start
        self._idle_speed = idle_speed
        self._any_key = any_key
        self.scenario = _scenario(scenario)
        self.reset()

    def reset(self, scenario: Scenario | str | None = None, seed: int | None = None) -> None:
        """Begin again: backends, clock, faults, calls, generators; another scenario or seed if given."""
        with self.lock:
            if scenario is not None:
                self.scenario = _scenario(scenario)
            if seed is not None:
                self._seed = seed
            clear_backends()
            mock_random.seed(self.scenario.seed if self._seed is None else self._seed)
            machines = MotoMachines()
            self.world = World(
                self.scenario,
                machines,
                speed=self._speed,
                seed=self._seed,
                start=self._start,
                idle_speed=self._idle_speed,
            )
            machines.now = lambda: self.world.now
            seed_services(self.world)
            self.identities = Identities(self.scenario, any_key=self._any_key)

    def check_request(self, operation: str, params: dict[str, Any]) -> None:
        """ValidationException if the parameters break the service model."""
        violations = validate_request(operation, params)
        if violations:
            fields = [(v.path, v.message) for v in violations]
            count = len(fields)
            text = "; ".join(f"{path}: {message}" for path, message in fields)
            raise invalid(f"{count} validation error{'s' if count > 1 else ''} detected: {text}", *fields)


def _scenario(scenario: Scenario | str | None) -> Scenario:
    if isinstance(scenario, Scenario):
        return scenario
    return load_scenario(scenario) if scenario is not None else load_scenario()


def _require_usable_environment() -> None:
    if "MOTO_ACCOUNT_ID" in os.environ:
        msg = "MOTO_ACCOUNT_ID is set: moto would answer every account as that one; unset it"
        raise SimulatorError(msg)
